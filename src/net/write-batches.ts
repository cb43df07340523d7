// HOT FILE (docs/hot-path.md): what many sockets bring for one connection in one turn of the event loop leaves in one write.
// (bench: h2-h1, h2-h2)
import type { Connection } from './connection.ts'

const BATCH_BYTES = 16384
const LARGE_BATCH_BYTES = 131072
const MAX_BATCHES = 256
const MAX_LARGE_BATCHES = 16

/** Opens and closes a callback's turn. */
export interface CallbackTurn {
  enter(): void
  leave(): void
}

/** Buffers of connections that write once per turn of the event loop: each holds one from its first byte to the turn's end. */
export class WriteBatches {
  private readonly turn: CallbackTurn
  private readonly waiting: (Connection | null)[] = []
  private waitingCount = 0
  private readonly spare: Buffer[] = []
  private inUse = 0
  private readonly spareLarge: Buffer[] = []
  private largeInUse = 0
  private readonly endOfTurn = (): void => this.flush()

  constructor(turn: CallbackTurn) {
    this.turn = turn
  }

  /** `connection` has bytes in a batch: they go out when every socket that is ready has been read. */
  add(connection: Connection): void {
    if (this.waitingCount === 0) setImmediate(this.endOfTurn)
    this.waiting[this.waitingCount++] = connection
    connection.inBatchedList = true
  }

  private flush(): void {
    const { waiting } = this
    this.turn.enter()
    for (let i = 0; i < this.waitingCount; i++) {
      const connection = waiting[i] as Connection
      waiting[i] = null
      connection.inBatchedList = false
      connection.flushPending()
    }
    this.waitingCount = 0
    this.turn.leave()
  }

  /** Room for `bytes`. Null when too many are in use, or for so much: such a connection writes when its callback ends. */
  acquire(bytes: number): Buffer | null {
    if (bytes > BATCH_BYTES) return this.acquireLarge(bytes)
    const spare = this.spare.pop()
    if (spare === undefined && this.inUse >= MAX_BATCHES) return null
    this.inUse++
    return spare ?? Buffer.allocUnsafeSlow(BATCH_BYTES)
  }

  private acquireLarge(bytes: number): Buffer | null {
    if (bytes > LARGE_BATCH_BYTES) return null
    const spare = this.spareLarge.pop()
    if (spare === undefined && this.largeInUse >= MAX_LARGE_BATCHES) return null
    this.largeInUse++
    return spare ?? Buffer.allocUnsafeSlow(LARGE_BATCH_BYTES)
  }

  /** `reusable`: nobody reads it any more. */
  release(batch: Buffer, reusable: boolean): void {
    if (batch.length === BATCH_BYTES) {
      this.inUse--
      if (reusable) this.spare.push(batch)
    } else {
      this.largeInUse--
      if (reusable) this.spareLarge.push(batch)
    }
  }
}
