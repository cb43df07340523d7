// Access log files: lines collect in memory and go out in large writes, off the thread's way.
import { close, open, openSync, write, writeSync } from 'node:fs'

const FLUSH_BYTES = 65536
/** Room for what makes a flush due, and for the line that does so. */
const BUFFER_BYTES = FLUSH_BYTES + 16384
const FLUSH_MS = 10000
/** Lines kept while the disk does not take them; beyond, they are dropped and counted. */
const MAX_PENDING_BYTES = 4 * 1024 * 1024

/** What happened to the lines of all files of this thread; `filesystem.*` stats. */
export interface LogFileStats {
  writeBuffered(): void
  writeCompleted(): void
  writeFailed(): void
  flushedByTimer(): void
  reopenFailed(): void
}

/** One access log file of one thread. Whole lines are appended with O_APPEND, so threads share a file. */
export class LogFile {
  private readonly path: string | number
  private readonly stats: LogFileStats
  private descriptor: number
  /** Lines that wait, in its first `pendingBytes`. Text kept as text would be carried along by the garbage collector. */
  private pending: Buffer | null = null
  private pendingBytes = 0
  /** A buffer that has been written, for the lines that come next. */
  private spare: Buffer | null = null
  private writing = false
  /** Replaced by a reopen while a write to it was under way. */
  private leaving = -1
  private timer: NodeJS.Timeout | null = null
  private whenWritten: (() => void) | null = null
  private readonly flushMs: number

  /** `path`: a file's, or a descriptor that is open already (standard output). Throws when it cannot be opened. */
  constructor(path: string | number, stats: LogFileStats, flushMs = FLUSH_MS) {
    this.path = path
    this.stats = stats
    this.flushMs = flushMs
    this.descriptor = typeof path === 'number' ? path : openSync(path, 'a')
  }

  /** Appends a line of latin1 text, newline included. Never blocks, never throws. */
  append(line: string): void {
    if (this.pendingBytes > MAX_PENDING_BYTES) {
      this.stats.writeFailed()
      return
    }
    const end = this.pendingBytes + line.length
    if (this.pending === null || end > this.pending.length) this.makeRoom(end)
    this.pendingBytes += this.pending!.latin1Write(line, this.pendingBytes)
    this.stats.writeBuffered()
    if (this.pendingBytes >= FLUSH_BYTES) this.flush()
    else this.timer ??= setTimeout(() => this.onTimer(), this.flushMs).unref()
  }

  /** Of lines that are not taken from it a buffer holds twice as many each time. */
  private makeRoom(end: number): void {
    const { pending } = this
    if (pending === null && this.spare !== null && end <= this.spare.length) {
      this.pending = this.spare
      this.spare = null
      return
    }
    const larger = Buffer.allocUnsafeSlow(Math.max(BUFFER_BYTES, 2 * (pending?.length ?? 0), end))
    pending?.copy(larger, 0, 0, this.pendingBytes)
    this.pending = larger
  }

  private onTimer(): void {
    this.timer = null
    this.stats.flushedByTimer()
    this.flush()
  }

  private flush(): void {
    if (this.writing || this.pendingBytes === 0) return
    const bytes = this.take()
    this.writing = true
    this.writeAll(this.descriptor, bytes, 0)
  }

  private writeAll(descriptor: number, bytes: Buffer, from: number): void {
    write(descriptor, bytes, from, bytes.length - from, null, (error, written) => {
      if (error === null && from + written < bytes.length) {
        this.writeAll(descriptor, bytes, from + written)
        return
      }
      this.writing = false
      this.giveBack(bytes)
      if (error === null) this.stats.writeCompleted()
      else this.stats.writeFailed()
      this.closeLeaving()
      this.whenWritten?.()
      // The timer may have gone off during the write.
      if (this.pendingBytes >= FLUSH_BYTES || this.timer === null) this.flush()
    })
  }

  private take(): Buffer {
    const bytes = this.pending!.subarray(0, this.pendingBytes) as Buffer
    this.pending = null
    this.pendingBytes = 0
    return bytes
  }

  /** One that grew while the disk did not take it is let go. */
  private giveBack(bytes: Buffer): void {
    if (bytes.buffer.byteLength === BUFFER_BYTES) this.spare = Buffer.from(bytes.buffer as ArrayBuffer)
  }

  /** Opens the path anew: the old file was moved away. Lines so far go to the old one. */
  reopen(): void {
    this.flushSync()
    if (typeof this.path === 'number') return
    open(this.path, 'a', (error, descriptor) => {
      if (error !== null) {
        this.stats.reopenFailed()
        return
      }
      this.closeLeaving()
      this.leaving = this.descriptor
      this.descriptor = descriptor
      if (!this.writing) this.closeLeaving()
    })
  }

  /** Writes everything and waits for a write under way, which would be lost with its thread. */
  finish(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.whenWritten = () => {
      this.whenWritten = null
      this.flushSync()
      resolve()
    }
    if (!this.writing) this.whenWritten()
    return promise
  }

  private closeLeaving(): void {
    if (this.leaving < 0) return
    // Nothing is lost when it fails: all lines were written before.
    close(this.leaving, () => {})
    this.leaving = -1
  }

  /** Writes what is pending now; before a reopen. */
  flushSync(): void {
    if (this.pendingBytes === 0) return
    try {
      const bytes = this.take()
      for (let from = 0; from < bytes.length; ) from += writeSync(this.descriptor, bytes, from)
      this.stats.writeCompleted()
    } catch {
      this.stats.writeFailed()
    }
  }
}
