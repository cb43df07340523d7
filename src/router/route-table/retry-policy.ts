// route.v3.RetryPolicy.
import type { RetryPolicyJson } from '#api/envoy/config/route/v3/route_components_pb.ts'
import {
  type CompileContext,
  type ConfigPath,
  declareSupport,
  durationMs,
  int64,
  nearestName,
} from '../../config/index.ts'
import {
  compileHeaderMatchers,
  HeaderName,
  type RateLimitedBackOff,
  RetryOn5xx,
  RetryOnConnectFailure,
  RetryOnEnvoyRateLimited,
  RetryOnGatewayError,
  RetryOnGrpcCancelled,
  RetryOnGrpcDeadlineExceeded,
  RetryOnGrpcInternal,
  RetryOnGrpcResourceExhausted,
  RetryOnGrpcUnavailable,
  RetryOnHttp3PostConnectFailure,
  RetryOnRefusedStream,
  RetryOnReset,
  RetryOnResetBeforeRequest,
  RetryOnRetriable4xx,
  RetryOnRetriableHeaders,
  RetryOnRetriableStatusCodes,
  type RetryPolicyPlan,
} from '../../http/index.ts'
import { compileHostPredicates, compileRetryPriority } from './retry-hosts.ts'

const LATER = 'not part of this release; remove it'
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
  ],
  refused: {
    retry_options_predicates: `retry options predicates are ${LATER}`,
    refresh_cluster_on_retry: `a retry stays on its cluster; choosing another is ${LATER}`,
  },
})
declareSupport('envoy.config.route.v3.RetryPolicy.RetryBackOff', { supported: ['base_interval', 'max_interval'] })
declareSupport('envoy.config.route.v3.RetryPolicy.ResetHeader', { supported: ['name', 'format'] })
declareSupport('envoy.config.route.v3.RetryPolicy.RateLimitedRetryBackOff', {
  supported: ['reset_headers', 'max_interval'],
})

/** The words of retry_on, x-envoy-retry-on and x-envoy-retry-grpc-on. */
export const RETRY_ON: Readonly<Record<string, number>> = {
  '5xx': RetryOn5xx,
  'gateway-error': RetryOnGatewayError,
  reset: RetryOnReset,
  'reset-before-request': RetryOnResetBeforeRequest,
  'connect-failure': RetryOnConnectFailure,
  'envoy-ratelimited': RetryOnEnvoyRateLimited,
  'retriable-4xx': RetryOnRetriable4xx,
  'refused-stream': RetryOnRefusedStream,
  'retriable-status-codes': RetryOnRetriableStatusCodes,
  'retriable-headers': RetryOnRetriableHeaders,
  'http3-post-connect-failure': RetryOnHttp3PostConnectFailure,
  cancelled: RetryOnGrpcCancelled,
  'deadline-exceeded': RetryOnGrpcDeadlineExceeded,
  'resource-exhausted': RetryOnGrpcResourceExhausted,
  unavailable: RetryOnGrpcUnavailable,
  internal: RetryOnGrpcInternal,
}

const DEFAULT_BASE_MS = 25
const DEFAULT_RATE_LIMITED_MAX_MS = 300_000

export function compileRetryPolicy(
  policy: RetryPolicyJson,
  context: CompileContext,
  path: ConfigPath,
): RetryPolicyPlan {
  const baseIntervalMs = durationMs(policy.retryBackOff?.baseInterval, DEFAULT_BASE_MS)
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
    hostPredicates: compileHostPredicates(policy, context, path.field('retry_host_predicate')),
    hostSelectionRetryMaxAttempts: int64(policy.hostSelectionRetryMaxAttempts ?? 1),
    priorityUpdateFrequency: compileRetryPriority(policy, context, path.field('retry_priority')),
  })
}

/** Envoy drops words it does not know; here they are errors. */
function compileRetryOn(text: string, context: CompileContext, path: ConfigPath): number {
  let bits = 0
  for (const word of text.split(',').map(part => part.trim())) {
    if (word === '') continue
    const bit = RETRY_ON[word]
    if (bit !== undefined) bits |= bit
    else {
      const suggestion = nearestName(word, Object.keys(RETRY_ON))
      context.diagnostics.error(path, `unknown retry condition ${word}`, {
        expected: `one of ${Object.keys(RETRY_ON).join(', ')}`,
        found: word,
        ...(suggestion === undefined ? {} : { suggestion }),
      })
    }
  }
  return bits
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
