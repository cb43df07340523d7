// HOT FILE (docs/hot-path.md): lets the body of one direction through at a rate; for filters that throttle.
import { Timer, type TimerOwner } from '../base/index.ts'
import type { ThreadContext } from '../net/index.ts'

/** Where bytes that may pass come from; several streams may share one. */
export interface ByteSource {
  /** How many of `wanted` bytes may pass now. */
  take(wanted: number, nowMs: number): number
}

/** One second's worth at most, refilled as time goes by. */
export class ByteBucket implements ByteSource {
  private readonly bytesPerMs: number
  private readonly capacity: number
  private bytes: number
  private lastMs: number

  /** Nobody has taken from it yet. */
  private fresh = true

  /** Whenever the first byte comes, it finds `firstBytes`: a stream that begins late does not begin with a burst. */
  constructor(bytesPerSecond: number, firstBytes: number) {
    this.bytesPerMs = bytesPerSecond / 1000
    this.capacity = bytesPerSecond
    this.bytes = firstBytes
    this.lastMs = 0
  }

  take(wanted: number, nowMs: number): number {
    if (!this.fresh) this.bytes = Math.min(this.capacity, this.bytes + (nowMs - this.lastMs) * this.bytesPerMs)
    this.fresh = false
    this.lastMs = nowMs
    const taken = Math.min(wanted, Math.floor(this.bytes))
    this.bytes -= taken
    return taken
  }
}

/** Where limited bytes go, and whose source is stopped while too many wait. */
export interface RateLimitedStream {
  passData(data: Buffer, start: number, end: number, endStream: boolean): void
  /** Everything has passed; trailers that had to wait may follow. */
  passTrailers(): void
  pauseSource(): void
  resumeSource(): void
  readonly bufferLimitBytes: number
}

export class StreamRateLimiter implements TimerOwner {
  private readonly thread: ThreadContext
  private readonly stream: RateLimitedStream
  private readonly source: ByteSource
  private readonly intervalMs: number
  private readonly timer: Timer
  private waiting: Buffer[] = []
  private waitingBytes = 0
  /** Of the first waiting buffer so much has passed. */
  private offset = 0
  private ended = false
  private trailers = false
  private paused = false
  private destroyed = false

  constructor(thread: ThreadContext, stream: RateLimitedStream, source: ByteSource, intervalMs: number) {
    this.thread = thread
    this.stream = stream
    this.source = source
    this.intervalMs = intervalMs
    this.timer = new Timer(this, 0)
  }

  /** Bytes that wait. */
  get length(): number {
    return this.waitingBytes
  }

  /** Takes the bytes; they are passed on now or later, never in another order. */
  write(data: Buffer, start: number, end: number, endStream: boolean): void {
    if (end > start) {
      this.waiting.push(Buffer.copyBytesFrom(data, start, end - start) as Buffer)
      this.waitingBytes += end - start
    }
    this.ended ||= endStream
    if (!this.timer.armed) this.pass()
    if (this.waitingBytes > this.stream.bufferLimitBytes && !this.paused && !this.destroyed) {
      this.paused = true
      this.stream.pauseSource()
    }
  }

  /** Trailers have come. True: they have to wait for `passTrailers`. */
  writeTrailers(): boolean {
    if (this.waitingBytes === 0) return false
    this.trailers = true
    return true
  }

  onTimer(): void {
    this.thread.buffers.enter()
    this.pass()
    this.thread.buffers.leave()
  }

  private pass(): void {
    let left = this.source.take(this.waitingBytes, this.thread.clock.now)
    this.waitingBytes -= left
    // Armed before anything is passed: what is passed may end the stream, which disarms it.
    if (this.waitingBytes > 0) this.thread.timers.arm(this.timer, this.intervalMs)
    const last = this.ended && this.waitingBytes === 0
    if (left === 0 && last) this.stream.passData(NO_BYTES, 0, 0, true)
    // What is passed may end the stream.
    while (left > 0 && !this.destroyed) {
      const buffer = this.waiting[0]!
      const start = this.offset
      const end = Math.min(buffer.length, start + left)
      left -= end - start
      this.offset = end
      if (end === buffer.length) {
        this.waiting.shift()
        this.offset = 0
      }
      this.stream.passData(buffer, start, end, last && left === 0)
    }
    if (this.waitingBytes > 0 || this.destroyed) return
    if (this.trailers) this.stream.passTrailers()
    if (!this.paused) return
    this.paused = false
    this.stream.resumeSource()
  }

  destroy(): void {
    this.destroyed = true
    this.thread.timers.disarm(this.timer)
    this.waiting = []
    this.waitingBytes = 0
    if (!this.paused) return
    this.paused = false
    this.stream.resumeSource()
  }
}

const NO_BYTES = Buffer.alloc(0)
