// core.v3.RetryPolicy: how requests of filters are tried again.
import type { RetryPolicyJson } from '#api/envoy/config/core/v3/base_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport, durationMs } from '../../config/index.ts'
import { compileRetryOn, type RetryPolicyPlan } from '../../http/index.ts'

const ROUTES_ONLY = 'requests of filters are balanced anew for each attempt; only routes choose hosts for retries'
declareSupport('envoy.config.core.v3.RetryPolicy', {
  supported: ['retry_back_off', 'num_retries', 'retry_on'],
  refused: {
    retry_priority: ROUTES_ONLY,
    retry_host_predicate: ROUTES_ONLY,
    host_selection_retry_max_attempts: ROUTES_ONLY,
  },
})
declareSupport('envoy.config.core.v3.BackoffStrategy', { supported: ['base_interval', 'max_interval'] })

const DEFAULT_BASE_MS = 1000

/** `defaultRetryOn`: where the policy does not say when. */
export function compileServiceRetryPolicy(
  { retryBackOff, numRetries, retryOn }: RetryPolicyJson,
  defaultRetryOn: string,
  context: CompileContext,
  path: ConfigPath,
): RetryPolicyPlan {
  const baseIntervalMs = durationMs(retryBackOff?.baseInterval, DEFAULT_BASE_MS)
  const conditions = retryOn === undefined || retryOn === '' ? defaultRetryOn : retryOn
  const maxIntervalMs = durationMs(retryBackOff?.maxInterval, baseIntervalMs * 10)
  return {
    retryOn: compileRetryOn(conditions, context, path.field('retry_on')),
    numRetries: numRetries ?? 1,
    // As Envoy: an attempt may last as long as the longest pause.
    perTryTimeoutMs: maxIntervalMs,
    perTryIdleTimeoutMs: 0,
    retriableStatusCodes: [],
    retriableHeaders: [],
    retriableRequestHeaders: [],
    baseIntervalMs,
    maxIntervalMs,
    rateLimitedBackOff: null,
    refreshCluster: false,
    hostPredicates: [],
    hostSelectionRetryMaxAttempts: 1,
    priorityUpdateFrequency: 0,
  }
}
