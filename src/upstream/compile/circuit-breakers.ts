import type {
  CircuitBreakers_ThresholdsJson,
  CircuitBreakersJson,
} from '#api/envoy/config/cluster/v3/circuit_breaker_pb.ts'
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
