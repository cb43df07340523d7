// HOT FILE (docs/hot-path.md): bodies pass no faster than the limit.
import { FilterContinue, type HeaderMap, HttpFilter, type HttpFilterStatus } from '../../../http/index.ts'
import type { BandwidthLimit } from './limit.ts'
import { LimitedBody } from './limited-body.ts'
import { REQUEST_SLOTS, RESPONSE_SLOTS } from './stats.ts'

export class BandwidthLimitFilter extends HttpFilter {
  private readonly own: BandwidthLimit
  private request: LimitedBody | null = null
  private response: LimitedBody | null = null

  constructor(limit: BandwidthLimit) {
    super()
    this.own = limit
  }

  private get limit(): BandwidthLimit {
    return (this.routePlan() as BandwidthLimit | null) ?? this.own
  }

  override decodeHeaders(_headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    const { limit } = this
    const { thread } = this.callbacks
    if (!limit.limitsRequests || !limit.enabled(thread)) return FilterContinue
    limit.open(thread).stats.cells[REQUEST_SLOTS.enabled]! += 1
    if (!endStream) this.request = new LimitedBody(this, limit, true, REQUEST_SLOTS)
    return FilterContinue
  }

  override encodeHeaders(_headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    const { limit } = this
    const { thread } = this.callbacks
    if (!limit.limitsResponses || !limit.enabled(thread)) return FilterContinue
    limit.open(thread).stats.cells[RESPONSE_SLOTS.enabled]! += 1
    if (!endStream) this.response = new LimitedBody(this, limit, false, RESPONSE_SLOTS)
    return FilterContinue
  }

  override decodeData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    return this.request === null ? FilterContinue : this.request.onData(data, start, end, endStream)
  }

  override decodeTrailers(): HttpFilterStatus {
    return this.request === null ? FilterContinue : this.request.onTrailers()
  }

  override encodeData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    return this.response === null ? FilterContinue : this.response.onData(data, start, end, endStream)
  }

  override encodeTrailers(): HttpFilterStatus {
    return this.response === null ? FilterContinue : this.response.onTrailers()
  }

  override onDestroy(): void {
    this.request?.destroy()
    this.response?.destroy()
  }
}
