// Words for when a request is tried again, in policies and in request headers.
import { type CompileContext, type ConfigPath, nearestName } from '../config/index.ts'
import {
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
} from './route.ts'

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

/** Envoy drops words it does not know; here they are errors. */
export function compileRetryOn(text: string, context: CompileContext, path: ConfigPath): number {
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
