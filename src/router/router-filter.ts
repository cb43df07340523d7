// HOT FILE (docs/hot-path.md): the terminal filter: a route becomes an upstream request, its response goes down.
// Longer than 500 lines: attempts, hedges and timeouts decide about one request, and each asks what the others did.
import { Timer, type TimerOwner } from '../base/index.ts'
import * as http from '../http/index.ts'
import {
  FilterContinue,
  FilterStop,
  HeaderMap,
  HttpFilter,
  type HttpFilterStatus,
  HttpStats,
  type InternalRedirectPlan,
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
  HOST_RQ_TIMEOUT,
  type Host,
  type ResponseCodeStats,
} from '../upstream/index.ts'
import { alternativeStats } from './alternative-stats.ts'
import { AttemptSpan } from './attempt-span.ts'
import { type Failure, failureOf } from './failure.ts'
import { HedgedAttempts } from './hedged-attempts.ts'
import { chargeGrpcHost, chargeHost } from './host-outcome.ts'
import { rewriteHost } from './host-rewrite.ts'
import { becomesGet, followRedirect } from './internal-redirect.ts'
import { mayGoAgain } from './keep-alive-race.ts'
import { RouterLoadBalancerContext } from './load-balancer-context.ts'
import { REPLAY_BYTES, RequestCopy } from './request-copy.ts'
import {
  type ClusterRefresher,
  type RetryDecision,
  RetryLimit,
  RetryNo,
  RetryOverflow,
  RetryState,
  RetryYes,
} from './retry-state.ts'
import { answerFromRoute } from './route-answer.ts'
import type { RouterPlan } from './router-plan.ts'
import { setServiceTime } from './service-time.ts'
import { Shadows } from './shadows.ts'
import { countSlices, NO_SLICES, RQ_TIMEOUT, type SliceStats, slicesOf } from './slice-stats.ts'
import { malformedHeader } from './strict-headers.ts'
import { expectedTimeoutMs, requestTimeouts, setExpectedTimeout, setGrpcTimeout } from './timeouts.ts'
import { type TurnedAway, turnedAway } from './turn-away.ts'
import { UpstreamRequest, type UpstreamRequestOwner } from './upstream-request.ts'

const GLOBAL_TIMER = 0
const BACK_OFF_TIMER = 1

const SET_COOKIE = http.HeaderName.of('set-cookie')

export class RouterFilter extends HttpFilter implements UpstreamRequestOwner, ClusterRefresher, TimerOwner {
  readonly plan: RouterPlan
  readonly clusters: ClusterManager
  readonly thread: ThreadContext
  info!: StreamInfo
  private route!: Route
  private cluster!: Cluster
  private headers: HeaderMap | null = null
  private upstream: UpstreamRequest | null = null
  /** Attempts that timed out but may still win; null: none so far. */
  private hedged: HedgedAttempts | null = null
  private hedges = false
  private retry: RetryState | null = null
  private requestEnd = false
  /** What a request with a body leaves for another attempt. */
  private copy: RequestCopy | null = null
  private shadows: Shadows | null = null
  private globalTimer: Timer | null = null
  private backOffTimer: Timer | null = null
  private timeoutMs = 0
  private perTryMs = 0
  private perTryIdleMs = 0
  private startMs = 0
  private requestEndMs = 0
  private attempts = 0
  private responseStarted = false
  /** An informational response has come. */
  private interim = false
  /** How many parties of the downstream are above their high watermark. */
  private downstreamHolds = 0
  /** Whose gRPC call is under way: charged when its trailers tell how it ended. */
  private grpcHost: Host | null = null
  private alternativeOnTimeout = false
  private context: RouterLoadBalancerContext | null = null
  /** Routes of the attempts so far, where a retry has its cluster chosen anew. */
  private triedRoutes: Route[] | null = null
  /** The cluster chosen for a retry is not there. */
  private clusterGone = false
  /** What the request is counted under besides its cluster. */
  slices: readonly SliceStats[] = NO_SLICES
  /** Where an internal client wants the request counted as well. */
  private alternativeStats: ResponseCodeStats | null = null
  /** The attempt before the next one took too long. */
  private timedOut = false
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
      answerFromRoute(route, headers, callbacks)
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
    this.info.clusterMetadata = cluster.plan.metadata
    this.startRequest(route, cluster, headers, endStream)
    return FilterStop
  }

  /** A filter before this one may answer: the log names the cluster all the same. */
  override onRouteSelected(): void {
    const { route, info, requestHeaders } = this.callbacks
    if (requestHeaders === null) return
    info.upstreamCluster = null
    if (route?.kind === 'cluster')
      info.upstreamCluster = this.findCluster(route, requestHeaders)?.observabilityName ?? null
  }

  private findCluster(route: Route, headers: HeaderMap): Cluster | undefined {
    const name = route.clusterName ?? (route.clusterHeader === null ? undefined : headers.get(route.clusterHeader))
    return name === undefined ? undefined : this.clusters.get(name)
  }

  private startRequest(route: Route, cluster: Cluster, headers: HeaderMap, endStream: boolean): void {
    this.startMs = this.thread.clock.now
    const { plan } = this
    if (plan.strictHeaders.length > 0 && this.refuseMalformed(headers)) return
    if (headers.has(http.X_ENVOY_UPSTREAM_ALT_STAT_NAME)) {
      this.alternativeStats = alternativeStats(cluster, headers.get(http.X_ENVOY_UPSTREAM_ALT_STAT_NAME) ?? '')
      headers.remove(http.X_ENVOY_UPSTREAM_ALT_STAT_NAME)
    }
    // By what the client asked for, before any rewrite.
    if (route.virtualHost.virtualClusters.length > 0 || route.statPrefix !== null) {
      this.slices = slicesOf(this.thread.stats, route, headers)
      this.info.virtualClusterName = this.slices[0]?.name ?? null
    }
    const refusal = turnedAway(cluster)
    if (refusal !== null) {
      this.turnAway(refusal)
      return
    }
    const { globalMs, perTryMs, perTryIdleMs } = requestTimeouts(route, headers, plan.respectExpectedTimeout)
    this.timeoutMs = globalMs
    this.perTryMs = perTryMs
    this.perTryIdleMs = perTryIdleMs
    if (headers.has(http.X_ENVOY_UPSTREAM_RQ_TIMEOUT_ALT_RESPONSE)) {
      this.alternativeOnTimeout = true
      headers.remove(http.X_ENVOY_UPSTREAM_RQ_TIMEOUT_ALT_RESPONSE)
    }
    this.hedges = route.hedgeOnPerTryTimeout
    if (headers.has(http.X_ENVOY_HEDGE_ON_PER_TRY_TIMEOUT)) {
      this.hedges = headers.get(http.X_ENVOY_HEDGE_ON_PER_TRY_TIMEOUT) === 'true'
      headers.remove(http.X_ENVOY_HEDGE_ON_PER_TRY_TIMEOUT)
    }
    const expectedMs = expectedTimeoutMs(globalMs, perTryMs, this.hedges, 0)
    if (!plan.suppressEnvoyHeaders) setExpectedTimeout(headers, expectedMs)
    if (route.maxGrpcTimeoutMs >= 0) setGrpcTimeout(route, headers, expectedMs)
    if (route.virtualHost.includeRequestAttemptCount) headers.set(http.X_ENVOY_ATTEMPT_COUNT, '1')
    this.info.upstreamRequestAttemptCount = 1
    if (route.hasRequestMutations) route.finalizeRequest(headers, this.info, plan.suppressEnvoyHeaders)
    if (route.shadowPolicies.length > 0) {
      const number = this.callbacks.streamRandom
      this.shadows = Shadows.start(route, this.clusters, this.thread, this.info, headers, endStream, number, globalMs)
    }
    this.retry = RetryState.create(cluster, this.slices, route, headers, this.thread, this)
    // HTTP/2 may refuse a request that it did not touch, by GOAWAY: a small body is kept to send it again.
    const keeps = this.retry !== null || cluster.plan.protocol !== 'http1' || route.internalRedirect !== null
    if (!endStream) this.copy = new RequestCopy(keeps)
    if (endStream) this.onRequestComplete()
    if (this.done) return
    this.attempt(false, null)
  }

  private turnAway({ flag, body, details, header }: TurnedAway): void {
    this.info.flags |= flag
    this.charge(503, null, false)
    this.replyFromRouter(503, body, details, reply => reply.append(header, 'true'))
  }

  private refuseMalformed(headers: HeaderMap): boolean {
    const name = malformedHeader(this.plan.strictHeaders, headers)
    if (name === undefined) return false
    this.info.flags |= ResponseFlag.InvalidEnvoyRequestHeaders
    const body = `invalid header '${name.text}' with value '${headers.get(name)}'`
    this.callbacks.sendLocalReply(400, body, `request_headers_failed_strict_check{${name.text}}`)
    return true
  }

  /** One more attempt, on a host of the balancer's choice or, after the keep-alive race, on the same one. */
  private attempt(fresh: boolean, sameHost: Host | null): void {
    const { route, cluster, headers, copy } = this
    const host = this.clusterGone ? null : (sameHost ?? this.chooseHost(cluster, route))
    if (host === null) {
      if (!this.clusterGone) cluster.stats.cells[C.upstream_cx_none_healthy]! += 1
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
      this.charge(503, null, false)
      this.replyFromRouter(503, 'no healthy upstream', 'no_healthy_upstream')
      return
    }
    if (sameHost === null) this.attempts++
    this.info.upstreamRequestAttemptCount = this.attempts
    if (route.autoHostRewrite && host.hostname !== '') rewriteHost(route, headers as HeaderMap, host.hostname)
    const upstream = new UpstreamRequest(
      this,
      cluster.clusterOf(host),
      host,
      this.attempts,
      terminatesConnect(route, headers as HeaderMap),
    )
    this.upstream = upstream
    const { trace } = this.info
    if (trace !== null) {
      const { startChildSpan } = this.plan
      upstream.span = AttemptSpan.start(trace, this.callbacks, upstream.cluster, host, this.attempts, startChildSpan)
    }
    this.info.upstreamHostAddress = host.addressText
    this.info.upstreamHostName = host.hostname
    this.info.upstreamHostMetadata = host.metadata
    this.context?.onHostAttempted(host)
    if (this.info.schemeMatchesUpstream) {
      ;(headers as HeaderMap).scheme = upstream.cluster.transports.encrypts(host.metadata) ? 'https' : 'http'
    }
    upstream.start(headers as HeaderMap, this.requestEnd && (copy === null || copy.empty), route.priority, fresh)
    if (this.upstream !== upstream) return
    if (copy !== null && (this.attempts > 1 || fresh)) copy.sendTo(upstream, this.requestEnd)
    if (this.requestEnd) upstream.armPerTryTimeouts(this.perTryMs, this.perTryIdleMs)
  }

  /** The next attempt may go to another cluster; what has been done to the request's headers stays. */
  refreshCluster(): Cluster | null {
    const headers = this.headers as HeaderMap
    const { info } = this
    this.triedRoutes ??= []
    this.triedRoutes.push(this.route)
    const random = Math.floor(this.thread.random() * 2 ** 32)
    this.route = this.route.refreshed(headers, info, random, this.triedRoutes)
    const cluster = this.findCluster(this.route, headers)
    this.clusterGone = cluster === undefined
    info.upstreamCluster = cluster?.observabilityName ?? null
    info.clusterMetadata = cluster?.plan.metadata ?? null
    if (cluster === undefined) return null
    this.cluster = cluster
    this.context?.moveTo(this.route, cluster.plan)
    return cluster
  }

  private chooseHost(cluster: Cluster, route: Route): Host | null {
    if (this.context === null && !this.hasWishes(cluster, route)) return cluster.chooseHost(null)
    this.context ??= new RouterLoadBalancerContext(route, cluster.plan, this.headers as HeaderMap, this.info)
    return cluster.chooseHost(this.context)
  }

  /** Whether the balancer can learn anything from this request. */
  private hasWishes(cluster: Cluster, route: Route): boolean {
    if (route.hashPolicy !== null || route.metadataMatch !== null || route.retryPolicy !== null) return true
    if (cluster.plan.hashPolicy !== null || cluster.plan.retryPolicy !== null) return true
    return cluster.readsRequests || this.info.upstreamOverrideHost !== null
  }

  override decodeData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    if (this.done) return FilterContinue
    if (this.copy !== null && !this.keep(this.copy, data, start, end)) return FilterStop
    this.shadows?.sendData(data, start, end, endStream)
    if (endStream) this.onRequestComplete()
    const { upstream } = this
    if (upstream !== null) {
      upstream.sendData(data, start, end, endStream)
      if (endStream && this.upstream === upstream) upstream.armPerTryTimeouts(this.perTryMs, this.perTryIdleMs)
    }
    return FilterContinue
  }

  /** The route's own limit counts here, whatever filters may buffer. */
  private get retryBufferBytes(): number {
    const { bufferLimitBytes } = this.route
    return bufferLimitBytes >= 0 ? bufferLimitBytes : this.callbacks.bufferLimitBytes
  }

  /** A body over the limit is not tried again; false: a retry was waiting for its time, so that nobody is left to answer. */
  private keep(copy: RequestCopy, data: Buffer, start: number, end: number): boolean {
    const { retry } = this
    const whole = retry !== null || this.route.internalRedirect !== null
    if (copy.add(data, start, end, whole ? this.retryBufferBytes : REPLAY_BYTES)) return true
    if (retry === null) return true
    this.cluster.stats.cells[C.retry_or_shadow_abandoned]! += 1
    retry.destroy()
    this.retry = null
    if (this.upstream !== null || this.hedged?.any === true) return true
    const body = 'exceeded request buffer limit while retrying upstream'
    this.replyFromRouter(507, body, 'request_payload_exceeded_retry_buffer_limit')
    return false
  }

  override decodeTrailers(trailers: HeaderMap): HttpFilterStatus {
    if (this.done) return FilterContinue
    if (this.copy !== null) this.copy.trailers = trailers
    this.shadows?.sendTrailers(trailers)
    this.onRequestComplete()
    this.upstream?.sendTrailers(trailers)
    this.upstream?.armPerTryTimeouts(this.perTryMs, this.perTryIdleMs)
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

  onUpstream1xx(request: UpstreamRequest, headers: HeaderMap): void {
    // From here on nothing is tried again (Envoy).
    this.retry?.destroy()
    this.retry = null
    if (this.hedged !== null) this.settleHedges(request)
    // The first one only (Envoy).
    if (!this.interim && http.isKnownInterim(headers.status)) {
      this.interim = true
      this.cluster.codeStats.charge(headers.status, this.isInternal(), false, '', this.hidesStatus())
    }
    this.callbacks.encode1xxHeaders(headers)
  }

  onUpstreamHeaders(request: UpstreamRequest, headers: HeaderMap, endStream: boolean): void {
    const { status } = headers
    if (this.retry !== null && this.goesAgain(this.retry, request, headers)) return
    if (this.hedged !== null) this.settleHedges(request)
    if (this.route.internalRedirect !== null && this.redirect(this.route.internalRedirect, headers)) return
    this.grpcHost = chargeHost(request.host, headers, this.headers as HeaderMap, endStream)
    const asked = this.headers as HeaderMap
    if (status < 300 && status !== 101 && asked.has(http.UPGRADE) && this.refuseHandshake(headers)) return
    this.responseStarted = true
    for (let holds = this.downstreamHolds; holds > 0; holds--) request.pause()
    this.copy?.forget()
    const { route, info } = this
    if (status === 101) this.endTimeouts()
    info.responseCodeDetails = 'via_upstream'
    info.responseCode = status
    this.charge(status, request.host, headers.get(http.X_ENVOY_UPSTREAM_CANARY) === 'true')
    const cookie = this.context?.cookie ?? null
    if (cookie !== null) headers.append(SET_COOKIE, cookie)
    if (this.requestEnd && !this.plan.suppressEnvoyHeaders) {
      setServiceTime(headers, Math.floor(this.thread.clock.now - this.requestEndMs))
    }
    if (route.virtualHost.includeAttemptCountInResponse) headers.set(http.X_ENVOY_ATTEMPT_COUNT, String(this.attempts))
    if (route.hasResponseMutations) route.finalizeResponse(headers, this.headers, info)
    if (endStream) this.onResponseEnd()
    this.callbacks.encodeHeaders(headers, endStream)
  }

  /** Whether another attempt takes the place of this answer. */
  private goesAgain(retry: RetryState, request: UpstreamRequest, headers: HeaderMap): boolean {
    let unwanted: boolean
    if (this.hedged?.has(request) === true) {
      // It has had its retry when it took too long.
      unwanted = retry.wantsRetryOf(headers)
    } else {
      const { cluster } = this
      const decision = retry.onHeaders(headers)
      if (decision === RetryYes) {
        cluster.codeStats.chargeRetry(headers.status)
        const backOffMs = retry.backOffMs(headers)
        this.discard(request, headers)
        this.retryBeside(request, backOffMs)
        return true
      }
      this.flagDecision(decision, request)
      unwanted = decision !== RetryNo
    }
    if (!unwanted || !this.awaitsAnother(request)) return false
    // An attempt beside it may still do better.
    this.hedged?.remove(request)
    if (this.upstream === request) this.upstream = null
    this.discard(request, headers)
    return true
  }

  /** Whatever its status, an answer that is not wanted is the host's error. */
  private discard(request: UpstreamRequest, headers: HeaderMap): void {
    request.host.cells[HOST_RQ_ERROR]! += 1
    HeaderMap.release(headers)
    request.abandon()
  }

  /** Another attempt than `request` is under way, or about to be. */
  private awaitsAnother(request: UpstreamRequest): boolean {
    const { upstream, hedged } = this
    if (this.backOffTimer?.armed === true || (upstream !== null && upstream !== request)) return true
    return hedged?.anyBut(request) === true
  }

  /** An origin that answers a WebSocket's handshake as if it were a request does not speak the protocol (Envoy). */
  private refuseHandshake(response: HeaderMap): boolean {
    if ((this.headers as HeaderMap).get(http.UPGRADE)?.toLowerCase() !== 'websocket') return false
    const { status } = response
    HeaderMap.release(response)
    this.replyFromRouter(status, '', 'websocket_handshake_unsuccessful')
    return true
  }

  /** Follows the redirect that `response` is. False: it is passed on. */
  private redirect(plan: InternalRedirectPlan, response: HeaderMap): boolean {
    const { callbacks, copy, info } = this
    const { status } = response
    if (!plan.responseCodes.includes(status)) return false
    const { cells } = this.cluster.stats
    const request = this.headers as HeaderMap
    const ready = this.requestEnd && copy?.lost !== true && response.has(http.LOCATION)
    if (!ready || !followRedirect(plan, this, this.route, request, response, callbacks)) {
      cells[C.upstream_internal_redirect_failed_total]! += 1
      return false
    }
    cells[C.upstream_internal_redirect_succeeded_total]! += 1
    info.responseCode = status
    info.responseCodeDetails = 'internal_redirect'
    HeaderMap.release(response)
    const bare = becomesGet(status, request)
    callbacks.recreateStream(bare ? null : (copy?.bytes ?? null), bare ? null : (copy?.trailers ?? null))
    return true
  }

  private isInternal(): boolean {
    return this.headers?.has(http.X_ENVOY_INTERNAL) === true
  }

  onUpstreamData(_request: UpstreamRequest, data: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.done && !endStream) return
    if (endStream) {
      if (this.grpcHost !== null) chargeGrpcHost(this.grpcHost, null)
      this.onResponseEnd()
    }
    this.callbacks.encodeData(data, start, end, endStream)
  }

  onUpstreamTrailers(_request: UpstreamRequest, trailers: HeaderMap): void {
    if (this.grpcHost !== null) chargeGrpcHost(this.grpcHost, trailers)
    this.onResponseEnd()
    this.callbacks.encodeTrailers(trailers)
  }

  private onResponseEnd(): void {
    this.endTimeouts()
    const upstream = this.upstream as UpstreamRequest
    // An answer that outran its request leaves bytes on the way: that connection is not used again.
    if (!upstream.requestComplete) upstream.abandon()
    upstream.span?.finish()
    this.upstream = null
    if (this.callbacks.info.healthCheck) return
    const ms = this.thread.clock.now - this.startMs
    const { canary, locality } = upstream.host
    this.cluster.codeStats.recordTime(ms, this.isInternal(), canary, locality.zone)
    this.alternativeStats?.recordTime(ms, this.isInternal(), canary, locality.zone)
    for (let i = 0; i < this.slices.length; i++) (this.slices[i] as SliceStats).recordTime(ms)
  }

  // ---- failures

  onUpstreamReset(request: UpstreamRequest, reason: ResetReason, detail: string | null): void {
    if (this.done) return
    const retried = this.hedged?.has(request) === true
    if (this.upstream !== request && !retried) return
    const failure = failureOf(request, reason, detail)
    request.span?.fail(failure)
    this.info.cause = failure.cause
    this.info.upstreamTransportFailureReason = failure.transportReason
    this.hedged?.remove(request)
    if (this.upstream === request) this.upstream = null
    const { method } = this.headers as HeaderMap
    const goesAgain =
      !retried &&
      !this.interim &&
      this.copy?.lost !== true &&
      mayGoAgain(request, reason, detail, method, this.requestEnd)
    if (reason !== 'overflow' && !goesAgain) request.host.monitor?.outlier?.putConnectFailure()
    if (this.responseStarted) {
      this.cutResponse(failure)
      return
    }
    if (goesAgain) {
      request.host.cells[HOST_RQ_ERROR]! += 1
      this.attempt(true, request.host)
      return
    }
    // An attempt that timed out has had its retry.
    if (this.retry !== null && !retried) {
      const decision = this.retry.onReset(reason, request.encoder !== null)
      if (decision === RetryYes) {
        request.host.cells[HOST_RQ_ERROR]! += 1
        this.scheduleRetry(this.retry.backOffMs(null))
        return
      }
      this.flagDecision(decision, request)
    }
    // Who has had an interim answer is charged to nobody (Envoy).
    if (!this.interim) this.charge(failure.status, failure.host, false)
    // One that timed out may still be answered: the client waits for it.
    if (!this.awaitsAnother(request)) this.fail(failure)
  }

  private cutResponse({ flag, text }: Failure): void {
    if (this.grpcHost !== null) {
      this.grpcHost.cells[HOST_RQ_ERROR]! += 1
      this.callbacks.httpStats.cells[HttpStats.RQ_RESET_AFTER_DOWNSTREAM_RESPONSE_STARTED]! += 1
    }
    this.info.flags |= flag
    this.info.responseCodeDetails = `upstream_reset_after_response_started{${text}}`
    this.callbacks.resetStream()
  }

  // ---- hedging: attempts that timed out run on beside the next one

  /** `request` has won: the others are given up. */
  private settleHedges(request: UpstreamRequest): void {
    const hedged = this.hedged as HedgedAttempts
    hedged.remove(request)
    if (this.upstream !== request) this.upstream?.abandon()
    hedged.abandonAll()
    this.upstream = request
    if (this.backOffTimer !== null) this.thread.timers.disarm(this.backOffTimer)
  }

  /** `request` was answered badly and goes again, without disturbing another attempt that runs. */
  private retryBeside(request: UpstreamRequest, backOffMs: number): void {
    this.hedged?.remove(request)
    const running = this.upstream
    this.scheduleRetry(backOffMs)
    if (running !== null && running !== request) {
      this.hedged ??= new HedgedAttempts()
      this.hedged.add(running)
    }
  }

  private hedge(request: UpstreamRequest): void {
    request.noteTimeout(this.timeoutStatus)
    const decision = this.retry === null ? RetryNo : this.retry.onHedge()
    if (decision !== RetryYes) {
      this.flagDecision(decision, request)
      return
    }
    this.hedged ??= new HedgedAttempts()
    this.hedged.add(request)
    this.timedOut = true
    this.scheduleRetry((this.retry as RetryState).backOffMs(null))
  }

  /** Answers for the last attempt, which is charged already. */
  private fail(failure: Failure): void {
    const { info } = this
    info.flags |= failure.flag
    const retried = this.attempts > 1
    const prefix = 'upstream connect error or disconnect/reset before headers. '
    const body = `${prefix}${retried ? 'retried and the latest ' : ''}reset reason: ${failure.reasonText}`
    const overloaded = failure.reason === 'overflow' && !this.plan.suppressEnvoyHeaders
    this.replyFromRouter(
      failure.status,
      body,
      `upstream_reset_${this.interim ? 'after' : 'before'}_response_started{${failure.text}}`,
      reply => {
        if (overloaded) reply.append(http.X_ENVOY_OVERLOADED, 'true')
      },
    )
  }

  /** suppress_grpc_request_failure_code_stats: what became of a gRPC call is not told by HTTP's status. */
  private hidesStatus(): boolean {
    return this.plan.suppressGrpcCodeStats && this.headers !== null && http.hasGrpcContentType(this.headers)
  }

  /**
   * The proxy's own answers are charged to the cluster too, health checks are no part of its traffic. `host`: whose attempt
   * they stand for.
   */
  private charge(status: number, host: Host | null, saysCanary: boolean): void {
    if (this.callbacks.info.healthCheck) return
    if (host !== null && status >= 500 && status < 600) host.cells[HOST_RQ_ERROR]! += 1
    const canary = saysCanary || host?.canary === true
    const zone = host === null ? '' : host.locality.zone
    this.cluster.codeStats.charge(status, this.isInternal(), canary, zone, this.hidesStatus())
    this.alternativeStats?.charge(status, this.isInternal(), canary, zone, this.hidesStatus())
    for (let i = 0; i < this.slices.length; i++) (this.slices[i] as SliceStats).charge(status)
  }

  private replyFromRouter(
    status: number,
    body: string,
    details: string,
    modify: ((reply: HeaderMap) => void) | null = null,
  ): void {
    this.endTimeouts()
    this.callbacks.sendLocalReply(status, body, details, reply => {
      modify?.(reply)
      if (this.route.virtualHost.includeAttemptCountInResponse && this.attempts > 0) {
        reply.set(http.X_ENVOY_ATTEMPT_COUNT, String(this.attempts))
      }
    })
  }

  private flagDecision(decision: RetryDecision, request: UpstreamRequest): void {
    const { info } = this
    if (decision === RetryLimit) info.flags |= ResponseFlag.UpstreamRetryLimitExceeded
    else if (decision === RetryOverflow) {
      info.flags |= ResponseFlag.UpstreamOverflow
      const cause = request.responseStarted ? request.cause('response_headers', 'via_upstream', null) : info.cause
      if (cause !== null) info.cause = { ...cause, reason: `${cause.reason}, retry: overflow{${this.retry?.refusal}}` }
    }
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
    if (this.route.virtualHost.includeIsTimeoutRetryHeader)
      headers.set(http.X_ENVOY_IS_TIMEOUT_RETRY, this.timedOut ? 'true' : 'false')
    this.timedOut = false
    const elapsedMs = this.thread.clock.now - this.requestEndMs
    const expectedMs = expectedTimeoutMs(this.timeoutMs, this.perTryMs, this.hedges, elapsedMs)
    if (headers.has(http.X_ENVOY_EXPECTED_RQ_TIMEOUT_MS) && !this.plan.suppressEnvoyHeaders)
      setExpectedTimeout(headers, expectedMs)
    setGrpcTimeout(this.route, headers, expectedMs)
    this.attempt(false, null)
  }

  private onGlobalTimeout(): void {
    const { upstream, info, hedged } = this
    this.upstream = null
    info.flags |= ResponseFlag.UpstreamRequestTimeout
    if (upstream !== null) {
      const phase = upstream.responseStarted ? 'response_body' : 'response_headers'
      info.cause = upstream.cause(phase, 'response_timeout', null)
      this.timeOutAttempt(upstream)
    }
    // As in Envoy each of them is counted, and none while a retry waits for its time.
    for (const attempt of hedged?.takeAll() ?? []) this.timeOutAttempt(attempt)
    this.replyTimeout('response_timeout')
  }

  private timeOutAttempt(attempt: UpstreamRequest): void {
    this.cluster.stats.cells[C.upstream_rq_timeout]! += 1
    countSlices(this.slices, RQ_TIMEOUT)
    attempt.host.cells[HOST_RQ_TIMEOUT]! += 1
    if (!attempt.responseStarted) {
      attempt.noteTimeout(this.timeoutStatus)
      this.chargeTimeout(attempt.host)
    }
    attempt.abandon()
  }

  private get timeoutStatus(): 204 | 504 {
    return this.alternativeOnTimeout ? 204 : 504
  }

  private chargeTimeout(host: Host): void {
    if (this.interim) return
    const status = this.timeoutStatus
    this.charge(status, host, false)
    if (status < 500) host.cells[HOST_RQ_ERROR]! += 1
  }

  private replyTimeout(details: string): void {
    if (this.responseStarted) {
      this.info.responseCodeDetails = details
      this.callbacks.resetStream()
      return
    }
    const status = this.timeoutStatus
    this.replyFromRouter(status, status === 204 ? '' : 'upstream request timeout', details)
  }

  onPerTryTimeout(request: UpstreamRequest): void {
    if (this.upstream !== request || this.responseStarted || this.interim || this.done) return
    if (this.hedges) {
      this.hedge(request)
      return
    }
    this.endTry(request, C.upstream_rq_per_try_timeout, 'upstream_per_try_timeout')
  }

  onPerTryIdleTimeout(request: UpstreamRequest): void {
    if (this.upstream !== request || this.done) return
    if (this.hedges) {
      if (!this.responseStarted) this.hedge(request)
      return
    }
    this.endTry(request, C.upstream_rq_per_try_idle_timeout, 'upstream_per_try_idle_timeout')
  }

  /** An attempt has used up its time. */
  private endTry(request: UpstreamRequest, slot: number, details: string): void {
    const { info } = this
    this.thread.buffers.enter()
    this.cluster.stats.cells[slot]! += 1
    request.host.cells[HOST_RQ_TIMEOUT]! += 1
    request.noteTimeout(this.timeoutStatus)
    info.cause = request.cause(this.responseStarted ? 'response_body' : 'response_headers', details, null)
    this.upstream = null
    request.span?.onTimeout()
    request.abandon()
    const decision = this.retry === null || this.responseStarted ? RetryNo : this.retry.onPerTryTimeout()
    if (decision === RetryYes) {
      request.host.cells[HOST_RQ_ERROR]! += 1
      this.timedOut = true
      this.scheduleRetry((this.retry as RetryState).backOffMs(null))
    } else {
      this.flagDecision(decision, request)
      info.flags |= ResponseFlag.UpstreamRequestTimeout
      if (!this.responseStarted) this.chargeTimeout(request.host)
      this.replyTimeout(details)
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

  /** There is nothing to hold back before the response: who wins then begins with the holds that stand. */
  override onDownstreamAboveHighWatermark(): void {
    this.downstreamHolds++
    if (this.responseStarted) this.upstream?.pause()
  }

  override onDownstreamBelowLowWatermark(): void {
    this.downstreamHolds--
    if (this.responseStarted) this.upstream?.resume()
  }

  // ---- end

  override onDestroy(): void {
    this.done = true
    this.endTimeouts()
    if (!this.requestEnd) this.shadows?.cancel()
    this.retry?.destroy()
    this.hedged?.abandonAll()
    const { upstream } = this
    this.upstream = null
    upstream?.abandon()
    this.headers = null
  }
}

function terminatesConnect({ connect }: Route, { method }: HeaderMap): boolean {
  return connect !== null && (method === 'CONNECT' || (method === 'POST' && connect.allowPost))
}
