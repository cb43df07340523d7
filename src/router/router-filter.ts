// HOT FILE (docs/hot-path.md): the terminal filter: a route becomes an upstream request, its response goes down.
// What an ordinary request passes stands here; retries, hedges, resets and timeouts beside it change the same fields.
import { Timer, type TimerOwner } from '../base/index.ts'
import * as http from '../http/index.ts'
import {
  type ConnectPlan,
  FilterContinue,
  FilterStop,
  type HeaderMap,
  HttpFilter,
  type HttpFilterStatus,
  HttpStats,
  type ResetReason,
  type Route,
} from '../http/index.ts'
import type { ThreadContext } from '../net/index.ts'
import type { StreamInfo } from '../observability/index.ts'
import type { Cluster, ClusterManager, Host, ResponseCodeStats } from '../upstream/index.ts'
import { alternativeStats } from './alternative-stats.ts'
import { AttemptSpan } from './attempt-span.ts'
import {
  type ChargedRequest,
  chargeGrpcHost,
  chargeHost,
  chargeInterimStatus,
  chargeStatus,
  recordTime,
} from './charges.ts'
import type { MovableRequest } from './cluster-refresh.ts'
import { FurtherAttempts } from './further-attempts.ts'
import { rewriteHost } from './host-rewrite.ts'
import { redirectInternally } from './internal-redirect.ts'
import { RouterLoadBalancerContext } from './load-balancer-context.ts'
import { RequestCopy } from './request-copy.ts'
import { keepsBody } from './retry-buffer.ts'
import { RetryState } from './retry-state.ts'
import { answerFromRoute } from './route-answer.ts'
import type { RouterPlan } from './router-plan.ts'
import {
  refuseHandshake,
  refuseMalformed,
  replyClusterNotFound,
  replyNoHealthyUpstream,
  replyRouteNotFound,
  replyTurnedAway,
} from './router-replies.ts'
import { setServiceTime } from './service-time.ts'
import { Shadows } from './shadows.ts'
import { NO_SLICES, type SliceStats, slicesOf } from './slice-stats.ts'
import { NO_TIMEOUTS, type RequestTimeouts, requestTimeouts, setExpectedTimeout, setGrpcTimeout } from './timeouts.ts'
import { turnedAway } from './turn-away.ts'
import { retriesResponse } from './unwanted-response.ts'
import { UpstreamRequest, type UpstreamRequestOwner } from './upstream-request.ts'
import { onReset } from './upstream-reset.ts'
import { onPerTryIdleTimeout, onPerTryTimeout, onResponseTimeout } from './upstream-timeouts.ts'

const GLOBAL_TIMER = 0

const SET_COOKIE = http.HeaderName.of('set-cookie')

export class RouterFilter
  extends HttpFilter
  implements UpstreamRequestOwner, ChargedRequest, MovableRequest, TimerOwner
{
  readonly plan: RouterPlan
  readonly clusters: ClusterManager
  readonly thread: ThreadContext
  info!: StreamInfo
  route!: Route
  cluster!: Cluster
  headers: HeaderMap | null = null
  /** The attempt under way; null: none, or a retry waits for its time. */
  upstream: UpstreamRequest | null = null
  /** Null: there is one attempt alone so far. */
  further: FurtherAttempts | null = null
  /** Null: nothing is tried again. */
  retry: RetryState | null = null
  requestEnd = false
  /** What a request with a body leaves for another attempt. */
  copy: RequestCopy | null = null
  private shadows: Shadows | null = null
  private globalTimer: Timer | null = null
  timeouts: RequestTimeouts = NO_TIMEOUTS
  private startMs = 0
  requestEndMs = 0
  attempts = 0
  /** Its head has come from the upstream; whether it has gone out, only the stream knows: filters may hold it. */
  responseStarted = false
  /** An informational response has come. */
  interim = false
  /** How many parties of the downstream are above their high watermark. */
  private downstreamHolds = 0
  private context: RouterLoadBalancerContext | null = null
  /** What the request is counted under besides its cluster. */
  slices: readonly SliceStats[] = NO_SLICES
  /** Where an internal client wants the request counted as well. */
  alternativeStats: ResponseCodeStats | null = null
  done = false

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
    const { route } = callbacks
    callbacks.httpStats.cells[HttpStats.ROUTER_RQ_TOTAL]! += 1
    if (route === null) {
      replyRouteNotFound(this)
      return FilterStop
    }
    this.route = route
    if (route.kind !== 'cluster') {
      answerFromRoute(route, headers, callbacks, this.plan.suppressEnvoyHeaders)
      return FilterStop
    }
    const cluster = this.findCluster(route, headers)
    if (cluster === undefined) {
      replyClusterNotFound(this)
      return FilterStop
    }
    this.cluster = cluster
    cluster.nameIn(this.info)
    this.info.clusterMetadata = cluster.plan.metadata
    this.startRequest(route, cluster, headers, endStream)
    return FilterStop
  }

  /** A filter before this one may answer: the log names the cluster all the same. */
  override onRouteSelected(): void {
    const { route, info, requestHeaders } = this.callbacks
    if (requestHeaders === null) return
    const cluster = route?.kind === 'cluster' ? this.findCluster(route, requestHeaders) : undefined
    info.upstreamCluster = null
    cluster?.nameIn(info)
    info.clusterMetadata = cluster?.plan.metadata ?? null
  }

  findCluster(route: Route, headers: HeaderMap): Cluster | undefined {
    const name = route.clusterName ?? (route.clusterHeader === null ? undefined : headers.get(route.clusterHeader))
    return name === undefined ? undefined : this.clusters.get(name)
  }

  private startRequest(route: Route, cluster: Cluster, headers: HeaderMap, endStream: boolean): void {
    this.startMs = this.thread.clock.now
    const { plan } = this
    if (plan.strictHeaders.length > 0 && refuseMalformed(this, headers)) return
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
      replyTurnedAway(this, refusal)
      return
    }
    const timeouts = requestTimeouts(route, headers, plan.respectExpectedTimeout)
    this.timeouts = timeouts
    const expectedMs = timeouts.expectedMs(0)
    if (!plan.suppressEnvoyHeaders) setExpectedTimeout(headers, expectedMs)
    if (route.maxGrpcTimeoutMs >= 0) setGrpcTimeout(route, headers, expectedMs)
    if (route.virtualHost.includeRequestAttemptCount) headers.set(http.X_ENVOY_ATTEMPT_COUNT, '1')
    this.info.upstreamRequestAttemptCount = 1
    if (route.hasRequestMutations) route.finalizeRequest(headers, this.info, plan.suppressEnvoyHeaders)
    this.retry = RetryState.create(cluster, this.slices, route, headers, this.thread, this)
    if (route.shadowPolicies.length > 0) this.shadows = Shadows.prepare(this, headers)
    // HTTP/2 may refuse a request that it did not touch, by GOAWAY: a small body is kept to send it again.
    const keeps = this.retry !== null || cluster.plan.protocol !== 'http1' || route.internalRedirect !== null
    if (endStream) this.onRequestComplete()
    else this.copy = new RequestCopy(keeps)
    if (!this.done) this.attempt(false, null)
    this.shadows?.start(this, endStream)
  }

  /** One more attempt, on a host of the balancer's choice or, after the keep-alive race, on the same one. */
  attempt(fresh: boolean, sameHost: Host | null): void {
    const { route, cluster, headers, copy } = this
    const host = this.clusterGone ? null : (sameHost ?? this.chooseHost(cluster, route))
    if (host === null) {
      replyNoHealthyUpstream(this)
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
      connectPlan(route, headers as HeaderMap),
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
    this.info.upstreamHostLocality = host.locality
    this.context?.onHostAttempted(host)
    if (this.info.schemeMatchesUpstream) {
      ;(headers as HeaderMap).scheme = upstream.cluster.transports.encrypts(host.metadata) ? 'https' : 'http'
    }
    upstream.start(headers as HeaderMap, this.requestEnd && (copy === null || copy.empty), route.priority, fresh)
    if (this.upstream !== upstream) return
    if (copy !== null && (this.attempts > 1 || fresh)) copy.sendTo(upstream, this.requestEnd)
    if (this.requestEnd) upstream.armPerTryTimeouts(this.timeouts)
  }

  /** The cluster of the next attempt is not there. */
  get clusterGone(): boolean {
    return this.retry?.clusterGone === true
  }

  moveTo(route: Route, cluster: Cluster | undefined): void {
    this.route = route
    if (cluster === undefined) return
    this.cluster = cluster
    this.context?.moveTo(route, cluster.plan)
  }

  furtherAttempts(): FurtherAttempts {
    this.further ??= new FurtherAttempts(this)
    return this.further
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
    if (this.copy !== null && !keepsBody(this, this.copy, data, start, end)) return FilterStop
    this.shadows?.sendData(data, start, end, endStream)
    if (endStream) this.onRequestComplete()
    const { upstream } = this
    if (upstream !== null) {
      upstream.sendData(data, start, end, endStream)
      if (endStream && this.upstream === upstream) upstream.armPerTryTimeouts(this.timeouts)
    }
    return FilterContinue
  }

  override decodeTrailers(trailers: HeaderMap): HttpFilterStatus {
    if (this.done) return FilterContinue
    if (this.copy !== null) this.copy.trailers = trailers
    this.shadows?.sendTrailers(trailers)
    this.onRequestComplete()
    this.upstream?.sendTrailers(trailers)
    this.upstream?.armPerTryTimeouts(this.timeouts)
    return FilterContinue
  }

  /** The route's timeout runs from here: all of the request is there. */
  private onRequestComplete(): void {
    this.requestEnd = true
    this.requestEndMs = this.thread.clock.now
    const { globalMs } = this.timeouts
    if (globalMs <= 0) return
    this.globalTimer = new Timer(this, GLOBAL_TIMER)
    this.thread.timers.arm(this.globalTimer, globalMs)
  }

  // ---- response

  onUpstream1xx(request: UpstreamRequest, headers: HeaderMap): void {
    // From here on nothing is tried again (Envoy).
    this.retry?.destroy()
    this.retry = null
    this.further?.settle(request)
    // The first one only (Envoy).
    if (!this.interim && http.isKnownInterim(headers.status)) {
      this.interim = true
      chargeInterimStatus(this, headers.status)
    }
    this.callbacks.encode1xxHeaders(headers)
  }

  onUpstreamHeaders(request: UpstreamRequest, headers: HeaderMap, endStream: boolean): void {
    const { status } = headers
    if (this.retry !== null && retriesResponse(this, this.retry, request, headers)) return
    this.further?.settle(request)
    const { internalRedirect } = this.route
    if (internalRedirect !== null && redirectInternally(this, internalRedirect, headers)) return
    request.grpcUnderWay = chargeHost(request.host, headers, this.headers as HeaderMap, endStream)
    const asked = this.headers as HeaderMap
    const isUpgrade = status <= 300 && status !== 101 && asked.has(http.UPGRADE)
    if (isUpgrade && request.overHttp1 && refuseHandshake(this, headers)) return
    this.responseStarted = true
    for (let holds = this.downstreamHolds; holds > 0; holds--) request.pause()
    this.copy?.forget()
    const { route, info } = this
    if (status === 101) this.endTimeouts()
    info.responseCodeDetails = 'via_upstream'
    info.responseCode = status
    chargeStatus(this, status, request.host, headers.get(http.X_ENVOY_UPSTREAM_CANARY) === 'true')
    const cookie = this.context?.cookie ?? null
    if (cookie !== null) headers.append(SET_COOKIE, cookie)
    if (this.requestEnd && !this.plan.suppressEnvoyHeaders) {
      setServiceTime(headers, Math.floor(this.thread.clock.now - this.requestEndMs))
    }
    if (route.hasResponseMutations) route.finalizeResponse(headers, this.headers, info)
    if (route.virtualHost.includeAttemptCountInResponse) headers.set(http.X_ENVOY_ATTEMPT_COUNT, String(this.attempts))
    if (endStream) this.onResponseEnd(request)
    this.callbacks.encodeHeaders(headers, endStream)
  }

  onUpstreamData(request: UpstreamRequest, data: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.done && !endStream) return
    if (endStream) {
      if (request.grpcUnderWay) chargeGrpcHost(request.host, null)
      this.onResponseEnd(request)
    }
    this.callbacks.encodeData(data, start, end, endStream)
  }

  onUpstreamTrailers(request: UpstreamRequest, trailers: HeaderMap): void {
    if (request.grpcUnderWay) chargeGrpcHost(request.host, trailers)
    this.onResponseEnd(request)
    this.callbacks.encodeTrailers(trailers)
  }

  private onResponseEnd(upstream: UpstreamRequest): void {
    this.endTimeouts()
    // An answer that outran its request leaves bytes on the way: that connection is not used again.
    if (!upstream.requestComplete) upstream.abandon()
    upstream.span?.finish()
    this.upstream = null
    recordTime(this, upstream.host, this.thread.clock.now - this.startMs)
  }

  // ---- what goes wrong

  onUpstreamReset(request: UpstreamRequest, reason: ResetReason, detail: string | null): void {
    onReset(this, request, reason, detail)
  }

  onPerTryTimeout(request: UpstreamRequest): void {
    onPerTryTimeout(this, request)
  }

  onPerTryIdleTimeout(request: UpstreamRequest): void {
    onPerTryIdleTimeout(this, request)
  }

  onTimer(): void {
    if (this.done) return
    this.thread.buffers.enter()
    onResponseTimeout(this)
    this.thread.buffers.leave()
  }

  endTimeouts(): void {
    if (this.globalTimer !== null) this.thread.timers.disarm(this.globalTimer)
    this.further?.stopWaiting()
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
    this.further?.abandonHedged()
    const { upstream } = this
    this.upstream = null
    upstream?.abandon()
    this.headers = null
  }
}

/** How CONNECT ends here; null: the request goes on as HTTP. */
function connectPlan({ connect }: Route, { method }: HeaderMap): ConnectPlan | null {
  return connect !== null && (method === 'CONNECT' || (method === 'POST' && connect.allowPost)) ? connect : null
}
