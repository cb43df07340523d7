// HOT FILE (docs/hot-path.md): one request and its response, from the head's last byte to the log line.
// Longer than 500 lines: both filter directions and their holds are one state machine.
import * as http from '../http/index.ts'
import {
  type CodecError,
  type FilterDirection,
  HeaderMap,
  type HttpFilter,
  type HttpFilterCallbacks,
  type RequestDecoder,
  type ResetReason,
  type ResponseEncoder,
  type Route,
  type RouteTable,
  reasonPhrase,
  HttpStats as S,
} from '../http/index.ts'
import {
  type CloseEvent,
  CloseFlushAndHold,
  type Connection,
  type ThreadContext,
  writeAccessLogs,
} from '../net/index.ts'
import {
  type FormatContext,
  type RequestTrace,
  ResponseFlag,
  type StatBlock,
  StreamInfo,
} from '../observability/index.ts'
import type { ConnectionManager } from './connection-manager.ts'
import { mutateEarly } from './early-mutations.ts'
import { type ChainOwner, FilterChain } from './filter-chain.ts'
import { addBehind } from './filters-behind.ts'
import { hasEmptyForwardedProto } from './forwarded.ts'
import { buildLocalReply } from './local-reply.ts'
import type { ChainedFilter } from './plan.ts'
import { isLeftOut, prepareRequest } from './prepare-request.ts'
import { addProxyStatus } from './proxy-status.ts'
import { acceptPath, acceptUpgrade, asksToGoOn, problemOf, refuseUpgrade } from './request-admission.ts'
import { addVia, asksForClose, hasHopByHop, removeHopByHop, upgradeType } from './request-headers.ts'
import { mutateResponse } from './response-headers.ts'
import { chargeInterim, chargeResponse } from './response-stats.ts'
import { TimedStream } from './timed-stream.ts'
import { chargeTrace, decorateResponse, finishTrace, startTrace } from './tracing/stream-tracing.ts'

const NO_FILTERS: readonly HttpFilter[] = []
const NO_BYTES = Buffer.alloc(0)
const CONNECTION_FLAGS = ResponseFlag.UpstreamConnectionFailure | ResponseFlag.UpstreamConnectionTermination

/** A stream's own 32-bit number: weights, fractions and mirrors draw from it, so that one request has one fate. */
const drawNumber = (thread: ThreadContext): number => (thread.random() * 0x100000000) >>> 0

export class ActiveStream extends TimedStream implements RequestDecoder, ChainOwner, HttpFilterCallbacks {
  info: StreamInfo
  readonly connection: Connection
  requestHeaders: HeaderMap | null = null
  responseHeaders: HeaderMap | null = null
  responseTrailers: HeaderMap | null = null
  /** Who closed the connection under this stream; null: nobody. */
  closedBy: CloseEvent | null = null
  /** The manager's list of streams. */
  next: ActiveStream | null = null
  previous: ActiveStream | null = null
  /** The route table as it was when the request began: an update does not change its mind. */
  private readonly routes: RouteTable | null
  private readonly encoder: ResponseEncoder
  private chain: FilterChain | null = null
  private cachedRoute: Route | null = null
  private routeCached = false
  private random = -1
  private responseStarted = false
  private headersThrough = false
  private pauses = 0
  /** What the connection is to become: 'websocket', 'connect' and the like; null: nothing else. */
  private upgrade: string | null = null
  private upgradeAccepted = false
  private interimSent = false
  /** The reply does not show the flag that the log shows (Envoy). */
  private codecFailed = false
  /** A filter's own limit; -1: none. */
  private ownBufferLimit = -1
  /** Whether the request came as gRPC; null: not asked yet, and no filter could have changed it. */
  private grpc: boolean | null = null

  constructor(manager: ConnectionManager, encoder: ResponseEncoder) {
    super(manager)
    this.encoder = encoder
    this.connection = manager.connection
    const { now } = manager.thread.clock
    this.info = new StreamInfo(manager.info, now)
    this.info.downstreamBytes = encoder.meter
    this.info.schemeMatchesUpstream = manager.plan.schemeMatchesUpstream
    this.routes = manager.plan.routes.current
  }

  // ---- request

  decodeHeaders(headers: HeaderMap, endStream: boolean): void {
    const { manager, info } = this
    const { plan } = manager
    this.requestHeaders = headers
    this.requestComplete = endStream
    const http10 = manager.codec.protocol === 'HTTP/1.0'
    info.protocol = manager.codec.protocol
    if (endStream) info.lastDownstreamRxByteUs = 0
    if (http10 || hasHopByHop(headers)) {
      if (asksForClose(headers, http10)) manager.endAfterResponse()
      this.upgrade = http10 ? null : upgradeType(headers)
      removeHopByHop(headers, this.upgrade !== null)
    }
    if (this.thread.overload.takes('stop_accepting_requests')) {
      manager.cells[S.RQ_OVERLOAD_CLOSE]! += 1
      this.sendLocalReply(503, 'envoy overloaded', 'overload', null)
      return
    }
    if (headers.has(http.EXPECT) && !plan.proxy100Continue && asksToGoOn(headers)) this.sendContinue()
    this.startTimers(plan.requestTimeoutMs, endStream)
    if (plan.earlyMutations !== null) mutateEarly(plan.earlyMutations, headers, info)
    const problem = problemOf(headers)
    if (problem !== null) {
      this.rejectRequest(400, problem)
      return
    }
    if (headers.method !== 'CONNECT' && !acceptPath(this, headers)) return
    const refusal = prepareRequest(plan, manager.identity, this.routes, headers, info)
    if (refusal !== 0) {
      manager.cells[S.RQ_REJECTED_VIA_IP_DETECTION]! += 1
      this.sendLocalReply(refusal, '', 'rejecting_because_detection_failed', null)
      return
    }
    if (plan.logOnRequestStart) this.log('DownstreamStart')
    if (headers.method === 'CONNECT') this.upgrade ??= 'connect'
    const refused = this.upgrade !== null && !acceptUpgrade(this, this.upgrade)
    this.createChain()
    if (refused) {
      refuseUpgrade(this)
      return
    }
    ;(this.chain as FilterChain).decodeHeaders(headers, endStream)
    // As Envoy: a filter that takes its time over a request without a body counts as a request that does.
    if (endStream && plan.requestTimeoutMs > 0 && this.isHeld) this.startRequestTimeout(plan.requestTimeoutMs)
  }

  /**
   * With other filters than the terminal one the route is matched first: it says which of them run, and what they change
   * in the request does not move it (Envoy).
   */
  private createChain(): void {
    const { plan, tracer } = this.manager
    const chained = this.chainOfUpgrade() ?? plan.filters
    if (plan.tracing !== null) {
      startTrace(plan, plan.tracing, tracer, this.thread, this.route, this.requestHeaders as HeaderMap, this.info)
    }
    const route = chained.length > 1 ? this.route : null
    const chain = this.createChainOf(chained, route)
    if (route !== null) chain.onRouteSelected()
  }

  private createChainOf(chained: readonly ChainedFilter[], route: Route | null): FilterChain {
    const filters: HttpFilter[] = []
    for (const entry of chained) {
      if (isLeftOut(entry, route)) continue
      const filter = entry.plan.create(this.thread)
      filter.callbacks = this
      filter.configName = entry.name
      filter.extension = entry.plan.name
      filters.push(filter)
      if (entry.several) addBehind(filters, entry, filter)
    }
    const chain = new FilterChain(filters, this)
    this.chain = chain
    if (filters.length > 1) this.grpc = this.isGrpc(this.requestHeaders)
    return chain
  }

  protected isGrpc(headers: HeaderMap | null): boolean {
    return this.grpc ?? (headers !== null && http.hasGrpcContentType(headers))
  }

  private chainOfUpgrade(): readonly ChainedFilter[] | null {
    const { upgrade } = this
    if (!this.upgradeAccepted) return null
    return this.manager.plan.upgrades.find(({ type }) => type === upgrade)?.filters ?? null
  }

  recreateStream(body: Buffer | null, trailers: HeaderMap | null): void {
    const { manager, info, thread } = this
    const headers = this.requestHeaders as HeaderMap
    this.endFilters(false)
    manager.countRequest()
    const next = new StreamInfo(manager.info, thread.clock.now)
    next.protocol = info.protocol
    next.schemeMatchesUpstream = info.schemeMatchesUpstream
    next.filterState = info.filterState
    next.downstreamBytes = info.downstreamBytes
    next.lastDownstreamRxByteUs = 0
    // As Envoy: what is handed to the filters again counts again.
    next.bytesReceived = info.bytesReceived + (body?.length ?? 0)
    this.info = next
    this.createChain()
    const chain = this.chain as FilterChain
    chain.decodeHeaders(headers, body === null && trailers === null)
    if (body !== null && !this.ended) chain.decodeData(body, 0, body.length, trailers === null)
    if (trailers !== null && !this.ended) chain.decodeTrailers(trailers)
  }

  /** The filters hear of the end, and it is logged; `answered`: and counted as a response. */
  private endFilters(answered: boolean): void {
    const { info, manager } = this
    const filters = this.chain?.filters ?? NO_FILTERS
    for (let i = 0; i < filters.length; i++) (filters[i] as HttpFilter).onStreamComplete()
    info.endUs = info.sinceStartUs(this.thread.clock.now)
    if (answered) chargeResponse(manager, info)
    if (info.trace !== null) this.endTrace(info.trace)
    if (manager.accessLogs.length > 0) this.log('DownstreamEnd')
    for (let i = 0; i < filters.length; i++) (filters[i] as HttpFilter).onDestroy()
  }

  /** The HTTP is bad though its framing is sound: answered, and the connection ends unless told otherwise. */
  rejectRequest(status: number, details: string): void {
    if (!this.manager.plan.streamErrorOnInvalidMessage) this.manager.endAfterResponse()
    this.sendLocalReply(status, '', details, null)
  }

  decodeData(data: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.ended) return
    this.touch()
    this.info.bytesReceived += end - start
    if (endStream) this.onRequestComplete()
    this.chain?.decodeData(data, start, end, endStream)
  }

  decodeTrailers(trailers: HeaderMap): void {
    if (this.ended) return
    this.touch()
    this.onRequestComplete()
    this.chain?.decodeTrailers(trailers)
  }

  /** A complete request waits in a filter. */
  private get isHeld(): boolean {
    if (this.headersThrough || this.responseStarted || this.ended) return false
    return this.chain?.mayHoldRequests === true
  }

  onHeadersThrough(): void {
    this.headersThrough = true
    if (this.requestComplete) this.endRequestTimeout()
  }

  private onRequestComplete(): void {
    this.requestComplete = true
    this.info.lastDownstreamRxByteUs = this.info.sinceStartUs(this.thread.clock.now)
    this.endRequestTimeout()
  }

  /** The bytes are no HTTP: answered if nothing of a response is out yet, and the connection ends. */
  onCodecError(error: CodecError): void {
    // As Envoy: a version is logged once a request of it has been understood.
    this.info.protocol ??= 'HTTP/1.1'
    if (this.responseStarted) {
      this.info.flags |= ResponseFlag.DownstreamProtocolError
      this.resetStream()
      return
    }
    this.codecFailed = true
    this.sendLocalReply(error.status, reasonPhrase(error.status), error.details, null)
  }

  onResetStream(reason: ResetReason, detail: string | null): void {
    if (this.ended) return
    const { info, manager } = this
    manager.cells[S.RQ_RX_RESET]! += 1
    // One that was refused for its head has not got that far.
    info.protocol ??= manager.codec.protocol
    if (reason !== 'connection_termination') {
      const byPeer = reason === 'remote_reset' || reason === 'remote_refused_stream_reset'
      info.flags |= byPeer ? ResponseFlag.DownstreamRemoteReset : ResponseFlag.DownstreamProtocolError
      info.responseCodeDetails = detail
      this.finish()
      return
    }
    if ((info.flags & ResponseFlag.DownstreamProtocolError) !== 0) {
      this.finish()
      return
    }
    info.flags |= ResponseFlag.DownstreamConnectionTermination
    info.responseCodeDetails =
      this.closedBy === 'local' ? 'downstream_local_disconnect' : 'downstream_remote_disconnect'
    this.finish()
  }

  // ---- routing

  get route(): Route | null {
    if (!this.routeCached) {
      this.routeCached = true
      const { routes, requestHeaders } = this
      if (routes !== null && requestHeaders !== null && !hasEmptyForwardedProto(requestHeaders)) {
        if (this.random < 0) this.random = drawNumber(this.thread)
        this.cachedRoute = routes.route(requestHeaders, this.info, this.random)
        const route = this.cachedRoute
        if (route !== null) {
          this.info.routeName = route.name
          this.info.virtualHostName = route.virtualHost.name
          this.info.routeMetadata = route.metadata
          this.info.virtualHostMetadata = route.virtualHost.metadata
          if (route.idleTimeoutMs >= 0) this.setIdleTimeout(route.idleTimeoutMs)
          this.applyMaxDuration(route, requestHeaders)
        }
      }
      if (this.chain !== null) this.chain.onRouteSelected()
    }
    return this.cachedRoute
  }

  clearRouteCache(): void {
    this.routeCached = false
    this.cachedRoute = null
  }

  drainConnection(): void {
    this.manager.lastRequest()
  }

  get httpStats(): StatBlock {
    return this.manager.stats.http
  }

  get streamRandom(): number {
    if (this.random < 0) this.random = drawNumber(this.thread)
    return this.random
  }

  // ---- filters

  replaceFilter(filter: HttpFilter, by: HttpFilter): void {
    by.callbacks = this
    this.chain?.replace(filter, by)
  }

  continueDecoding(filter: HttpFilter): void {
    this.chain?.continueDecoding(filter)
  }

  continueEncoding(filter: HttpFilter): void {
    this.chain?.continueEncoding(filter)
  }

  get decoding(): FilterDirection {
    return (this.chain as FilterChain).decoding
  }

  get encoding(): FilterDirection {
    return (this.chain as FilterChain).encoding
  }

  setBufferLimit(bytes: number): void {
    this.ownBufferLimit = bytes
  }

  get bufferLimitBytes(): number {
    const own = this.ownBufferLimit >= 0 ? this.ownBufferLimit : (this.cachedRoute?.bufferLimitBytes ?? -1)
    return own >= 0 ? own : this.connection.highWatermarkBytes
  }

  onRequestTooLarge(): void {
    this.manager.cells[S.RQ_TOO_LARGE]! += 1
    // The end may have come with the very bytes that were too many: as in Envoy, it is not looked at any more.
    this.requestComplete = false
    this.sendLocalReply(413, reasonPhrase(413), 'request_payload_too_large', null)
  }

  onResponseTooLarge(): void {
    this.manager.cells[S.RS_TOO_LARGE]! += 1
    if (this.responseStarted) this.resetStream()
    else this.sendLocalReply(500, reasonPhrase(500), 'response_payload_too_large', null)
  }

  // ---- response

  sendLocalReply(
    status: number,
    body: string,
    details: string,
    modify: ((headers: HeaderMap) => void) | null = null,
    grpcStatus = -1,
  ): void {
    if (this.ended) return
    const { info, manager } = this
    if (this.responseStarted) {
      this.resetStream()
      return
    }
    info.responseCodeDetails = details
    // As Envoy: who is told that his HTTP/1 request is bad is not trusted with another one on this connection.
    if (status === 400 && info.protocol !== 'HTTP/2' && !manager.plan.streamErrorOnInvalidMessage)
      manager.closing = true
    if (this.chain === null) this.beRefusedEarly()
    const { chain, requestHeaders } = this
    chain?.abandonRequest()
    const { localReply } = manager.plan
    const grpc = this.isGrpc(requestHeaders) ? { status: grpcStatus } : null
    // As Envoy: the route's mutations do not reach a reply that takes the place of a response.
    const shape = chain === null || chain.hasResponse ? modify : this.mutatedByRoute(modify)
    const reply = buildLocalReply(localReply, this.thread, info, requestHeaders, status, body, shape, grpc)
    if (this.codecFailed) info.flags |= ResponseFlag.DownstreamProtocolError
    const { headers } = reply
    const bytes = requestHeaders?.method === 'HEAD' ? NO_BYTES : Buffer.from(reply.body, 'latin1')
    const empty = bytes.length === 0
    this.responseHeaders = headers
    if (chain === null || chain.hasResponse) {
      chain?.abandonResponse()
      this.sendHeaders(headers, empty)
      if (!empty && !this.ended) this.sendData(bytes, 0, bytes.length, true)
      return
    }
    chain.encodeHeaders(headers, empty)
    if (!empty && !this.ended) chain.encodeData(bytes, 0, bytes.length, true)
  }

  /**
   * As Envoy: filters see what is answered to a request that is refused before it comes to them. It has a route only where
   * its client has said x-forwarded-proto itself: nobody else has until then.
   */
  private beRefusedEarly(): void {
    const { info, manager } = this
    if (this.requestHeaders?.has(http.X_FORWARDED_PROTO)) info.upstreamCluster = this.route?.clusterName ?? null
    this.routeCached = true
    if (manager.plan.filters.length > 1) this.createChainOf(manager.plan.filters, this.cachedRoute)
  }

  /** As Envoy: first what the route says, then what the filter says that answers. */
  private mutatedByRoute(modify: ((headers: HeaderMap) => void) | null): ((headers: HeaderMap) => void) | null {
    const route = this.routeCached ? this.cachedRoute : null
    if (route?.kind !== 'cluster' || !route.hasResponseMutations) return modify
    return reply => {
      route.finalizeResponse(reply, this.requestHeaders, this.info)
      modify?.(reply)
    }
  }

  encode1xxHeaders(headers: HeaderMap): void {
    // The first one only (Envoy).
    if (http.isKnownInterim(headers.status) && this.manager.plan.proxy100Continue && !this.interimSent) {
      removeHopByHop(headers, false)
      this.echoRequestId(headers)
      this.sendInterim(headers)
    }
    HeaderMap.release(headers)
  }

  private sendContinue(): void {
    const interim = HeaderMap.acquire()
    interim.status = 100
    this.sendInterim(interim)
    HeaderMap.release(interim)
  }

  private sendInterim(headers: HeaderMap): void {
    if (this.info.protocol === 'HTTP/1.0') return
    this.interimSent = true
    chargeInterim(this.manager)
    this.encoder.encode1xxHeaders(headers)
  }

  encodeHeaders(headers: HeaderMap, endStream: boolean): void {
    this.touch()
    this.responseHeaders = headers
    ;(this.chain as FilterChain).encodeHeaders(headers, endStream)
  }

  encodeData(data: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.ended) return
    this.touch()
    ;(this.chain as FilterChain).encodeData(data, start, end, endStream)
  }

  encodeTrailers(trailers: HeaderMap): void {
    if (this.ended) return
    this.touch()
    ;(this.chain as FilterChain).encodeTrailers(trailers)
  }

  /** The response has passed the filters: the last changes, and out. */
  sendHeaders(headers: HeaderMap, endStream: boolean): void {
    const { manager, info } = this
    this.responseStarted = true
    const { status } = headers
    info.responseCode = status
    const upgraded = status === 101 || (this.requestHeaders?.method === 'CONNECT' && status >= 200 && status < 300)
    mutateResponse(manager.plan, this.thread, headers, upgraded)
    this.echoRequestId(headers)
    if (manager.plan.via !== '') addVia(headers, manager.plan.via)
    // As Envoy: what was no HTTP gets no such header.
    if (manager.plan.proxyStatus !== null && !this.codecFailed) addProxyStatus(manager.plan.proxyStatus, headers, info)
    if (info.trace !== null) decorateResponse(info.trace, headers)
    if (!this.requestComplete) {
      manager.cells[S.RQ_RESPONSE_BEFORE_COMPLETE]! += 1
      // The rest of the request would be taken for the next one.
      if (!upgraded) manager.endAfterResponse()
    }
    if (!upgraded) this.announceClose(headers)
    this.endRequestTimeout()
    info.firstDownstreamTxByteUs = info.sinceStartUs(this.thread.clock.now)
    if (upgraded) manager.onUpgraded()
    this.encoder.encodeHeaders(headers, endStream)
    if (endStream) this.onResponseEnd()
    else if (upgraded) {
      this.encoder.upgradeToTunnel()
      if (manager.plan.logOnTunnel) this.log('DownstreamTunnelSuccessfullyEstablished')
    }
  }

  /** What the client wants to change to is allowed: it counts as an upgrade, whatever the origin says (Envoy). */
  onUpgradeAccepted(): void {
    this.upgradeAccepted = true
    this.manager.cells[S.CX_UPGRADES_TOTAL]! += 1
    this.manager.cells[S.CX_UPGRADES_ACTIVE]! += 1
  }

  /** Says `connection: close` where this is the connection's last response; HTTP/2 says GOAWAY. */
  private announceClose(headers: HeaderMap): void {
    const { manager } = this
    if (this.thread.drain.draining && manager.mayDrain && this.thread.drain.drainClose()) {
      manager.cells[S.CX_DRAIN_CLOSE]! += 1
      manager.lastRequest()
    }
    if (this.thread.overload.takes('disable_http_keepalive') && manager.mayDrain) {
      manager.cells[S.CX_OVERLOAD_DISABLE_KEEPALIVE]! += 1
      manager.lastRequest()
    }
    if (manager.multiplexed) return
    if (manager.codec.protocol === 'HTTP/1.0') {
      // Without a length the end of the connection is the end of the body (RFC 9112, 6.3). As Envoy, bodiless ones too.
      if (!headers.has(http.CONTENT_LENGTH)) manager.closing = true
      headers.append(http.CONNECTION, manager.closing ? 'close' : 'keep-alive')
    } else if (manager.closing) headers.append(http.CONNECTION, 'close')
  }

  private echoRequestId(headers: HeaderMap): void {
    const { requestHeaders } = this
    const { alwaysSetRequestIdInResponse } = this.manager.plan
    if (!alwaysSetRequestIdInResponse && requestHeaders?.has(http.X_ENVOY_FORCE_TRACE) !== true) return
    const id = requestHeaders?.get(http.X_REQUEST_ID)
    if (id !== undefined) headers.set(http.X_REQUEST_ID, id)
  }

  sendData(data: Buffer, start: number, end: number, endStream: boolean): void {
    this.info.bytesSent += end - start
    this.encoder.encodeData(data, start, end, endStream)
    if (endStream) this.onResponseEnd()
  }

  sendTrailers(trailers: HeaderMap): void {
    this.responseTrailers = trailers
    this.encoder.encodeTrailers(trailers)
    this.onResponseEnd()
  }

  private onResponseEnd(): void {
    this.info.lastDownstreamTxByteUs = this.info.sinceStartUs(this.thread.clock.now)
    const { manager } = this
    // Nothing is behind the tunnel any more: its client need not end it.
    if (!this.requestComplete && manager.multiplexed && this.isTunnel) {
      manager.cells[S.RQ_RX_RESET]! += 1
      this.encoder.resetStream(this.isCutTunnel ? 'connect_error' : 'no_error')
    }
    this.finish()
  }

  /** The response cannot be completed: the client must see that, so the connection is cut. */
  resetStream(): void {
    if (this.ended) return
    const { multiplexed, plan, cells } = this.manager
    // Envoy counts its own resets on both sides; of an HTTP/1 request that is not complete, `streamEnded` counts one.
    cells[S.RQ_TX_RESET]! += 1
    if (multiplexed || this.requestComplete) cells[S.RQ_RX_RESET]! += 1
    this.encoder.resetStream(this.isCutTunnel ? 'connect_error' : 'local_reset')
    this.finish()
    if (!multiplexed) this.connection.close(CloseFlushAndHold, plan.delayedCloseTimeoutMs)
  }

  // ---- flow control

  pauseDownstream(): void {
    this.pauses++
    this.manager.cells[S.PAUSED_READING]! += 1
    this.encoder.readDisable(true)
    this.chain?.onDecodingPaused()
  }

  resumeDownstream(): void {
    if (this.pauses === 0) return
    this.pauses--
    this.manager.cells[S.RESUMED_READING]! += 1
    this.encoder.readDisable(false)
    this.chain?.onDecodingResumed()
  }

  pauseUpstream(): void {
    this.chain?.pauseUpstream()
  }

  resumeUpstream(): void {
    this.chain?.resumeUpstream()
  }

  onAboveWriteBufferHighWatermark(): void {
    this.chain?.pauseUpstream()
  }

  onBelowWriteBufferLowWatermark(): void {
    this.touch()
    this.chain?.resumeUpstream()
  }

  // ---- end

  protected endBySelf(status: number, body: string, details: string, grpcStatus = -1): void {
    if (this.responseStarted) {
      this.info.responseCodeDetails = details
      this.resetStream()
    } else this.sendLocalReply(status, body, details, null, grpcStatus)
  }

  /** Asked for by CONNECT or an upgrade. */
  private get isTunnel(): boolean {
    return this.upgrade !== null || this.requestHeaders?.method === 'CONNECT'
  }

  /** RFC 9113, 8.5: what lies behind the tunnel is to blame. */
  private get isCutTunnel(): boolean {
    return (this.info.flags & CONNECTION_FLAGS) !== 0 && this.isTunnel
  }

  /** Everybody is told, logs are written, what was borrowed is given back. */
  private finish(): void {
    if (this.ended) return
    this.ended = true
    const { manager } = this
    this.endTimers()
    for (; this.pauses > 0; this.pauses--) this.encoder.readDisable(false)
    if (this.upgradeAccepted) manager.cells[S.CX_UPGRADES_ACTIVE]! -= 1
    this.endFilters(true)
    this.releaseHeaders()
    manager.streamEnded(this, this.requestComplete)
  }

  protected override logPeriodically(): void {
    this.log('DownstreamPeriodic')
  }

  private log(accessLogType: string): void {
    writeAccessLogs(this.manager.accessLogs, this.formatContext(accessLogType))
  }

  private formatContext(accessLogType: string): FormatContext {
    const { requestHeaders, responseHeaders, responseTrailers, info } = this
    return { requestHeaders, responseHeaders, responseTrailers, info, accessLogType }
  }

  private endTrace(trace: RequestTrace): void {
    chargeTrace(this.info, this.manager.cells)
    finishTrace(trace, this.formatContext('NotSet'), this.requestHeaders)
  }

  private releaseHeaders(): void {
    if (this.requestHeaders !== null) HeaderMap.release(this.requestHeaders)
    if (this.responseHeaders !== null) HeaderMap.release(this.responseHeaders)
    if (this.responseTrailers !== null) HeaderMap.release(this.responseTrailers)
    this.requestHeaders = this.responseHeaders = this.responseTrailers = null
  }
}
