// HOT FILE (docs/hot-path.md): requests that were begun lately, counted by all threads: what a retry budget with a
// budget_interval is a share of.
import { SHARED_CLOCK_OFFSET_MS } from '../base/index.ts'

/** An interval is forgotten by tenths. */
const PARTS = 10
const CELLS_PER_PART = 2
const CELLS = PARTS * CELLS_PER_PART

/** Of the two priorities of one cluster. */
export function recentRequestsMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(2 * CELLS * Int32Array.BYTES_PER_ELEMENT)
}

export class RecentRequests {
  /** By part: which tenth of which interval it counts, and how many requests. */
  private readonly cells: Int32Array
  private readonly partMs: number
  private readonly now: () => number

  /** `now`: of a clock that all threads read alike. */
  constructor(
    memory: SharedArrayBuffer,
    priority: 0 | 1,
    intervalMs: number,
    now: () => number = () => performance.now() + SHARED_CLOCK_OFFSET_MS,
  ) {
    this.cells = new Int32Array(memory, priority * CELLS * Int32Array.BYTES_PER_ELEMENT, CELLS)
    this.partMs = intervalMs / PARTS
    this.now = now
  }

  /** Positive, and the same for all threads. */
  private part(): number {
    return Math.floor(this.now() / this.partMs) & 0x7fff_ffff
  }

  /** A request has begun. */
  note(): void {
    const { cells } = this
    const part = this.part()
    const at = (part % PARTS) * CELLS_PER_PART
    // Two threads that meet here may lose each other a request: a budget can bear that.
    if (Atomics.load(cells, at) !== part && Atomics.exchange(cells, at, part) !== part) Atomics.store(cells, at + 1, 0)
    Atomics.add(cells, at + 1, 1)
  }

  get count(): number {
    const { cells } = this
    const part = this.part()
    let sum = 0
    for (let at = 0; at < CELLS; at += CELLS_PER_PART) {
      const age = part - Atomics.load(cells, at)
      if (age >= 0 && age < PARTS) sum += Atomics.load(cells, at + 1)
    }
    return sum
  }
}
