// Whom a gRPC call goes to, and the head it begins with.
import {
  CONTENT_TYPE,
  formatGrpcTimeout,
  GRPC_TIMEOUT,
  HeaderMap,
  type HeaderName,
  HOST,
  type RetryPolicyPlan,
  TE,
  X_ENVOY_INTERNAL,
  X_FORWARDED_FOR,
} from '../../http/index.ts'
import { ownAddress } from '../../net/index.ts'
import type { AsyncStreamOptions } from './async-client.ts'

export interface GrpcMetadata {
  readonly name: HeaderName
  readonly value: string
}

export interface GrpcCallOptions {
  readonly cluster: string
  /** '': the cluster's name. */
  readonly authority: string
  /** '/package.Service/Method' */
  readonly path: string
  /** In ms; 0: none. */
  readonly timeoutMs: number
  readonly initialMetadata: readonly GrpcMetadata[]
  readonly maxResponseBytes: number
  /** Of streams: how opening one is tried again. */
  readonly retryPolicy?: RetryPolicyPlan
}

/** The async client knows callers by their options: the same ones for the same service. */
export function keptOptions(
  make: (options: GrpcCallOptions) => AsyncStreamOptions,
): (options: GrpcCallOptions) => AsyncStreamOptions {
  const kept = new WeakMap<GrpcCallOptions, AsyncStreamOptions>()
  return options => {
    let own = kept.get(options)
    if (own === undefined) kept.set(options, (own = make(options)))
    return own
  }
}

/** `timeoutMs`: what the service is told; 0: nothing. */
export function grpcRequestHeaders(options: GrpcCallOptions, timeoutMs: number): HeaderMap {
  const headers = HeaderMap.acquire()
  headers.method = 'POST'
  headers.scheme = 'http'
  headers.path = options.path
  headers.append(HOST, options.authority === '' ? options.cluster : options.authority)
  headers.append(TE, 'trailers')
  if (timeoutMs > 0) headers.append(GRPC_TIMEOUT, formatGrpcTimeout(Math.ceil(timeoutMs)))
  headers.append(CONTENT_TYPE, 'application/grpc')
  for (const { name, value } of options.initialMetadata) headers.append(name, value)
  headers.append(X_ENVOY_INTERNAL, 'true')
  headers.append(X_FORWARDED_FOR, ownAddress())
  return headers
}
