import type { ThreadContext } from '../../net/index.ts'
import type { ClusterPlan } from '../cluster-plan.ts'

/** How long a connection may live: max_connection_duration and some share of its jitter, so that not all end at once. */
export function connectionDurationMs(plan: ClusterPlan, { random }: ThreadContext): number {
  return plan.maxConnectionDurationMs * (1 + plan.maxConnectionDurationJitter * random())
}
