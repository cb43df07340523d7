// Where the circuit breakers of all clusters count: memory that main allots and every worker shares.
import { recentRequestsMemory } from './recent-requests.ts'

/** Resource kinds in one priority, in cell order. */
export const RESOURCE_KINDS = 4
const PRIORITIES = 2
/** One cache line: cells of different resources must not share one, or workers slow each other down. */
const LINE = 16
const CLUSTERS_PER_BLOCK = 128
/** A slot given back may still be counted on by draining connections, so it rests before it is used again. */
const REST_MS = 600_000

/** The cells of one cluster, as posted to workers. Indexes are in Int32 units. */
export interface LimitsLocation {
  readonly memory: SharedArrayBuffer
  readonly offset: number
  readonly stride: number
  /** For recent-requests.ts; null: they are not counted. */
  readonly recent: SharedArrayBuffer | null
}

/**
 * One cell is a total and, in the same cache line, what each thread holds of it (the ledger): position 0 the total, 1
 * main, 2 + n worker n. So main can give back what a dead worker held.
 */
export function ledgerPosition(workerIndex: number): number {
  return workerIndex + 2
}

/** Index of the total of `kind` at `priority`. */
export function cellIndex(location: LimitsLocation, priority: number, kind: number): number {
  return location.offset + (priority * RESOURCE_KINDS + kind) * location.stride
}

/** Allots cells to clusters; lives on main. */
export class LimitsMemory {
  private readonly stride: number
  private readonly blocks: Int32Array[] = []
  private usedInLast = CLUSTERS_PER_BLOCK
  private readonly resting: { readonly location: LimitsLocation; readonly sinceMs: number }[] = []
  private readonly now: () => number

  constructor(workers: number, now: () => number = () => performance.now()) {
    this.stride = LINE * Math.ceil(ledgerPosition(workers) / LINE)
    this.now = now
  }

  /** `recent`: with room to count the requests of late. */
  allot(recent = false): LimitsLocation {
    return { ...this.cells(), recent: recent ? recentRequestsMemory() : null }
  }

  private cells(): Omit<LimitsLocation, 'recent'> {
    const oldest = this.resting[0]
    if (oldest !== undefined && this.now() - oldest.sinceMs >= REST_MS) {
      this.resting.shift()
      if (this.isZero(oldest.location)) return oldest.location
      // A tunnel of hours may still hold a connection: it rests on, and holds up no other.
      this.giveBack(oldest.location)
    }
    const perCluster = PRIORITIES * RESOURCE_KINDS * this.stride
    if (this.usedInLast === CLUSTERS_PER_BLOCK) {
      this.usedInLast = 0
      this.blocks.push(new Int32Array(new SharedArrayBuffer(CLUSTERS_PER_BLOCK * perCluster * 4)))
    }
    const memory = (this.blocks[this.blocks.length - 1] as Int32Array<SharedArrayBuffer>).buffer
    return { memory, offset: this.usedInLast++ * perCluster, stride: this.stride }
  }

  giveBack(location: LimitsLocation): void {
    this.resting.push({ location, sinceMs: this.now() })
  }

  private isZero(location: LimitsLocation): boolean {
    const cells = new Int32Array(location.memory)
    for (let cell = 0; cell < PRIORITIES * RESOURCE_KINDS; cell++) {
      if (Atomics.load(cells, location.offset + cell * location.stride) !== 0) return false
    }
    return true
  }

  /** Returns everything that a worker held when it died. */
  releaseShareOf(workerIndex: number): void {
    const ledger = ledgerPosition(workerIndex)
    for (const cells of this.blocks) {
      for (let at = 0; at < cells.length; at += this.stride) {
        const held = Atomics.exchange(cells, at + ledger, 0)
        if (held !== 0) Atomics.sub(cells, at, held)
      }
    }
  }
}
