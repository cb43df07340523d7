// What all threads share of one host: its health, and what must be counted across workers.

/** Int32 cells of one host: a cache line, so that hosts do not slow each other down. */
export const HOST_ROW_CELLS = 16
/** Health flag bits (health.ts). Main decides; workers look when they are told that something changed. */
export const ROW_HEALTH_FLAGS = 0
/** The weight that the host's own load reports come to (ORCA); 0: none. Any worker writes it. */
export const ROW_CLIENT_WEIGHT = 1
/** Since when there has been a weight, and when it was last reported: sharedMs(). */
export const ROW_CLIENT_WEIGHT_SINCE = 2
export const ROW_CLIENT_WEIGHT_AT = 3
/** Connections and requests that all workers hold, where hosts have limits of their own (host-limits.ts). */
export const ROW_HELD_CONNECTIONS = 4
export const ROW_HELD_REQUESTS = 5
/** Failures in a row, over all workers (outlier-detection/host-recorder.ts). */
export const ROW_CONSECUTIVE_5XX = 13
export const ROW_CONSECUTIVE_GATEWAY = 14
export const ROW_CONSECUTIVE_LOCAL = 15

const ROWS_PER_BLOCK = 512
/** A row given back may still be counted in by requests under way, so it rests before it is used again. */
const REST_MS = 600_000

/** Milliseconds of a clock that all threads share, in 32 bits: differences are good for 24 days. */
export function sharedMs(): number {
  return Number(BigInt.asIntN(32, process.hrtime.bigint() / 1_000_000n))
}

/** The rows that a thread knows of, by number. */
export class HostRows {
  private readonly blocks: SharedArrayBuffer[] = []

  /** Blocks come in order of their indexes. */
  addBlock(index: number, memory: SharedArrayBuffer): void {
    this.blocks[index] = memory
  }

  row(number: number): Int32Array {
    const block = this.blocks[Math.floor(number / ROWS_PER_BLOCK)]
    if (block === undefined) throw new RangeError(`host row ${number} is in no known block`)
    return new Int32Array(block, (number % ROWS_PER_BLOCK) * HOST_ROW_CELLS * 4, HOST_ROW_CELLS)
  }

  *allBlocks(): Iterable<readonly [index: number, memory: SharedArrayBuffer]> {
    yield* this.blocks.entries()
  }
}

/** Allots rows; lives on main. */
export class HostRowAllotment {
  readonly rows = new HostRows()
  private readonly onBlock: (index: number, memory: SharedArrayBuffer) => void
  private readonly now: () => number
  private readonly resting: { readonly number: number; readonly sinceMs: number }[] = []
  private restingFrom = 0
  private used = 0

  /** `onBlock` tells every worker of new memory, before any row of it is named. */
  constructor(
    onBlock: (index: number, memory: SharedArrayBuffer) => void,
    now: () => number = () => performance.now(),
  ) {
    this.onBlock = onBlock
    this.now = now
  }

  /** A row of zeros. */
  allot(): number {
    const rested = this.resting[this.restingFrom]
    if (rested !== undefined && this.now() - rested.sinceMs >= REST_MS) {
      this.forgetOldest()
      const row = this.rows.row(rested.number)
      // A tunnel of hours may still hold a connection: then the row rests on.
      if (row[ROW_HELD_CONNECTIONS] === 0 && row[ROW_HELD_REQUESTS] === 0) {
        row.fill(0)
        return rested.number
      }
      this.giveBack(rested.number)
    }
    if (this.used % ROWS_PER_BLOCK === 0) {
      const memory = new SharedArrayBuffer(ROWS_PER_BLOCK * HOST_ROW_CELLS * 4)
      const index = this.used / ROWS_PER_BLOCK
      this.rows.addBlock(index, memory)
      this.onBlock(index, memory)
    }
    return this.used++
  }

  giveBack(number: number): void {
    this.resting.push({ number, sinceMs: this.now() })
  }

  private forgetOldest(): void {
    this.restingFrom++
    if (this.restingFrom < 1024) return
    this.resting.splice(0, this.restingFrom)
    this.restingFrom = 0
  }
}
