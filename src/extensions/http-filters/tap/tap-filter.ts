// HOT FILE (docs/hot-path.md): where no tap is attached it costs one look at its point.
import { FilterContinue, type HeaderMap, HttpFilter, type HttpFilterStatus } from '../../../http/index.ts'
import { type StatBlock, statTemplate } from '../../../observability/index.ts'
import type { TapPlan } from './tap-config.ts'
import { type TapDetails, Tapper } from './tapper.ts'

export const TAP_STATS = statTemplate({ counters: ['rq_sampled_out', 'rq_tapped'] })
const SAMPLED_OUT = TAP_STATS.slot('rq_sampled_out')
const TAPPED = TAP_STATS.slot('rq_tapped')

export class TapFilter extends HttpFilter {
  private readonly plan: TapPlan | null
  private readonly details: TapDetails
  private readonly stats: StatBlock
  private tapper: Tapper | null = null

  /** `plan` null: nobody records now. */
  constructor(plan: TapPlan | null, details: TapDetails, stats: StatBlock) {
    super()
    this.plan = plan
    this.details = details
    this.stats = stats
  }

  override decodeHeaders(headers: HeaderMap): HttpFilterStatus {
    const { plan, callbacks } = this
    if (plan === null) return FilterContinue
    if (plan.share === null || plan.share.enabled(callbacks.thread)) {
      this.tapper = new Tapper(plan, this.details, callbacks)
      this.tapper.onRequestHeaders(headers)
    } else this.stats.cells[SAMPLED_OUT]! += 1
    return FilterContinue
  }

  override decodeData(data: Buffer, start: number, end: number): HttpFilterStatus {
    this.tapper?.onRequestBody(data, start, end)
    return FilterContinue
  }

  override decodeTrailers(trailers: HeaderMap): HttpFilterStatus {
    this.tapper?.onRequestTrailers(trailers)
    return FilterContinue
  }

  override encodeHeaders(headers: HeaderMap): HttpFilterStatus {
    this.tapper?.onResponseHeaders(headers)
    return FilterContinue
  }

  override encodeData(data: Buffer, start: number, end: number): HttpFilterStatus {
    this.tapper?.onResponseBody(data, start, end)
    return FilterContinue
  }

  override encodeTrailers(trailers: HeaderMap): HttpFilterStatus {
    this.tapper?.onResponseTrailers(trailers)
    return FilterContinue
  }

  override onStreamComplete(): void {
    if (this.tapper?.finish() === true) this.stats.cells[TAPPED]! += 1
    this.tapper = null
  }
}
