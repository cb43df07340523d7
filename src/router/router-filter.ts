// HOT FILE (docs/hot-path.md): the terminal filter: a route becomes an upstream request, its response goes down.
import { Timer, type TimerOwner } from '../base/index.ts'
import * as http from '../http/index.ts'
import {
  BodyBuffer,
  FilterContinue,
  FilterStop,
  HeaderMap,
  HttpFilter,
  type HttpFilterStatus,
  HttpStats,
  type ResetReason,
  type Route,
} from '../http/index.ts'
import type { ThreadContext } from '../net/index.ts'
import { ResponseFlag, type StreamInfo } from '../observability/index.ts'
import {
  CLUSTER_SLOTS as C,
  type Cluster,
  type ClusterManager,
  HOST_RQ_ERROR,
  HOST_RQ_SUCCESS,
  HOST_RQ_TIMEOUT,
  type Host,
} from '../upstream/index.ts'
import { type Failure, failureOf } from './failure.ts'
import { RouterLoadBalancerContext } from './load-balancer-context.ts'
import { type RetryDecision, RetryLimit, RetryNo, RetryOverflow, RetryState, RetryYes } from './retry-state.ts'
import type { RouterPlan } from './router-plan.ts'
import { requestTimeouts, setExpectedTimeout, setGrpcTimeout } from './timeouts.ts'
import { UpstreamRequest, type UpstreamRequestOwner } from './upstream-request.ts'
import { findVirtualCluster, type VirtualClusterStats } from './virtual-cluster.ts'

const GLOBAL_TIMER = 0
const BACK_OFF_TIMER = 1

/** Methods that do no harm when they reach an origin twice (RFC 9110, 9.2.1). */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])
const SET_COOKIE = http.HeaderName.of('set-cookie')
const SERVICE_TIME_NAME_LENGTH = http.X_ENVOY_UPSTREAM_SERVICE_TIME.text.length
/** 'x-envoy-upstream-service-time: N' for small N, as bytes. */
const serviceTimeLines: Uint8Array[] = Array.from({ length: 64 }, (_, ms) =>
  Buffer.from(`x-envoy-upstream-service-time: ${ms}\r\n`, 'latin1'),
)

export class RouterFilter extends HttpFilter implements UpstreamRequestOwner, TimerOwner {
  readonly plan: RouterPlan
  readonly clusters: ClusterManager
  readonly thread: ThreadContext
  info!: StreamInfo
  private route!: Route
  private cluster!: Cluster
  private headers: HeaderMap | null = null
  private upstream: UpstreamRequest | null = null
  private retry: RetryState | null = null
  private requestEnd = false
  /** Kept for another attempt; null once no other attempt is possible. */
  private body: BodyBuffer | null = null
  private keepsBody = false
  private trailers: HeaderMap | null = null
  private globalTimer: Timer | null = null
  private backOffTimer: Timer | null = null
  private timeoutMs = 0
  private perTryMs = 0
  private startMs = 0
  private requestEndMs = 0
  private attempts = 0
  private responseStarted = false
  /** Whose gRPC call is under way: charged when its trailers tell how it ended. */
  private grpcHost: Host | null = null
  private alternativeOnTimeout = false
  private context: RouterLoadBalancerContext | null = null
  private virtualCluster: VirtualClusterStats | null = null
  private done = false

  constructor(plan: RouterPlan, clusters: ClusterManager, thread: ThreadContext) {
    super()
    this.plan = plan
    this.clusters = clusters
    this.thread = thread
  }

  // ---- request

  override decodeHeaders(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    const { callbacks } = this
    this.info = callbacks.info
    this.headers = headers
    this.requestEnd = endStream
    const { cells } = callbacks.httpStats
    const { route } = callbacks
    cells[HttpStats.ROUTER_RQ_TOTAL]! += 1
    if (route === null) {
      cells[HttpStats.NO_ROUTE]! += 1
      this.info.flags |= ResponseFlag.NoRouteFound
      callbacks.sendLocalReply(404, '', 'route_not_found')
      return FilterStop
    }
    this.route = route
    if (route.kind !== 'cluster') {
      this.answerFromRoute(route, headers)
      return FilterStop
    }
    const cluster = this.findCluster(route, headers)
    if (cluster === undefined) {
      cells[HttpStats.NO_CLUSTER]! += 1
      this.info.flags |= ResponseFlag.NoClusterFound
      this.replyFromRouter(route.clusterNotFoundStatus, '', 'cluster_not_found')
      return FilterStop
    }
    this.cluster = cluster
    this.info.upstreamCluster = cluster.observabilityName
    this.startRequest(route, cluster, headers, endStream)
    return FilterStop
  }

  /** A filter before this one may answer: the log names the cluster all the same. */
  override onRouteSelected(): void {
    const { route, info, requestHeaders } = this.callbacks
    if (route === null || route.kind !== 'cluster' || requestHeaders === null) return
    info.upstreamCluster = this.findCluster(route, requestHeaders)?.observabilityName ?? null
  }

  private findCluster(route: Route, headers: HeaderMap): Cluster | undefined {
    const name = route.clusterName ?? (route.clusterHeader === null ? undefined : headers.get(route.clusterHeader))
    return name === undefined ? undefined : this.clusters.get(name)
  }

  /** Redirects and direct responses. */
  private answerFromRoute(route: Route, headers: HeaderMap): void {
    const { callbacks } = this
    const { cells } = callbacks.httpStats
    const mutate = (reply: HeaderMap): void => {
      if (route.hasResponseMutations) route.finalizeResponse(reply, headers, this.info)
    }
    if (route.kind === 'redirect') {
      cells[HttpStats.RQ_REDIRECT]! += 1
      const { status, location } = route.redirect(headers)
      callbacks.sendLocalReply(status, '', 'direct_response', reply => {
        reply.append(http.LOCATION, location)
        mutate(reply)
      })
      return
    }
    cells[HttpStats.RQ_DIRECT_RESPONSE]! += 1
    const direct = route.directResponse
    callbacks.sendLocalReply(direct?.status ?? 200, direct?.body ?? '', 'direct_response', mutate)
  }

  private startRequest(route: Route, cluster: Cluster, headers: HeaderMap, endStream: boolean): void {
    const { clock, random } = this.thread
    this.startMs = clock.now
    const { globalMs, perTryMs } = requestTimeouts(route, headers)
    this.timeoutMs = globalMs
    this.perTryMs = perTryMs
    if (headers.has(http.X_ENVOY_UPSTREAM_RQ_TIMEOUT_ALT_RESPONSE)) {
      this.alternativeOnTimeout = true
      headers.remove(http.X_ENVOY_UPSTREAM_RQ_TIMEOUT_ALT_RESPONSE)
    }
    if (headers.has(http.X_ENVOY_HEDGE_ON_PER_TRY_TIMEOUT)) headers.remove(http.X_ENVOY_HEDGE_ON_PER_TRY_TIMEOUT)
    const expectedMs = perTryMs > 0 ? perTryMs : globalMs
    if (!this.plan.suppressEnvoyHeaders) setExpectedTimeout(headers, expectedMs)
    if (route.maxGrpcTimeoutMs >= 0) setGrpcTimeout(route, headers, expectedMs)
    if (route.virtualHost.includeRequestAttemptCount) headers.set(http.X_ENVOY_ATTEMPT_COUNT, '1')
    if (route.hasRequestMutations) route.finalizeRequest(headers, this.info, this.plan.suppressEnvoyHeaders)
    if (route.virtualHost.virtualClusters.length > 0) {
      this.virtualCluster = findVirtualCluster(this.thread.stats, route.virtualHost, headers)
      this.info.virtualClusterName = this.virtualCluster.name
    }
    this.retry = RetryState.create(cluster, route, headers, random)
    this.keepsBody = this.retry !== null && !endStream
    if (endStream) this.onRequestComplete()
    if (this.done) return
    this.attempt(false, null)
  }

  /** One more attempt, on a host of the balancer's choice or, after the keep-alive race, on the same one. */
  private attempt(fresh: boolean, sameHost: Host | null): void {
    const { route, cluster, headers } = this
    const host = sameHost ?? this.chooseHost(cluster, route)
    if (host === null) {
      cluster.stats.cells[C.upstream_cx_none_healthy]! += 1
      this.info.upstreamRequestAttemptCount = this.attempts + 1
      this.info.flags |= ResponseFlag.NoHealthyUpstream
      this.info.cause = {
        phase: 'choose_host',
        host: null,
        errno: null,
        attempt: this.attempts + 1,
        elapsedMs: 0,
        reason: 'no_healthy_upstream',
      }
      this.chargeCode(503)
      this.replyFromRouter(503, 'no healthy upstream', 'no_healthy_upstream')
      return
    }
    if (sameHost === null) this.attempts++
    this.info.upstreamRequestAttemptCount = this.attempts
    if (route.autoHostRewrite && host.hostname !== '') this.rewriteHost(headers as HeaderMap, host.hostname)
    const upstream = new UpstreamRequest(this, cluster.clusterOf(host), host, this.attempts)
    this.upstream = upstream
    this.info.upstreamHostAddress = host.addressText
    this.context?.onHostAttempted(host)
    upstream.start(
      headers as HeaderMap,
      this.requestEnd && this.body === null && this.trailers === null,
      route.priority,
      fresh,
    )
    if (this.upstream !== upstream) return
    if (this.attempts > 1 || fresh) this.resendBody(upstream)
    if (this.requestEnd) upstream.armPerTryTimeout(this.perTryMs)
  }

  private resendBody(upstream: UpstreamRequest): void {
    if (this.body === null && this.trailers === null) return
    const bytes = this.body?.toBuffer() ?? Buffer.alloc(0)
    upstream.sendData(bytes, 0, bytes.length, this.requestEnd && this.trailers === null)
    if (this.trailers !== null) upstream.sendTrailers(this.trailers)
  }

  private chooseHost(cluster: Cluster, route: Route): Host | null {
    if (this.context === null && !this.hasWishes(cluster, route)) return cluster.chooseHost(null)
    this.context ??= new RouterLoadBalancerContext(route, this.headers as HeaderMap, this.info)
    return cluster.chooseHost(this.context)
  }

  /** Whether the balancer can learn anything from this request. */
  private hasWishes(cluster: Cluster, route: Route): boolean {
    if (route.hashPolicy !== null || route.metadataMatch !== null || route.retryPolicy !== null) return true
    return cluster.readsRequests || this.info.upstreamOverrideHost !== null
  }

  private rewriteHost(headers: HeaderMap, hostname: string): void {
    const { authority } = headers
    if (authority === hostname) return
    if (this.route.appendXForwardedHost) headers.set(http.X_FORWARDED_HOST, authority)
    headers.set(http.X_ENVOY_ORIGINAL_HOST, authority)
    headers.authority = hostname
  }

  override decodeData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    if (this.done) return FilterContinue
    if (this.keepsBody) this.keep(data, start, end)
    if (endStream) this.onRequestComplete()
    const { upstream } = this
    if (upstream !== null) {
      upstream.sendData(data, start, end, endStream)
      if (endStream && this.upstream === upstream) upstream.armPerTryTimeout(this.perTryMs)
    }
    return FilterContinue
  }

  /** Keeps the body for another attempt, up to the buffer limit; a larger one is not tried again. */
  private keep(data: Buffer, start: number, end: number): void {
    this.body ??= new BodyBuffer()
    if (this.body.length + end - start > this.callbacks.bufferLimitBytes) {
      this.cluster.stats.cells[C.retry_or_shadow_abandoned]! += 1
      this.keepsBody = false
      this.body = null
      this.retry?.destroy()
      this.retry = null
      return
    }
    this.body.append(data, start, end)
  }

  override decodeTrailers(trailers: HeaderMap): HttpFilterStatus {
    if (this.done) return FilterContinue
    this.trailers = trailers
    this.onRequestComplete()
    this.upstream?.sendTrailers(trailers)
    this.upstream?.armPerTryTimeout(this.perTryMs)
    return FilterContinue
  }

  /** The route's timeout runs from here: all of the request is there. */
  private onRequestComplete(): void {
    this.requestEnd = true
    this.requestEndMs = this.thread.clock.now
    if (this.timeoutMs <= 0) return
    this.globalTimer = new Timer(this, GLOBAL_TIMER)
    this.thread.timers.arm(this.globalTimer, this.timeoutMs)
  }

  // ---- response

  onUpstream1xx(_request: UpstreamRequest, headers: HeaderMap): void {
    this.callbacks.encode1xxHeaders(headers)
  }

  onUpstreamHeaders(request: UpstreamRequest, headers: HeaderMap, endStream: boolean): void {
    const { status } = headers
    if (this.retry !== null) {
      const decision = this.retry.onHeaders(headers)
      if (decision === RetryYes) {
        this.chargeHost(request.host, headers, endStream)
        this.grpcHost = null
        this.cluster.codeStats.chargeRetry(status)
        const backOffMs = this.retry.backOffMs(headers)
        HeaderMap.release(headers)
        request.abandon()
        this.scheduleRetry(backOffMs)
        return
      }
      this.flagDecision(decision)
    }
    this.chargeHost(request.host, headers, endStream)
    this.responseStarted = true
    this.keepsBody = false
    this.body = null
    const { route, info } = this
    if (status === 101) this.endTimeouts()
    info.responseCodeDetails = 'via_upstream'
    info.responseCode = status
    const canary = headers.has(http.X_ENVOY_UPSTREAM_CANARY)
    this.cluster.codeStats.charge(status, this.isInternal(), canary, this.hidesStatus())
    this.virtualCluster?.charge(status)
    const cookie = this.context?.cookie ?? null
    if (cookie !== null) headers.append(SET_COOKIE, cookie)
    if (this.requestEnd && !this.plan.suppressEnvoyHeaders) {
      const ms = Math.floor(this.thread.clock.now - this.requestEndMs)
      headers.remove(http.X_ENVOY_UPSTREAM_SERVICE_TIME)
      if (ms < 64) headers.appendPrepared(serviceTimeLines[ms] as Uint8Array, SERVICE_TIME_NAME_LENGTH)
      else headers.append(http.X_ENVOY_UPSTREAM_SERVICE_TIME, String(ms))
    }
    if (route.virtualHost.includeAttemptCountInResponse) headers.set(http.X_ENVOY_ATTEMPT_COUNT, String(this.attempts))
    if (route.hasResponseMutations) route.finalizeResponse(headers, this.headers, info)
    if (endStream) this.onResponseEnd()
    this.callbacks.encodeHeaders(headers, endStream)
  }

  private isInternal(): boolean {
    return this.headers?.has(http.X_ENVOY_INTERNAL) === true
  }

  /** What became of a gRPC call is known with its trailers. */
  private chargeHost(host: Host, headers: HeaderMap, endStream: boolean): void {
    if (headers.status >= 500) host.cells[HOST_RQ_ERROR]! += 1
    else if (!http.hasGrpcContentType(this.headers as HeaderMap)) host.cells[HOST_RQ_SUCCESS]! += 1
    else {
      this.grpcHost = host
      if (endStream) this.chargeGrpc(headers)
    }
  }

  /** The call has ended; without a grpc-status that is an error. */
  private chargeGrpc(last: HeaderMap | null): void {
    const host = this.grpcHost as Host
    this.grpcHost = null
    const status = last === null ? null : http.grpcStatusIn(last)
    const failed = status === null || status < 0 || http.httpStatusOfGrpc(status) >= 500
    host.cells[failed ? HOST_RQ_ERROR : HOST_RQ_SUCCESS]! += 1
  }

  onUpstreamData(_request: UpstreamRequest, data: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.done && !endStream) return
    if (endStream) {
      if (this.grpcHost !== null) this.chargeGrpc(null)
      this.onResponseEnd()
    }
    this.callbacks.encodeData(data, start, end, endStream)
  }

  onUpstreamTrailers(_request: UpstreamRequest, trailers: HeaderMap): void {
    if (this.grpcHost !== null) this.chargeGrpc(trailers)
    this.onResponseEnd()
    this.callbacks.encodeTrailers(trailers)
  }

  private onResponseEnd(): void {
    this.endTimeouts()
    const upstream = this.upstream as UpstreamRequest
    // An answer that outran its request leaves bytes on the way: that connection is not used again.
    if (!upstream.requestComplete) upstream.abandon()
    this.upstream = null
    const ms = this.thread.clock.now - this.startMs
    this.cluster.codeStats.recordTime(ms, this.isInternal())
    this.virtualCluster?.recordTime(ms)
  }

  // ---- failures

  onUpstreamReset(request: UpstreamRequest, reason: ResetReason, detail: string | null): void {
    if (this.upstream !== request || this.done) return
    const failure = failureOf(request, reason, detail)
    this.info.cause = failure.cause
    this.info.upstreamTransportFailureReason = failure.transportReason
    this.upstream = null
    request.host.cells[HOST_RQ_ERROR]! += request.encoder === null && reason !== 'overflow' ? 0 : 1
    if (reason !== 'overflow' && !this.mayRetryRace(request, reason)) {
      request.host.monitor?.outlier?.putConnectFailure()
    }
    if (this.responseStarted) {
      this.info.flags |= failure.flag
      this.info.responseCodeDetails = `upstream_reset_after_response_started{${failure.text}}`
      this.callbacks.httpStats.cells[HttpStats.RQ_RESET_AFTER_RESPONSE]! += 1
      this.callbacks.resetStream()
      return
    }
    if (this.mayRetryRace(request, reason)) {
      this.attempt(true, request.host)
      return
    }
    if (this.retry !== null) {
      const decision = this.retry.onReset(reason, request.encoder !== null)
      if (decision === RetryYes) {
        if (request.encoder !== null) this.cluster.codeStats.chargeRetry(503)
        this.scheduleRetry(this.retry.backOffMs(null))
        return
      }
      this.flagDecision(decision)
    }
    this.fail(failure)
  }

  /**
   * The keep-alive race: the origin closed an idle connection while the request was on its way, and answered nothing.
   * A safe request without a body goes over a fresh connection; an unsafe one is never sent twice.
   */
  private mayRetryRace(request: UpstreamRequest, reason: ResetReason): boolean {
    return (
      reason === 'connection_termination' &&
      request.reused &&
      !request.responseStarted &&
      this.requestEnd &&
      this.body === null &&
      this.trailers === null &&
      SAFE_METHODS.has((this.headers as HeaderMap).method)
    )
  }

  private fail(failure: Failure): void {
    const { info } = this
    info.flags |= failure.flag
    const retried = this.attempts > 1
    const prefix = 'upstream connect error or disconnect/reset before headers. '
    const body = `${prefix}${retried ? 'retried and the latest ' : ''}reset reason: ${failure.reasonText}`
    this.chargeCode(failure.status)
    const overloaded = failure.reason === 'overflow'
    this.replyFromRouter(failure.status, body, `upstream_reset_before_response_started{${failure.text}}`, reply => {
      if (overloaded) reply.append(http.X_ENVOY_OVERLOADED, 'true')
    })
  }

  /** suppress_grpc_request_failure_code_stats: what became of a gRPC call is not told by HTTP's status. */
  private hidesStatus(): boolean {
    return this.plan.suppressGrpcCodeStats && this.headers !== null && http.hasGrpcContentType(this.headers)
  }

  /** The proxy's own answers are charged to the cluster too. */
  private chargeCode(status: number): void {
    this.cluster.codeStats.charge(status, this.isInternal(), false, this.hidesStatus())
    this.virtualCluster?.charge(status)
  }

  private replyFromRouter(
    status: number,
    body: string,
    details: string,
    modify: ((reply: HeaderMap) => void) | null = null,
  ): void {
    this.endTimeouts()
    const { route, headers } = this
    this.callbacks.sendLocalReply(status, body, details, reply => {
      modify?.(reply)
      if (route.virtualHost.includeAttemptCountInResponse && this.attempts > 0) {
        reply.set(http.X_ENVOY_ATTEMPT_COUNT, String(this.attempts))
      }
      if (route.hasResponseMutations) route.finalizeResponse(reply, headers, this.info)
    })
  }

  private flagDecision(decision: RetryDecision): void {
    if (decision === RetryLimit) this.info.flags |= ResponseFlag.UpstreamRetryLimitExceeded
    else if (decision === RetryOverflow) this.info.flags |= ResponseFlag.UpstreamOverflow
  }

  private scheduleRetry(delayMs: number): void {
    this.upstream = null
    this.backOffTimer ??= new Timer(this, BACK_OFF_TIMER)
    this.thread.timers.arm(this.backOffTimer, delayMs)
  }

  // ---- time

  onTimer(kind: number): void {
    if (this.done) return
    this.thread.buffers.enter()
    if (kind === BACK_OFF_TIMER) this.retryNow()
    else this.onGlobalTimeout()
    this.thread.buffers.leave()
  }

  private retryNow(): void {
    const headers = this.headers as HeaderMap
    if (this.route.virtualHost.includeRequestAttemptCount)
      headers.set(http.X_ENVOY_ATTEMPT_COUNT, String(this.attempts + 1))
    if (!this.plan.suppressEnvoyHeaders) {
      const leftMs =
        this.timeoutMs > 0 ? Math.max(Math.floor(this.timeoutMs - (this.thread.clock.now - this.requestEndMs)), 1) : 0
      const perTry = this.perTryMs > 0 && (leftMs === 0 || this.perTryMs < leftMs) ? this.perTryMs : leftMs
      const present = headers.find(http.X_ENVOY_EXPECTED_RQ_TIMEOUT_MS, 0)
      if (present >= 0 && perTry > 0) headers.set(http.X_ENVOY_EXPECTED_RQ_TIMEOUT_MS, String(perTry))
    }
    this.attempt(false, null)
  }

  private onGlobalTimeout(): void {
    const { cells } = this.cluster.stats
    cells[C.upstream_rq_timeout]! += 1
    const { upstream, info } = this
    this.upstream = null
    if (upstream !== null) {
      upstream.host.cells[HOST_RQ_TIMEOUT]! += 1
      upstream.noteTimeout(this.timeoutStatus)
      info.cause = upstream.cause(
        upstream.responseStarted ? 'response_body' : 'response_headers',
        'response_timeout',
        null,
      )
      upstream.abandon()
    }
    info.flags |= ResponseFlag.UpstreamRequestTimeout
    if (this.responseStarted) {
      info.responseCodeDetails = 'response_timeout'
      this.callbacks.resetStream()
      return
    }
    this.timeOut('response_timeout')
  }

  private get timeoutStatus(): 204 | 504 {
    return this.alternativeOnTimeout ? 204 : 504
  }

  private timeOut(details: string): void {
    const status = this.timeoutStatus
    this.chargeCode(status)
    this.replyFromRouter(status, status === 204 ? '' : 'upstream request timeout', details)
  }

  onPerTryTimeout(request: UpstreamRequest): void {
    if (this.upstream !== request || this.responseStarted || this.done) return
    const { info, cluster } = this
    this.thread.buffers.enter()
    cluster.stats.cells[C.upstream_rq_per_try_timeout]! += 1
    request.host.cells[HOST_RQ_TIMEOUT]! += 1
    request.noteTimeout(this.timeoutStatus)
    info.cause = request.cause('response_headers', 'upstream_per_try_timeout', null)
    this.upstream = null
    request.abandon()
    const decision = this.retry === null ? RetryNo : this.retry.onPerTryTimeout()
    if (decision === RetryYes) {
      this.scheduleRetry((this.retry as RetryState).backOffMs(null))
    } else {
      this.flagDecision(decision)
      info.flags |= ResponseFlag.UpstreamRequestTimeout
      this.timeOut('upstream_per_try_timeout')
    }
    this.thread.buffers.leave()
  }

  private endTimeouts(): void {
    if (this.globalTimer !== null) this.thread.timers.disarm(this.globalTimer)
    if (this.backOffTimer !== null) this.thread.timers.disarm(this.backOffTimer)
  }

  // ---- flow control

  pauseDownstream(): void {
    this.callbacks.pauseDownstream()
  }

  resumeDownstream(): void {
    this.callbacks.resumeDownstream()
  }

  override onDownstreamAboveHighWatermark(): void {
    this.upstream?.pause()
  }

  override onDownstreamBelowLowWatermark(): void {
    this.upstream?.resume()
  }

  // ---- end

  override onDestroy(): void {
    this.done = true
    this.endTimeouts()
    this.retry?.destroy()
    const { upstream } = this
    this.upstream = null
    upstream?.abandon()
    this.headers = null
  }
}
