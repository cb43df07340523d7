// HOT FILE (docs/hot-path.md): one request and its response, from the head's last byte to the log line.
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
import { type CloseEvent, type Connection, type ThreadContext, writeAccessLogs } from '../net/index.ts'
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
import { hasEmptyForwardedProto } from './forwarded.ts'
import { passInterim, sendContinue } from './interim-responses.ts'
import { logCause } from './log-cause.ts'
import type { ChainedFilter } from './plan.ts'
import { prepareRequest } from './prepare-request.ts'
import { addProxyStatus } from './proxy-status.ts'
import { recreateStream } from './recreate-stream.ts'
import { acceptPath, asksToGoOn, problemOf } from './request-admission.ts'
import { addVia, asksForClose, hasHopByHop, removeHopByHop, upgradeType } from './request-headers.ts'
import { announceClose, echoRequestId, mutateResponse } from './response-headers.ts'
import { chargeResponse } from './response-stats.ts'
import { sendLocalReply } from './send-local-reply.ts'
import { cutStream, onDownstreamReset } from './stream-resets.ts'
import { TimedStream } from './timed-stream.ts'
import { chargeTrace, decorateResponse, finishTrace, startTrace } from './tracing/stream-tracing.ts'
import { acceptUpgrade, endTunnel, filtersOfUpgrade, refuseUpgrade } from './upgrades.ts'

const NO_FILTERS: readonly HttpFilter[] = []

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
  readonly encoder: ResponseEncoder
  chain: FilterChain | null = null
  /** Null: there is none, or nobody has asked for it yet. */
  cachedRoute: Route | null = null
  private routeCached = false
  private random = -1
  /** The response's head has gone to the codec. */
  responseStarted = false
  private pauses = 0
  /** What the connection is to become: 'websocket', 'connect' and the like; null: nothing else. */
  upgrade: string | null = null
  upgradeAccepted = false
  interimSent = false
  /** The reply does not show the flag that the log shows (Envoy). */
  codecFailed = false
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
    if (headers.has(http.EXPECT) && !plan.proxy100Continue && asksToGoOn(headers)) sendContinue(this)
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
    const chain = this.createChain()
    if (refused) {
      refuseUpgrade(this)
      return
    }
    chain.decodeHeaders(headers, endStream)
    if (endStream && plan.requestTimeoutMs > 0 && !this.responseStarted && chain.mayHoldRequests) {
      this.timeHeldRequest(plan.requestTimeoutMs)
    }
  }

  /**
   * With other filters than the terminal one the route is matched first: it says which of them run, and what they change
   * in the request does not move it (Envoy).
   */
  createChain(): FilterChain {
    const { plan, tracer } = this.manager
    const chained = (this.upgradeAccepted ? filtersOfUpgrade(this) : null) ?? plan.filters
    if (plan.tracing !== null) {
      startTrace(plan, plan.tracing, tracer, this.thread, this.route, this.requestHeaders as HeaderMap, this.info)
    }
    const route = chained.length > 1 ? this.route : null
    const chain = this.createChainOf(chained, route)
    if (route !== null) chain.onRouteSelected()
    return chain
  }

  /**
   * As Envoy: filters see what is answered to a request that is refused before it comes to them. It has a route only where
   * its client has said x-forwarded-proto itself: nobody else has until then.
   */
  beRefusedEarly(): void {
    const { info, manager } = this
    if (this.requestHeaders?.has(http.X_FORWARDED_PROTO)) info.upstreamCluster = this.route?.clusterName ?? null
    this.routeCached = true
    if (manager.plan.filters.length > 1) this.createChainOf(manager.plan.filters, this.cachedRoute)
  }

  private createChainOf(chained: readonly ChainedFilter[], route: Route | null): FilterChain {
    const chain = FilterChain.create(chained, route, this)
    this.chain = chain
    if (chain.filters.length > 1) this.grpc = this.isGrpc(this.requestHeaders)
    return chain
  }

  isGrpc(headers: HeaderMap | null): boolean {
    return this.grpc ?? (headers !== null && http.hasGrpcContentType(headers))
  }

  recreateStream(body: Buffer | null, trailers: HeaderMap | null): void {
    recreateStream(this, body, trailers)
  }

  /** The filters hear of the end, and it is logged; `answered`: and counted as a response. */
  endFilters(answered: boolean): void {
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

  private onRequestComplete(): void {
    this.info.lastDownstreamRxByteUs = this.info.sinceStartUs(this.thread.clock.now)
    this.completeRequest()
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
    if (!this.ended) onDownstreamReset(this, reason, detail)
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
    this.sendLocalReply(500, reasonPhrase(500), 'response_payload_too_large', null)
  }

  // ---- response

  sendLocalReply(
    status: number,
    body: string,
    details: string,
    modify: ((headers: HeaderMap) => void) | null = null,
    grpcStatus = -1,
  ): void {
    sendLocalReply(this, status, body, details, modify, grpcStatus)
  }

  encode1xxHeaders(headers: HeaderMap): void {
    passInterim(this, headers)
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
    echoRequestId(this, headers)
    if (manager.plan.via !== '') addVia(headers, manager.plan.via)
    // As Envoy: what was no HTTP gets no such header.
    if (manager.plan.proxyStatus !== null && !this.codecFailed) addProxyStatus(manager.plan.proxyStatus, headers, info)
    if (info.trace !== null) decorateResponse(info.trace, headers)
    if (!this.requestComplete) {
      manager.cells[S.RQ_RESPONSE_BEFORE_COMPLETE]! += 1
      // The rest of the request would be taken for the next one.
      if (!upgraded) manager.endAfterResponse()
    }
    if (!upgraded) announceClose(manager, headers)
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
    if (!this.requestComplete) endTunnel(this)
    this.finish()
  }

  resetStream(): void {
    if (!this.ended) cutStream(this)
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

  /** Everybody is told, logs are written, what was borrowed is given back. */
  finish(): void {
    if (this.ended) return
    this.ended = true
    const { manager } = this
    if (this.info.cause !== null) logCause(this.info)
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
