// HOT FILE (docs/hot-path.md): lets the body of one direction through at a rate; for filters that throttle.
import { Timer, type TimerOwner } from '../base/index.ts'
import type { ThreadContext } from '../net/index.ts'

/** Bytes that may pass: one second's worth at most, refilled as time goes by. Several streams may share one. */
export class ByteBucket {
  private readonly bytesPerMs: number
  private readonly capacity: number
  private bytes: number
  private lastMs: number

  /** Full to begin with. */
  constructor(bytesPerSecond: number, nowMs: number) {
    this.bytesPerMs = bytesPerSecond / 1000
    this.capacity = bytesPerSecond
    this.bytes = bytesPerSecond
    this.lastMs = nowMs
  }

  /** How many of `wanted` bytes may pass now. */
  take(wanted: number, nowMs: number): number {
    this.bytes = Math.min(this.capacity, this.bytes + (nowMs - this.lastMs) * this.bytesPerMs)
    this.lastMs = nowMs
    const taken = Math.min(wanted, Math.floor(this.bytes))
    this.bytes -= taken
    return taken
  }

  /** Forgets what time has brought: a stream that begins late does not begin with a burst. */
  reset(bytes: number, nowMs: number): void {
    this.bytes = Math.min(this.capacity, bytes)
    this.lastMs = nowMs
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
  private readonly bucket: ByteBucket
  private readonly intervalMs: number
  /** At the first byte the bucket is set to this; -1: it is shared and stays as it is. */
  private readonly firstBytes: number
  private readonly timer: Timer
  private waiting: Buffer[] = []
  private waitingBytes = 0
  /** Of the first waiting buffer so much has passed. */
  private offset = 0
  private begun = false
  private ended = false
  private trailers = false
  private paused = false

  constructor(
    thread: ThreadContext,
    stream: RateLimitedStream,
    bucket: ByteBucket,
    intervalMs: number,
    firstBytes: number,
  ) {
    this.thread = thread
    this.stream = stream
    this.bucket = bucket
    this.intervalMs = intervalMs
    this.firstBytes = firstBytes
    this.timer = new Timer(this, 0)
  }

  /** Bytes that wait. */
  get length(): number {
    return this.waitingBytes
  }

  /** Takes the bytes; they are passed on now or later, never in another order. */
  write(data: Buffer, start: number, end: number, endStream: boolean): void {
    if (!this.begun) {
      this.begun = true
      if (this.firstBytes >= 0) this.bucket.reset(this.firstBytes, this.thread.clock.now)
    }
    if (end > start) {
      this.waiting.push(Buffer.copyBytesFrom(data, start, end - start) as Buffer)
      this.waitingBytes += end - start
    }
    this.ended ||= endStream
    if (!this.timer.armed) this.pass()
    if (this.waitingBytes > this.stream.bufferLimitBytes && !this.paused) {
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
    let left = this.bucket.take(this.waitingBytes, this.thread.clock.now)
    this.waitingBytes -= left
    // Armed before anything is passed: what is passed may end the stream, which disarms it.
    if (this.waitingBytes > 0) this.thread.timers.arm(this.timer, this.intervalMs)
    const last = this.ended && this.waitingBytes === 0
    if (left === 0 && last) this.stream.passData(NO_BYTES, 0, 0, true)
    while (left > 0) {
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
    if (this.waitingBytes > 0) return
    if (this.trailers) this.stream.passTrailers()
    if (!this.paused) return
    this.paused = false
    this.stream.resumeSource()
  }

  destroy(): void {
    this.thread.timers.disarm(this.timer)
    this.waiting = []
    this.waitingBytes = 0
    if (!this.paused) return
    this.paused = false
    this.stream.resumeSource()
  }
}

const NO_BYTES = Buffer.alloc(0)
