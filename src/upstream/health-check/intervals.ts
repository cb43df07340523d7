// When the next check comes (Envoy: HealthCheckerImplBase::interval).
import type { RuntimeSnapshot } from '../../config/index.ts'
import { ChangePending, type Transition } from './check-state.ts'
import type { IntervalPlan } from './health-check-plan.ts'

export interface LastCheck {
  readonly passed: boolean
  readonly transition: Transition
  /** The cluster has had a connection of its own, at any time. */
  readonly traffic: boolean
}

/** The proto calls the edge intervals those after a change; Envoy uses them while one is pending. */
function baseMs(plan: IntervalPlan, { passed, transition, traffic }: LastCheck): number {
  const pending = transition === ChangePending
  if (!traffic) return passed && !pending ? plan.noTrafficHealthyMs : plan.noTrafficMs
  if (passed) return pending ? plan.healthyEdgeMs : plan.intervalMs
  return pending ? plan.unhealthyEdgeMs : plan.unhealthyMs
}

/** `random`: uniform in [0, 1). */
export function nextIntervalMs(
  plan: IntervalPlan,
  last: LastCheck,
  random: () => number,
  runtime: RuntimeSnapshot,
): number {
  const base = baseMs(plan, last)
  let ms = base
  if (plan.jitterPercent > 0) ms += random() * ((base * plan.jitterPercent) / 100)
  if (plan.jitterMs > 0) ms += random() * plan.jitterMs
  const shortest = runtime.getNumber('health_check.min_interval', 0)
  const longest = runtime.getNumber('health_check.max_interval', Number.MAX_SAFE_INTEGER)
  return Math.max(1, shortest, Math.min(ms, longest))
}
