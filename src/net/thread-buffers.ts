// HOT FILE (docs/hot-path.md): one read buffer and one output buffer per thread; nothing is allocated per message.
import type { Connection } from './connection.ts'
import { WriteBatches } from './write-batches.ts'

/** Reads of idle and chatty connections land here: bytes are valid only during the read callback. (bench: h1) */
export const SHARED_READ_BYTES = 65536
/** Private read buffers of connections that move bulk bytes; large, since each costs one system call. (bench: mib, l4) */
export const BULK_BYTES = 262144
const OUTPUT_BYTES = 131072
/** Private buffers in use at most; beyond, bulk falls back to copying through the shared one. */
const MAX_BULK = 256
const MAX_SPARE_BULK = 16

/** The buffers that all connections of one thread share. */
export class ThreadBuffers {
  readonly sharedRead: Buffer = Buffer.allocUnsafeSlow(SHARED_READ_BYTES)
  /** Where heads and small bodies of one callback are encoded, for all connections that do not batch. */
  sharedOutput: Buffer = Buffer.allocUnsafeSlow(OUTPUT_BYTES)
  outputPosition = 0
  /** Where the connection that has just reserved room writes; see Connection.reserve. */
  output: Buffer = this.sharedOutput
  /** The connection that reserved last: without batches its pending bytes end at outputPosition. */
  outputOwner: Connection | null = null
  /** The private buffer being dispatched right now, if it still belongs to its reader. */
  private offered: Buffer | null = null
  private readonly spareBulk: Buffer[] = []
  private bulkInUse = 0
  readonly batches = new WriteBatches(this)
  private readonly dirty: (Connection | null)[] = []
  private dirtyCount = 0
  private depth = 0
  private flushScheduled = false
  private readonly scheduledFlush = (): void => {
    this.flushScheduled = false
    this.flush()
  }

  /** Opens a turn: what is written until the matching `leave` goes out in one write per connection. */
  enter(): void {
    this.depth++
  }

  leave(): void {
    if (--this.depth === 0 && this.dirtyCount !== 0) this.flush()
  }

  markDirty(connection: Connection): void {
    this.dirty[this.dirtyCount++] = connection
    if (this.depth === 0 && !this.flushScheduled) {
      this.flushScheduled = true
      process.nextTick(this.scheduledFlush)
    }
  }

  private flush(): void {
    const { dirty } = this
    for (let i = 0; i < this.dirtyCount; i++) {
      const connection = dirty[i] as Connection
      // Not by a length of 0: that throws the array's room away, once per turn.
      dirty[i] = null
      connection.flushPending()
    }
    this.dirtyCount = 0
    this.outputPosition = 0
    this.outputOwner = null
  }

  /** The kernel did not take all of it at once: the old output buffer now belongs to that write. */
  giveAwayOutput(atLeast = 0): void {
    this.sharedOutput = Buffer.allocUnsafeSlow(Math.max(OUTPUT_BYTES, atLeast))
    this.output = this.sharedOutput
    this.outputPosition = 0
    this.outputOwner = null
  }

  get outputCapacity(): number {
    return OUTPUT_BYTES
  }

  /** A private read buffer, or null when too many are in use. */
  acquireBulk(): Buffer | null {
    const spare = this.spareBulk.pop()
    if (spare !== undefined) {
      this.bulkInUse++
      return spare
    }
    if (this.bulkInUse >= MAX_BULK) return null
    this.bulkInUse++
    return Buffer.allocUnsafeSlow(BULK_BYTES)
  }

  releaseBulk(buffer: Buffer): void {
    this.bulkInUse--
    if (this.spareBulk.length < MAX_SPARE_BULK) this.spareBulk.push(buffer)
  }

  /** During a read: `buffer` may be taken by whoever writes it on. */
  offer(buffer: Buffer): void {
    this.offered = buffer
  }

  /** Takes the private buffer that `bytes` is; false when it must be copied. */
  take(bytes: Buffer): boolean {
    if (this.offered !== bytes) return false
    this.offered = null
    return true
  }

  /** A write that was taken whole gives the buffer back within the same read. */
  giveBack(buffer: Buffer): void {
    this.offered = buffer
  }

  /** After the read: was the buffer kept by a write? */
  wasTaken(): boolean {
    const taken = this.offered === null
    this.offered = null
    return taken
  }
}
