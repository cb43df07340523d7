// HOT FILE (docs/hot-path.md): how long a request may take, from the route and, for internal clients, from its headers.

import type { HeaderMap, Route } from '../http/index.ts'
import * as http from '../http/index.ts'

export interface RequestTimeouts {
  /** Whole request with all attempts, 0: none. */
  globalMs: number
  /** Each attempt, 0: none. */
  perTryMs: number
  /** The same, while nothing moves. */
  perTryIdleMs: number
}

const timeouts: RequestTimeouts = { globalMs: 0, perTryMs: 0, perTryIdleMs: 0 }
const TIMEOUT_BITS = http.X_ENVOY_UPSTREAM_RQ_TIMEOUT_MS.bit | http.X_ENVOY_UPSTREAM_RQ_PER_TRY_TIMEOUT_MS.bit

/** Reads and removes the control headers. The result is valid until the next call. */
export function requestTimeouts(route: Route, headers: HeaderMap, respectExpected: boolean): RequestTimeouts {
  // A stream with a duration of its own needs no other end.
  timeouts.globalMs = route.maxStreamDurationMs >= 0 || route.grpcTimeoutHeaderMaxMs >= 0 ? 0 : route.timeoutMs
  if (route.maxGrpcTimeoutMs >= 0 && http.hasGrpcContentType(headers)) timeouts.globalMs = grpcTimeout(route, headers)
  timeouts.perTryMs = route.retryPolicy?.perTryTimeoutMs ?? 0
  timeouts.perTryIdleMs = route.retryPolicy?.perTryIdleTimeoutMs ?? 0
  const expected = respectExpected && headers.has(http.X_ENVOY_EXPECTED_RQ_TIMEOUT_MS)
  if (expected) readInto('globalMs', headers, http.X_ENVOY_EXPECTED_RQ_TIMEOUT_MS)
  if ((headers.known1 & TIMEOUT_BITS) !== 0) {
    if (!expected) readInto('globalMs', headers, http.X_ENVOY_UPSTREAM_RQ_TIMEOUT_MS)
    headers.remove(http.X_ENVOY_UPSTREAM_RQ_TIMEOUT_MS)
    readInto('perTryMs', headers, http.X_ENVOY_UPSTREAM_RQ_PER_TRY_TIMEOUT_MS)
    headers.remove(http.X_ENVOY_UPSTREAM_RQ_PER_TRY_TIMEOUT_MS)
  }
  if (timeouts.perTryMs >= timeouts.globalMs && timeouts.globalMs !== 0) timeouts.perTryMs = 0
  return timeouts
}

/** max_grpc_timeout: the client's deadline, or else the longest that is allowed. */
function grpcTimeout(route: Route, headers: HeaderMap): number {
  const text = headers.has(http.GRPC_TIMEOUT) ? headers.get(http.GRPC_TIMEOUT) : undefined
  let ms = text === undefined ? 0 : Math.max(http.parseGrpcTimeout(text), 0)
  if (route.grpcTimeoutOffsetMs > 0 && ms > route.grpcTimeoutOffsetMs) ms -= route.grpcTimeoutOffsetMs
  const max = route.maxGrpcTimeoutMs
  return max > 0 && (ms === 0 || ms > max) ? max : ms
}

/** With max_grpc_timeout the upstream is told in gRPC's own words too. */
export function setGrpcTimeout(route: Route, headers: HeaderMap, ms: number): void {
  if (route.maxGrpcTimeoutMs < 0 || ms <= 0 || !http.hasGrpcContentType(headers)) return
  headers.set(http.GRPC_TIMEOUT, http.formatGrpcTimeout(ms))
}

/** How long an attempt may be waited for, after `elapsedMs` of the whole request; hedged ones may take all of it. 0: for ever. */
export function expectedTimeoutMs(globalMs: number, perTryMs: number, hedges: boolean, elapsedMs: number): number {
  const ms = hedges || perTryMs === 0 ? globalMs : perTryMs
  if (ms === 0 || globalMs === 0) return ms
  // 0 would be for ever.
  return Math.max(1, Math.min(ms, Math.floor(globalMs - elapsedMs)))
}

/** A value of no number of milliseconds is not heard. */
function readInto(field: 'globalMs' | 'perTryMs', headers: HeaderMap, name: http.HeaderName): void {
  const text = headers.has(name) ? headers.get(name) : undefined
  if (text !== undefined && isMilliseconds(text)) timeouts[field] = Number(text)
}

export function isMilliseconds(text: string): boolean {
  return /^\d{1,9}$/.test(text)
}

// Nearly all requests of a worker carry the same few timeouts.
let expectedMs = -1
let expectedLine = new http.PreparedLine(http.X_ENVOY_EXPECTED_RQ_TIMEOUT_MS, '')

/** Tells the upstream how long its answer is waited for. */
export function setExpectedTimeout(headers: HeaderMap, ms: number): void {
  if (headers.has(http.X_ENVOY_EXPECTED_RQ_TIMEOUT_MS)) {
    if (ms > 0) headers.set(http.X_ENVOY_EXPECTED_RQ_TIMEOUT_MS, String(ms))
    else headers.remove(http.X_ENVOY_EXPECTED_RQ_TIMEOUT_MS)
    return
  }
  if (ms <= 0) return
  if (ms !== expectedMs) {
    expectedMs = ms
    expectedLine = new http.PreparedLine(http.X_ENVOY_EXPECTED_RQ_TIMEOUT_MS, String(ms))
  }
  headers.appendPrepared(expectedLine)
}
