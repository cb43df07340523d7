// HOT FILE (docs/hot-path.md): how long a request may take, from the route and, for internal clients, from its headers.

import type { HeaderMap, Route } from '../http/index.ts'
import * as http from '../http/index.ts'

/** What one request is given. Nearly all requests of a worker are given the same: they share it. */
export class RequestTimeouts {
  /** Whole request with all attempts, 0: none. */
  readonly globalMs: number
  /** Each attempt, 0: none. */
  readonly perTryMs: number
  /** The same, while nothing moves. */
  readonly perTryIdleMs: number
  /** An attempt that takes too long runs on beside the next one. */
  readonly hedges: boolean
  /** What a client is told that has waited in vain. */
  readonly status: 204 | 504

  constructor(globalMs: number, perTryMs: number, perTryIdleMs: number, hedges: boolean, status: 204 | 504) {
    this.globalMs = globalMs
    this.perTryMs = perTryMs
    this.perTryIdleMs = perTryIdleMs
    this.hedges = hedges
    this.status = status
  }

  /** How long an attempt may be waited for, after `elapsedMs` of the whole request; hedged ones may take all of it. 0: for ever. */
  expectedMs(elapsedMs: number): number {
    const { globalMs, perTryMs } = this
    const ms = this.hedges || perTryMs === 0 ? globalMs : perTryMs
    if (ms === 0 || globalMs === 0) return ms
    // 0 would be for ever.
    return Math.max(1, Math.min(ms, Math.floor(globalMs - elapsedMs)))
  }
}

export const NO_TIMEOUTS = new RequestTimeouts(0, 0, 0, false, 504)
let last = NO_TIMEOUTS

const TIMEOUT_BITS = http.X_ENVOY_UPSTREAM_RQ_TIMEOUT_MS.bit | http.X_ENVOY_UPSTREAM_RQ_PER_TRY_TIMEOUT_MS.bit

/** Reads and removes the control headers. */
export function requestTimeouts(route: Route, headers: HeaderMap, respectExpected: boolean): RequestTimeouts {
  // A stream with a duration of its own needs no other end.
  let globalMs = route.maxStreamDurationMs >= 0 || route.grpcTimeoutHeaderMaxMs >= 0 ? 0 : route.timeoutMs
  if (route.maxGrpcTimeoutMs >= 0 && http.hasGrpcContentType(headers)) globalMs = grpcTimeout(route, headers)
  let perTryMs = route.retryPolicy?.perTryTimeoutMs ?? 0
  const perTryIdleMs = route.retryPolicy?.perTryIdleTimeoutMs ?? 0
  const expected = respectExpected && headers.has(http.X_ENVOY_EXPECTED_RQ_TIMEOUT_MS)
  if (expected) globalMs = millisecondsIn(headers, http.X_ENVOY_EXPECTED_RQ_TIMEOUT_MS, globalMs)
  if ((headers.known1 & TIMEOUT_BITS) !== 0) {
    if (!expected) globalMs = millisecondsIn(headers, http.X_ENVOY_UPSTREAM_RQ_TIMEOUT_MS, globalMs)
    headers.remove(http.X_ENVOY_UPSTREAM_RQ_TIMEOUT_MS)
    perTryMs = millisecondsIn(headers, http.X_ENVOY_UPSTREAM_RQ_PER_TRY_TIMEOUT_MS, perTryMs)
    headers.remove(http.X_ENVOY_UPSTREAM_RQ_PER_TRY_TIMEOUT_MS)
  }
  if (perTryMs >= globalMs && globalMs !== 0) perTryMs = 0
  const status = headers.remove(http.X_ENVOY_UPSTREAM_RQ_TIMEOUT_ALT_RESPONSE) ? 204 : 504
  let hedges = route.hedgeOnPerTryTimeout
  if (headers.has(http.X_ENVOY_HEDGE_ON_PER_TRY_TIMEOUT)) {
    hedges = headers.get(http.X_ENVOY_HEDGE_ON_PER_TRY_TIMEOUT) === 'true'
    headers.remove(http.X_ENVOY_HEDGE_ON_PER_TRY_TIMEOUT)
  }
  const same =
    last.globalMs === globalMs &&
    last.perTryMs === perTryMs &&
    last.perTryIdleMs === perTryIdleMs &&
    last.hedges === hedges &&
    last.status === status
  if (!same) last = new RequestTimeouts(globalMs, perTryMs, perTryIdleMs, hedges, status)
  return last
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

/** A value of no number of milliseconds is not heard: then it is `otherwise`. */
function millisecondsIn(headers: HeaderMap, name: http.HeaderName, otherwise: number): number {
  const text = headers.has(name) ? headers.get(name) : undefined
  return text !== undefined && isMilliseconds(text) ? Number(text) : otherwise
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
