// HOT FILE (docs/hot-path.md): one direction of a stream whose rate is limited.
import {
  FilterContinue,
  FilterStop,
  type HttpFilter,
  type HttpFilterStatus,
  type RateLimitedStream,
  StreamRateLimiter,
} from '../../../http/index.ts'
import type { BandwidthLimit, OpenLimit } from './limit.ts'
import type { DirectionSlots } from './stats.ts'

export class LimitedBody implements RateLimitedStream {
  private readonly filter: HttpFilter
  private readonly isRequest: boolean
  private readonly open: OpenLimit
  private readonly slots: DirectionSlots
  private readonly limiter: StreamRateLimiter
  /** Of the first byte; -1: none has come. */
  private startMs = -1
  private over = false

  constructor(filter: HttpFilter, limit: BandwidthLimit, isRequest: boolean, slots: DirectionSlots) {
    const { thread } = filter.callbacks
    this.filter = filter
    this.isRequest = isRequest
    this.open = limit.open(thread)
    this.slots = slots
    this.limiter = new StreamRateLimiter(thread, this, this.open.source, limit.fillIntervalMs)
  }

  get bufferLimitBytes(): number {
    return this.filter.callbacks.bufferLimitBytes
  }

  onData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    const { cells } = this.open.stats
    if (this.startMs < 0) {
      this.startMs = this.filter.callbacks.thread.clock.now
      cells[this.slots.pending]! += 1
    }
    cells[this.slots.incoming] = end - start
    cells[this.slots.incomingTotal]! += end - start
    this.limiter.write(data, start, end, endStream)
    return FilterStop
  }

  onTrailers(): HttpFilterStatus {
    if (this.limiter.writeTrailers()) return FilterStop
    this.finish()
    return FilterContinue
  }

  passData(data: Buffer, start: number, end: number, endStream: boolean): void {
    const { callbacks } = this.filter
    const { cells } = this.open.stats
    cells[this.slots.allowed] = end - start
    cells[this.slots.allowedTotal]! += end - start
    if (this.limiter.length > 0) cells[this.slots.enforced]! += 1
    if (endStream) this.finish()
    const direction = this.isRequest ? callbacks.decoding : callbacks.encoding
    direction.injectData(this.filter, data, start, end, endStream)
  }

  passTrailers(): void {
    const { callbacks } = this.filter
    this.finish()
    if (this.isRequest) callbacks.continueDecoding(this.filter)
    else callbacks.continueEncoding(this.filter)
  }

  pauseSource(): void {
    if (this.isRequest) this.filter.callbacks.pauseDownstream()
    else this.filter.callbacks.pauseUpstream()
  }

  resumeSource(): void {
    if (this.isRequest) this.filter.callbacks.resumeDownstream()
    else this.filter.callbacks.resumeUpstream()
  }

  private finish(): void {
    if (this.over || this.startMs < 0) return
    this.over = true
    const { stats } = this.open
    stats.cells[this.slots.pending]! -= 1
    stats.histogram(this.slots.duration).record(this.filter.callbacks.thread.clock.now - this.startMs)
  }

  destroy(): void {
    this.limiter.destroy()
    if (this.over || this.startMs < 0) return
    this.over = true
    this.open.stats.cells[this.slots.pending]! -= 1
  }
}
