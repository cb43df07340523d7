import type {
  CircuitBreakers_ThresholdsJson,
  CircuitBreakersJson,
} from '#api/envoy/config/cluster/v3/circuit_breaker_pb.ts'
import { type ConfigPath, type Diagnostics, durationMs } from '../../config/index.ts'
import type { HostLimitsPlan } from '../host-limits.ts'
import type { LimitsPlan } from '../resource-limits.ts'

const DEFAULT_MAX = 1024
const DEFAULT_MAX_RETRIES = 3
const DEFAULT_BUDGET_PERCENT = 20

function limitsPlan(json: CircuitBreakers_ThresholdsJson | undefined, runtimePrefix: string): LimitsPlan {
  const budget = json?.retryBudget
  return Object.freeze({
    max: [
      json?.maxConnections ?? DEFAULT_MAX,
      json?.maxPendingRequests ?? DEFAULT_MAX,
      json?.maxRequests ?? DEFAULT_MAX,
      json?.maxRetries ?? DEFAULT_MAX_RETRIES,
    ] as const,
    retryBudget:
      budget === undefined
        ? null
        : {
            percent:
              budget.budgetPercent === undefined ? DEFAULT_BUDGET_PERCENT : Number(budget.budgetPercent.value ?? 0),
            minRetryConcurrency: budget.minRetryConcurrency ?? DEFAULT_MAX_RETRIES,
            intervalMs: durationMs(budget.budgetInterval, 0),
          },
    trackRemaining: json?.trackRemaining ?? false,
    runtimePrefix,
  })
}

/** Limits by routing priority; of several thresholds for one priority the first counts, as in Envoy. */
export function compileCircuitBreakers(
  json: CircuitBreakersJson | undefined,
  clusterName: string,
): readonly [LimitsPlan, LimitsPlan] {
  const first = (priority: string): CircuitBreakers_ThresholdsJson | undefined =>
    json?.thresholds?.find(thresholds => (thresholds.priority ?? 'DEFAULT') === priority)
  const prefix = `circuit_breakers.${clusterName}.`
  return [limitsPlan(first('DEFAULT'), `${prefix}default.`), limitsPlan(first('HIGH'), `${prefix}high.`)]
}

const NOT_PER_HOST = ['max_pending_requests', 'max_retries', 'retry_budget', 'max_connection_pools'] as const

/** Limits of each host by routing priority; the first of each counts. */
export function compileHostLimits(
  json: CircuitBreakersJson | undefined,
  diagnostics: Diagnostics,
  path: ConfigPath,
): readonly [HostLimitsPlan | null, HostLimitsPlan | null] {
  const all = json?.perHostThresholds ?? []
  all.forEach((thresholds, index) => {
    const set: Partial<Record<(typeof NOT_PER_HOST)[number], unknown>> = {
      max_pending_requests: thresholds.maxPendingRequests,
      max_retries: thresholds.maxRetries,
      retry_budget: thresholds.retryBudget,
      max_connection_pools: thresholds.maxConnectionPools,
    }
    for (const name of NOT_PER_HOST) {
      if (set[name] === undefined) continue
      const at = path.field('per_host_thresholds').index(index).field(name)
      diagnostics.error(at, 'hosts have no limit of this kind', { expected: 'max_connections or max_requests' })
    }
  })
  const first = (priority: string): HostLimitsPlan | null => {
    const found = all.find(thresholds => (thresholds.priority ?? 'DEFAULT') === priority)
    if (found === undefined) return null
    const { maxConnections = Number.POSITIVE_INFINITY, maxRequests = Number.POSITIVE_INFINITY } = found
    return { maxConnections, maxRequests }
  }
  return [first('DEFAULT'), first('HIGH')]
}
