import type { ThreadContext } from '../../net/index.ts'
import type { Tracer } from '../../observability/index.ts'

/** What a tracer's configuration compiles to (category 'envoy.tracers'). */
export interface TracerPlan {
  /** Once per thread and provider: the tracer of all connection managers that are configured alike. */
  open(thread: ThreadContext): Tracer
}

export const TRACER_CATEGORY = 'envoy.tracers'
