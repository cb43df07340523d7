// Whether and when a request is tried again: envoy.config.route.v3.RetryPolicy and the x-envoy-retry headers.

import type { HeaderMap, ResetReason, RetryPolicyPlan, Route } from '../http/index.ts'
import * as http from '../http/index.ts'
import type { ThreadContext } from '../net/index.ts'
import { ResponseFlag, type StreamInfo } from '../observability/index.ts'
import { CLUSTER_SLOTS as C, type Cluster, Retries } from '../upstream/index.ts'
import { ClusterRefresh, type MovableRequest } from './cluster-refresh.ts'
import {
  countSlices,
  RQ_RETRY,
  RQ_RETRY_LIMIT,
  RQ_RETRY_OVERFLOW,
  RQ_RETRY_SUCCESS,
  type SliceStats,
} from './slice-stats.ts'
import type { UpstreamRequest } from './upstream-request.ts'

/** The request may be tried again. */
export const RetryYes = 0
/** It is no case for a retry. */
export const RetryNo = 1
/** The breaker for retries is full. */
export const RetryOverflow = 2
/** All allowed retries are used up. */
export const RetryLimit = 3
export type RetryDecision = typeof RetryYes | typeof RetryNo | typeof RetryOverflow | typeof RetryLimit

export const CONDITIONS: Readonly<Record<string, number>> = {
  '5xx': http.RetryOn5xx,
  'gateway-error': http.RetryOnGatewayError,
  reset: http.RetryOnReset,
  'reset-before-request': http.RetryOnResetBeforeRequest,
  'connect-failure': http.RetryOnConnectFailure,
  'envoy-ratelimited': http.RetryOnEnvoyRateLimited,
  'retriable-4xx': http.RetryOnRetriable4xx,
  'refused-stream': http.RetryOnRefusedStream,
  'retriable-status-codes': http.RetryOnRetriableStatusCodes,
  'retriable-headers': http.RetryOnRetriableHeaders,
}
export const GRPC_CONDITIONS: Readonly<Record<string, number>> = {
  cancelled: http.RetryOnGrpcCancelled,
  'deadline-exceeded': http.RetryOnGrpcDeadlineExceeded,
  'resource-exhausted': http.RetryOnGrpcResourceExhausted,
  unavailable: http.RetryOnGrpcUnavailable,
  internal: http.RetryOnGrpcInternal,
}
const GRPC_STATUS_BITS: Readonly<Record<string, number>> = {
  '1': http.RetryOnGrpcCancelled,
  '4': http.RetryOnGrpcDeadlineExceeded,
  '8': http.RetryOnGrpcResourceExhausted,
  '13': http.RetryOnGrpcInternal,
  '14': http.RetryOnGrpcUnavailable,
}
const RETRY_BITS = http.X_ENVOY_RETRY_ON.bit | http.X_ENVOY_RETRY_GRPC_ON.bit | http.X_ENVOY_MAX_RETRIES.bit
export const DEFAULT_BASE_MS = 25
const BASE_KEY = 'upstream.base_retry_backoff_ms'
const USE_RETRY = 'upstream.use_retry'
const ALWAYS = { numerator: 100, denominator: 100 }

function conditionBits(text: string | undefined, table: Readonly<Record<string, number>>): number {
  let bits = 0
  if (text !== undefined) {
    for (const part of text.split(',')) {
      const name = part.trim()
      if (Object.hasOwn(table, name)) bits |= table[name] as number
    }
  }
  return bits
}

/** The retry state of one request; made only where a policy or a header asks for retries. */
export class RetryState {
  private cluster: Cluster
  private readonly slices: readonly SliceStats[]
  private readonly priority: 0 | 1
  private readonly policy: RetryPolicyPlan | null
  private readonly thread: ThreadContext
  private readonly retryOn: number
  private readonly statusCodes: readonly number[]
  private readonly headerNames: readonly string[]
  private remaining: number
  private attempts = 0
  private holdsRetry = false
  private readonly refresh: ClusterRefresh | null
  /** The cluster chosen for the next attempt is not there. */
  clusterGone = false

  private constructor(
    cluster: Cluster,
    slices: readonly SliceStats[],
    priority: 0 | 1,
    policy: RetryPolicyPlan | null,
    thread: ThreadContext,
    refresh: ClusterRefresh | null,
    asked: { retryOn: number; remaining: number; statusCodes: readonly number[]; headerNames: readonly string[] },
  ) {
    this.cluster = cluster
    this.slices = slices
    this.priority = priority
    this.policy = policy
    this.thread = thread
    this.refresh = refresh
    this.retryOn = asked.retryOn
    this.remaining = asked.remaining
    this.statusCodes = asked.statusCodes
    this.headerNames = asked.headerNames
  }

  /** Reads and removes the control headers; null where nothing asks for retries. */
  static create(
    cluster: Cluster,
    slices: readonly SliceStats[],
    route: Route,
    headers: HeaderMap,
    thread: ThreadContext,
    request: MovableRequest,
  ): RetryState | null {
    const policy = cluster.plan.retryPolicy ?? route.retryPolicy
    let retryOn = policy?.retryOn ?? 0
    let remaining = policy?.numRetries ?? 1
    const statusCodes = [...(policy?.retriableStatusCodes ?? [])]
    let headerNames: string[] = []
    if ((headers.known1 & RETRY_BITS) !== 0) {
      const asked = conditionBits(headers.get(http.X_ENVOY_RETRY_ON), CONDITIONS)
      const askedGrpc = conditionBits(headers.get(http.X_ENVOY_RETRY_GRPC_ON), GRPC_CONDITIONS)
      retryOn |= asked | askedGrpc
      const max = headers.get(http.X_ENVOY_MAX_RETRIES)
      if (max !== undefined && /^\d{1,6}$/.test(max)) remaining = Number(max)
    }
    const codes = headers.get(http.X_ENVOY_RETRIABLE_STATUS_CODES)
    if (codes !== undefined)
      for (const code of codes.split(',')) if (/^\s*\d{3}\s*$/.test(code)) statusCodes.push(Number(code))
    const names = headers.get(http.X_ENVOY_RETRIABLE_HEADER_NAMES)
    if (names !== undefined) headerNames = names.split(',').map(name => name.trim().toLowerCase())
    headers.remove(http.X_ENVOY_RETRY_ON)
    headers.remove(http.X_ENVOY_RETRY_GRPC_ON)
    headers.remove(http.X_ENVOY_MAX_RETRIES)
    headers.remove(http.X_ENVOY_RETRIABLE_STATUS_CODES)
    headers.remove(http.X_ENVOY_RETRIABLE_HEADER_NAMES)
    if (retryOn === 0) return null
    if (policy !== null && policy.retriableRequestHeaders.length > 0) {
      if (!policy.retriableRequestHeaders.some(predicate => predicate.matches(headers))) return null
    }
    const refreshes = policy?.refreshCluster === true ? new ClusterRefresh(request) : null
    return new RetryState(cluster, slices, route.priority, policy, thread, refreshes, {
      retryOn,
      remaining,
      statusCodes,
      headerNames,
    })
  }

  /** A response's head has arrived. */
  onHeaders(headers: HeaderMap): RetryDecision {
    return this.decide(this.wantsRetryOf(headers))
  }

  private decide(wanted: boolean): RetryDecision {
    // A retry whose end is no case for another one has succeeded, however it ended (Envoy).
    if (this.attempts > 0 && !wanted) this.count(C.upstream_rq_retry_success, RQ_RETRY_SUCCESS)
    this.releaseRetry()
    return wanted ? this.tryAgain() : RetryNo
  }

  /** Whether the policy takes this response for a failure. */
  wantsRetryOf(headers: HeaderMap): boolean {
    const { retryOn } = this
    const { status } = headers
    if (headers.has(http.X_ENVOY_RATELIMITED)) return (retryOn & http.RetryOnEnvoyRateLimited) !== 0
    if ((retryOn & http.RetryOn5xx) !== 0 && status >= 500 && status < 600) return true
    if ((retryOn & http.RetryOnGatewayError) !== 0 && status >= 502 && status <= 504) return true
    if ((retryOn & http.RetryOnRetriable4xx) !== 0 && status === 409) return true
    if ((retryOn & http.RetryOnRetriableStatusCodes) !== 0 && this.statusCodes.includes(status)) return true
    if ((retryOn & http.RetryOnRetriableHeaders) !== 0) {
      if (this.policy?.retriableHeaders.some(predicate => predicate.matches(headers)) === true) return true
      if (this.headerNames.some(name => headers.lookup(name) !== undefined)) return true
    }
    const grpcStatus = headers.has(http.GRPC_STATUS) ? headers.get(http.GRPC_STATUS) : undefined
    return (
      grpcStatus !== undefined &&
      Object.hasOwn(GRPC_STATUS_BITS, grpcStatus) &&
      (retryOn & (GRPC_STATUS_BITS[grpcStatus] as number)) !== 0
    )
  }

  /** The attempt ended without a response. `requestSent`: its head had gone out. */
  onReset(reason: ResetReason, requestSent: boolean): RetryDecision {
    // What this proxy's own breaker refused is not tried again: that would be more of the same load.
    if (reason === 'overflow') return this.decide(false)
    const { retryOn } = this
    const connectFailed = reason === 'connection_failure' || reason === 'connection_timeout'
    const wanted =
      (retryOn & (http.RetryOn5xx | http.RetryOnGatewayError | http.RetryOnReset)) !== 0 ||
      ((retryOn & http.RetryOnConnectFailure) !== 0 && connectFailed) ||
      ((retryOn & http.RetryOnResetBeforeRequest) !== 0 && !requestSent) ||
      ((retryOn & http.RetryOnRefusedStream) !== 0 && reason === 'remote_refused_stream_reset')
    return this.decide(wanted)
  }

  /** A per-try timeout. */
  onPerTryTimeout(): RetryDecision {
    return this.decide((this.retryOn & (http.RetryOn5xx | http.RetryOnGatewayError | http.RetryOnReset)) !== 0)
  }

  /** A per-try timeout under a hedge policy: whatever the conditions say, one more attempt while there are any left. */
  onHedge(): RetryDecision {
    return this.decide(true)
  }

  private tryAgain(): RetryDecision {
    if (this.remaining <= 0) {
      this.count(C.upstream_rq_retry_limit_exceeded, RQ_RETRY_LIMIT)
      return RetryLimit
    }
    this.remaining--
    if (this.refresh !== null) {
      const cluster = this.refresh.refresh()
      // There is none of that name: the next attempt says so.
      this.clusterGone = cluster === undefined
      if (cluster === undefined) return RetryYes
      this.cluster = cluster
    }
    if (!this.cluster.limits(this.priority).tryAcquire(Retries)) {
      this.count(C.upstream_rq_retry_overflow, RQ_RETRY_OVERFLOW)
      return RetryOverflow
    }
    const { snapshot } = this.thread.runtime
    if (snapshot.has(USE_RETRY) && !snapshot.featureEnabled(USE_RETRY, ALWAYS, this.thread.random())) {
      this.cluster.limits(this.priority).release(Retries)
      return RetryNo
    }
    this.holdsRetry = true
    this.attempts++
    this.count(C.upstream_rq_retry, RQ_RETRY)
    return RetryYes
  }

  private count(clusterSlot: number, sliceSlot: number): void {
    this.cluster.stats.cells[clusterSlot]! += 1
    countSlices(this.slices, sliceSlot)
  }

  /** Why `request` was the last attempt, for the log. */
  noteDecision(decision: RetryDecision, request: UpstreamRequest, info: StreamInfo): void {
    if (decision === RetryLimit) info.flags |= ResponseFlag.UpstreamRetryLimitExceeded
    else if (decision === RetryOverflow) {
      info.flags |= ResponseFlag.UpstreamOverflow
      const cause = request.responseStarted ? request.cause('response_headers', 'via_upstream', null) : info.cause
      const refusal = this.cluster.limits(this.priority).refusal(Retries)
      if (cause !== null) info.cause = { ...cause, reason: `${cause.reason}, retry: overflow{${refusal}}` }
    }
  }

  /** How long to wait before the next attempt, in ms; `response`: the head that caused the retry. */
  backOffMs(response: HeaderMap | null): number {
    if (this.clusterGone) return 0
    const limited = response === null ? -1 : this.rateLimitedBackOffMs(response)
    const { cells } = this.cluster.stats
    if (limited >= 0) {
      cells[C.upstream_rq_retry_backoff_ratelimited]! += 1
      return limited
    }
    cells[C.upstream_rq_retry_backoff_exponential]! += 1
    const configured = this.policy?.baseIntervalMs ?? 0
    const base = configured > 0 ? configured : this.thread.runtime.snapshot.getNumber(BASE_KEY, DEFAULT_BASE_MS)
    const longest = this.policy?.maxIntervalMs ?? 0
    const max = longest > 0 ? longest : base * 10
    return Math.floor(this.thread.random() * Math.min(base * 2 ** (this.attempts - 1), max))
  }

  private rateLimitedBackOffMs(response: HeaderMap): number {
    const plan = this.policy?.rateLimitedBackOff ?? null
    if (plan === null) return -1
    for (const { name, format } of plan.resetHeaders) {
      const value = response.get(name)
      if (value === undefined || !/^\d{1,15}$/.test(value)) continue
      const ms = format === 'SECONDS' ? Number(value) * 1000 : Number(value) * 1000 - Date.now()
      if (ms >= 0 && ms <= plan.maxIntervalMs) return ms + this.thread.random() * ms * 0.5
    }
    return -1
  }

  private releaseRetry(): void {
    if (!this.holdsRetry) return
    this.holdsRetry = false
    this.cluster.limits(this.priority).release(Retries)
  }

  /** The request is over. */
  destroy(): void {
    this.releaseRetry()
  }
}
