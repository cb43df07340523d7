// route.v3.RetryPolicy.
import type { RetryPolicyJson } from '#api/envoy/config/route/v3/route_components_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport, durationMs, int64 } from '../../config/index.ts'
import { HeaderName } from '../header-name.ts'
import { compileHeaderMatchers } from '../matchers/header-matcher.ts'
import { compileRetryOn } from '../retry-conditions.ts'
import type { RateLimitedBackOff, RetryPolicyPlan } from '../route.ts'
import { compileHostPredicates, compileRetryPriority } from './retry-hosts.ts'

declareSupport('envoy.config.route.v3.RetryPolicy', {
  supported: [
    'retry_on',
    'num_retries',
    'per_try_timeout',
    'per_try_idle_timeout',
    'retry_host_predicate',
    'retry_priority',
    'host_selection_retry_max_attempts',
    'retriable_status_codes',
    'retry_back_off',
    'rate_limited_retry_back_off',
    'retriable_headers',
    'retriable_request_headers',
    'refresh_cluster_on_retry',
  ],
  refused: {
    retry_options_predicates: 'Envoy has no such predicate built in either; leave it out',
  },
})
declareSupport('envoy.config.route.v3.RetryPolicy.RetryBackOff', { supported: ['base_interval', 'max_interval'] })
declareSupport('envoy.config.route.v3.RetryPolicy.ResetHeader', { supported: ['name', 'format'] })
declareSupport('envoy.config.route.v3.RetryPolicy.RateLimitedRetryBackOff', {
  supported: ['reset_headers', 'max_interval'],
})

const DEFAULT_RATE_LIMITED_MAX_MS = 300_000

export function compileRetryPolicy(
  policy: RetryPolicyJson,
  context: CompileContext,
  path: ConfigPath,
): RetryPolicyPlan {
  const baseIntervalMs = durationMs(policy.retryBackOff?.baseInterval, 0)
  const maxIntervalMs = durationMs(policy.retryBackOff?.maxInterval, baseIntervalMs * 10)
  if (maxIntervalMs < baseIntervalMs) {
    context.diagnostics.error(path.field('retry_back_off').field('max_interval'), 'shorter than base_interval', {
      expected: `at least ${policy.retryBackOff?.baseInterval}`,
    })
  }
  return Object.freeze({
    retryOn: compileRetryOn(policy.retryOn ?? '', context, path.field('retry_on')),
    numRetries: policy.numRetries ?? 1,
    perTryTimeoutMs: durationMs(policy.perTryTimeout, 0),
    perTryIdleTimeoutMs: durationMs(policy.perTryIdleTimeout, 0),
    retriableStatusCodes: policy.retriableStatusCodes ?? [],
    retriableHeaders: compileHeaderMatchers(policy.retriableHeaders, context, path.field('retriable_headers')),
    retriableRequestHeaders: compileHeaderMatchers(
      policy.retriableRequestHeaders,
      context,
      path.field('retriable_request_headers'),
    ),
    baseIntervalMs,
    maxIntervalMs,
    rateLimitedBackOff: compileRateLimited(policy),
    refreshCluster: policy.refreshClusterOnRetry ?? false,
    hostPredicates: compileHostPredicates(policy, context, path.field('retry_host_predicate')),
    hostSelectionRetryMaxAttempts: int64(policy.hostSelectionRetryMaxAttempts ?? 1),
    priorityUpdateFrequency: compileRetryPriority(policy, context, path.field('retry_priority')),
  })
}

function compileRateLimited(policy: RetryPolicyJson): RateLimitedBackOff | null {
  const backOff = policy.rateLimitedRetryBackOff
  if (backOff === undefined) return null
  return {
    resetHeaders: (backOff.resetHeaders ?? []).map(header => ({
      name: HeaderName.of(header.name ?? ''),
      format: header.format ?? 'SECONDS',
    })),
    maxIntervalMs: durationMs(backOff.maxInterval, DEFAULT_RATE_LIMITED_MAX_MS),
  }
}
