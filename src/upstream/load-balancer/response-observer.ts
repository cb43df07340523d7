// HOT FILE (docs/hot-path.md): what balancers learn from responses.
import { type HeaderMap, HeaderName } from '../../http/index.ts'
import type { BalancerPlan, ClientSideWeightsPlan, PeakEwmaPlan } from '../balancer-plan.ts'
import type { Host } from '../host.ts'
import { noteReport } from './client-side-weights.ts'
import { parseBinary, parseLoadMetrics } from './orca-report.ts'
import { observeResponseTime } from './peak-ewma.ts'

const LOAD_METRICS = HeaderName.of('endpoint-load-metrics')
const LOAD_METRICS_BIN = HeaderName.of('endpoint-load-metrics-bin')

export interface ResponseObserver {
  /** The head of a response is there, `ms` after the request went out. */
  onResponseHeaders(host: Host, headers: HeaderMap, ms: number, nowMs: number): void
}

class ResponseTimes implements ResponseObserver {
  private readonly decayTimeMs: number

  constructor(plan: PeakEwmaPlan) {
    this.decayTimeMs = plan.decayTimeMs
  }

  onResponseHeaders(host: Host, _headers: HeaderMap, ms: number, nowMs: number): void {
    observeResponseTime(host, ms, nowMs, this.decayTimeMs)
  }
}

class LoadReports implements ResponseObserver {
  private readonly plan: ClientSideWeightsPlan

  constructor(plan: ClientSideWeightsPlan) {
    this.plan = plan
  }

  onResponseHeaders(host: Host, headers: HeaderMap): void {
    const binary = headers.get(LOAD_METRICS_BIN)
    const text = binary === undefined ? headers.get(LOAD_METRICS) : undefined
    if (binary === undefined && text === undefined) return
    const report = binary === undefined ? parseLoadMetrics(text as string) : parseBinary(binary)
    if (report !== null) noteReport(host, report, this.plan)
  }
}

/** Null where the policy does not look at responses. */
export function responseObserver(plan: BalancerPlan): ResponseObserver | null {
  if (plan.kind === 'subset' || plan.kind === 'override_host') return responseObserver(plan.child)
  if (plan.kind === 'peak_ewma') return new ResponseTimes(plan)
  return plan.kind === 'client_side_weighted_round_robin' ? new LoadReports(plan) : null
}
