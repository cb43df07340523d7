// HOT FILE (docs/hot-path.md): one request that is let in or not, and how long its answer took.
import { SHARED_CLOCK_OFFSET_MS } from '../../../base/index.ts'
import { FilterContinue, FilterStop, type HeaderMap, HttpFilter, type HttpFilterStatus } from '../../../http/index.ts'
import type { AdaptiveConcurrencyPlan } from './plan.ts'

const NOT_ADMITTED = -1

export class AdaptiveConcurrency extends HttpFilter {
  private readonly plan: AdaptiveConcurrencyPlan
  private sinceMs = NOT_ADMITTED

  constructor(plan: AdaptiveConcurrencyPlan) {
    super()
    this.plan = plan
  }

  override decodeHeaders(): HttpFilterStatus {
    const { plan, callbacks } = this
    // Health checks are answered sooner than what the limit is for.
    if (callbacks.info.healthCheck || !plan.isEnabled(callbacks.thread)) return FilterContinue
    const nowMs = callbacks.thread.clock.now + SHARED_CLOCK_OFFSET_MS
    if (!plan.controller.admit(nowMs)) {
      callbacks.sendLocalReply(plan.status, 'reached concurrency limit', 'reached_concurrency_limit')
      return FilterStop
    }
    this.sinceMs = nowMs
    return FilterContinue
  }

  override encodeHeaders(_headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    if (endStream) this.record()
    return FilterContinue
  }

  override encodeData(_data: Buffer, _start: number, _end: number, endStream: boolean): HttpFilterStatus {
    if (endStream) this.record()
    return FilterContinue
  }

  override encodeTrailers(): HttpFilterStatus {
    this.record()
    return FilterContinue
  }

  private record(): void {
    const { sinceMs, plan, callbacks } = this
    if (sinceMs === NOT_ADMITTED) return
    this.sinceMs = NOT_ADMITTED
    plan.controller.record(sinceMs, callbacks.thread.clock.now + SHARED_CLOCK_OFFSET_MS)
  }

  /** An answer that never came to its end says nothing of latency. */
  override onDestroy(): void {
    if (this.sinceMs === NOT_ADMITTED) return
    this.sinceMs = NOT_ADMITTED
    this.plan.controller.cancel()
  }
}
