// HOT FILE (docs/hot-path.md): one request that is let in or not, and what became of it.
import {
  FilterContinue,
  FilterStop,
  grpcStatusIn,
  type HeaderMap,
  HttpFilter,
  type HttpFilterStatus,
  isGrpcResponse,
} from '../../../http/index.ts'
import { ADMISSION_STATS, type AdmissionPlan } from './plan.ts'

const REJECTED = ADMISSION_STATS.slot('rq_rejected')
const SUCCESS = ADMISSION_STATS.slot('rq_success')
const FAILURE = ADMISSION_STATS.slot('rq_failure')

export class AdmissionControl extends HttpFilter {
  private readonly plan: AdmissionPlan
  /** What becomes of this request is still to be counted. */
  private counts = false
  /** The response is gRPC: its trailers tell. */
  private awaitsTrailers = false

  constructor(plan: AdmissionPlan) {
    super()
    this.plan = plan
  }

  override decodeHeaders(): HttpFilterStatus {
    const { plan, callbacks } = this
    if (callbacks.info.healthCheck || !plan.isEnabled(callbacks.thread)) return FilterContinue
    if (plan.rejects(callbacks.thread)) {
      plan.stats.cells[REJECTED]! += 1
      callbacks.sendLocalReply(503, '', 'denied_by_admission_control')
      return FilterStop
    }
    this.counts = true
    return FilterContinue
  }

  override encodeHeaders(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    if (!this.counts) return FilterContinue
    if (!isGrpcResponse(headers, endStream)) this.record(this.plan.isHttpSuccess(headers.status))
    else if (endStream) this.record(this.plan.isGrpcSuccess(grpcStatusIn(headers)))
    else this.awaitsTrailers = true
    return FilterContinue
  }

  override encodeTrailers(trailers: HeaderMap): HttpFilterStatus {
    if (this.counts && this.awaitsTrailers) this.record(this.plan.isGrpcSuccess(grpcStatusIn(trailers)))
    return FilterContinue
  }

  private record(success: boolean): void {
    const { plan, callbacks } = this
    this.counts = false
    plan.stats.cells[success ? SUCCESS : FAILURE]! += 1
    plan.window.record(callbacks.thread.clock.now, success)
  }

  /** A call whose end never came has failed. */
  override onDestroy(): void {
    if (this.counts) this.record(false)
  }
}
