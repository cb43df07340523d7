// Test kit of the codec contract: a connection without a socket. What is written is taken out as bytes.
import { Clock, type TickSource, TimerWheel, type TimeSource } from '../../../base/index.ts'
import { type CloseKind, type Connection, ThreadBuffers } from '../../../net/index.ts'

/** Time that stands until it is moved; the wheel ticks with it. */
export class ManualTime implements TimeSource, TickSource {
  private now = 1000
  private tick: (() => void) | null = null

  monotonicMs(): number {
    return this.now
  }
  wallMs(): number {
    return this.now
  }
  start(_tickMs: number, tick: () => void): void {
    this.tick = tick
  }
  stop(): void {
    this.tick = null
  }
  advance(ms: number): void {
    this.now += ms
    this.tick?.()
  }
}

/** The part of a Connection that codecs use. */
export class MemoryConnection {
  readonly time = new ManualTime()
  readonly clock = new Clock(this.time)
  readonly thread = {
    buffers: new ThreadBuffers(),
    clock: this.clock,
    timers: new TimerWheel(this.clock, this.time),
    random: () => 0.5,
  }
  readonly socket = { writableLength: 0 }
  highWatermarkBytes = 0
  aboveHighWatermark = false
  expectBulk = false
  closedWith: CloseKind | null = null
  readDisables = 0
  private written = Buffer.alloc(65536)
  private size = 0
  private at = 0

  /** Itself, as codecs know it. */
  get connection(): Connection {
    return this as unknown as Connection
  }

  get closing(): boolean {
    return this.closedWith !== null
  }

  get bytesBuffered(): number {
    return this.size
  }

  batchWrites(): void {}

  reserve(max: number): number {
    if (this.thread.buffers.output.length < max) this.thread.buffers.giveAwayOutput(max)
    return this.at
  }

  commit(end: number): void {
    this.append(this.thread.buffers.output, this.at, end)
  }

  write(bytes: Buffer, start: number, end: number): void {
    this.append(bytes, start, end)
  }

  writeString(text: string): void {
    const bytes = Buffer.from(text, 'latin1')
    this.append(bytes, 0, bytes.length)
  }

  yieldReading(): void {}

  readDisable(disable: boolean): void {
    this.readDisables += disable ? 1 : -1
  }

  close(kind: CloseKind): void {
    this.closedWith = kind
  }

  private append(bytes: Buffer, start: number, end: number): void {
    if (this.size + end - start > this.written.length) {
      const grown = Buffer.alloc((this.size + end - start) * 2)
      this.written.copy(grown, 0, 0, this.size)
      this.written = grown
    }
    bytes.copy(this.written, this.size, start, end)
    this.size += end - start
  }

  /** What has been written since the last call. */
  take(): Buffer {
    const taken = Buffer.copyBytesFrom(this.written, 0, this.size) as Buffer
    this.size = 0
    return taken
  }

  text(): string {
    return this.take().toString('latin1')
  }
}
