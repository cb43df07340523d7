import type { RouteTracing, SamplingPlan, TracerPlan } from '../../http/index.ts'
import type { TraceSettings } from '../../observability/index.ts'

/** HttpConnectionManager.tracing. */
export interface TracingPlan {
  /** Null: decisions are made and told, but there are no spans. */
  readonly tracer: TracerPlan | null
  readonly sampling: SamplingPlan
  /** The id of a request decides for all proxies on its way; false: every request is traced. */
  readonly usesRequestId: boolean
  readonly settings: TraceSettings
  /** What a route says over them; made once for each. */
  settingsFor(route: RouteTracing): TraceSettings
}
