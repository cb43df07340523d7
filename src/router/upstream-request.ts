// HOT FILE (docs/hot-path.md): one attempt: a stream of a pool, the response back to the router.
import { Timer, type TimerOwner } from '../base/index.ts'
import {
  BodyBuffer,
  type ConnectPlan,
  type HeaderMap,
  type RequestEncoder,
  type ResetReason,
  type ResponseDecoder,
  UPGRADE,
} from '../http/index.ts'
import type { ThreadContext } from '../net/index.ts'
import type { RequestTrace, ResponseCause, StreamInfo } from '../observability/index.ts'
import {
  CLUSTER_SLOTS as C,
  type Cluster,
  connectionPool,
  countStreamReset,
  HOST_RQ_ACTIVE,
  HOST_RQ_TOTAL,
  type Host,
  type PoolCallbacks,
  type PooledStream,
  type PoolFailure,
  transportOverrides,
} from '../upstream/index.ts'
import { type AttemptSpan, injectTrace } from './attempt-span.ts'
import { ConnectTunnel } from './connect-tunnel.ts'
import { countSlices, RQ_TOTAL, type SliceStats } from './slice-stats.ts'
import type { RequestTimeouts } from './timeouts.ts'

const PER_TRY_TIMER = 0
const PER_TRY_IDLE_TIMER = 1

/** What an attempt tells the router. */
export interface UpstreamRequestOwner {
  readonly thread: ThreadContext
  readonly info: StreamInfo
  readonly slices: readonly SliceStats[]
  onUpstreamHeaders(request: UpstreamRequest, headers: HeaderMap, endStream: boolean): void
  onUpstream1xx(request: UpstreamRequest, headers: HeaderMap): void
  onUpstreamData(request: UpstreamRequest, data: Buffer, start: number, end: number, endStream: boolean): void
  onUpstreamTrailers(request: UpstreamRequest, trailers: HeaderMap): void
  onUpstreamReset(request: UpstreamRequest, reason: ResetReason, detail: string | null): void
  onPerTryTimeout(request: UpstreamRequest): void
  /** Nothing has moved for the policy's per_try_idle_timeout. */
  onPerTryIdleTimeout(request: UpstreamRequest): void
  pauseDownstream(): void
  resumeDownstream(): void
}

export class UpstreamRequest implements ResponseDecoder, PoolCallbacks, TimerOwner {
  readonly owner: UpstreamRequestOwner
  readonly cluster: Cluster
  readonly host: Host
  /** 1-based. */
  readonly attempt: number
  /** The connection had carried other requests: a loss without an answer may be the keep-alive race. */
  reused = false
  /** How long it had been idle before. */
  idleMs = 0
  encoder: RequestEncoder | null = null
  /** 1; a tunnel's TCP connection counts itself: 0. */
  private counted = 1
  /** A byte of the response has been decoded. */
  responseStarted = false
  /** All of the request has been handed to the codec. */
  requestComplete = false
  failure: PoolFailure | null = null
  readonly startMs: number
  /** When the host had the request, as far as it could be sent; where somebody watches how long hosts take. */
  private sentMs = 0
  private stream: PooledStream | null = null
  private pending: { cancel(): void } | null = null
  private headers: HeaderMap | null = null
  private headersEnd = false
  /** Body that came before the connection was there. */
  private waiting: BodyBuffer | null = null
  private waitingEnd = false
  private waitingTrailers: HeaderMap | null = null
  private pausedDownstream = 0
  private pausedUpstream = 0
  /** 0: none. */
  private perTryMs = 0
  private perTryIdleMs = 0
  private perTryTimer: Timer | null = null
  private perTryIdleTimer: Timer | null = null
  /** Nothing more is heard of this attempt. */
  over = false
  private timeoutNoted = false
  /** The bytes of an upgrade or CONNECT wait until the origin has agreed to it (CVE-2026-73548 is what comes otherwise). */
  private holdsBody = false
  /** CONNECT ends here: the origin gets plain TCP. */
  private readonly tunnel: ConnectPlan | null
  /** A gRPC call is under way whose trailers tell how it ended. */
  grpcUnderWay = false
  /** Null: attempts have no spans. */
  span: AttemptSpan | null = null

  constructor(owner: UpstreamRequestOwner, cluster: Cluster, host: Host, attempt: number, tunnel: ConnectPlan | null) {
    this.owner = owner
    this.cluster = cluster
    this.host = host
    this.attempt = attempt
    this.tunnel = tunnel
    this.startMs = owner.thread.clock.now
  }

  get ageMs(): number {
    return this.owner.thread.clock.now - this.startMs
  }

  start(headers: HeaderMap, endStream: boolean, priority: 0 | 1, fresh: boolean): void {
    this.headers = headers
    this.headersEnd = endStream
    const { thread, info } = this.owner
    this.holdsBody = isTunnel(headers)
    if (this.tunnel !== null) {
      this.pending = ConnectTunnel.open(this.owner, this.cluster, this.host, this.tunnel, this)
      return
    }
    const downstreamHttp2 = info.protocol === 'HTTP/2'
    const overrides = transportOverrides(this.cluster, info, headers)
    const pool = connectionPool(thread, this.cluster, this.host, priority, downstreamHttp2, overrides)
    this.pending = pool.newStream(this, this, fresh)
  }

  /** All of the request is there: the clocks of this attempt run, as in Envoy not before there is a connection. */
  armPerTryTimeouts({ perTryMs, perTryIdleMs }: RequestTimeouts): void {
    this.perTryMs = perTryMs
    this.perTryIdleMs = perTryIdleMs
    if (this.encoder !== null && !this.over) this.startTimeouts()
  }

  private startTimeouts(): void {
    const { timers } = this.owner.thread
    if (this.perTryMs > 0 && !this.responseStarted) {
      this.perTryTimer ??= new Timer(this, PER_TRY_TIMER)
      timers.arm(this.perTryTimer, this.perTryMs)
    }
    if (this.perTryIdleMs > 0) {
      this.perTryIdleTimer ??= new Timer(this, PER_TRY_IDLE_TIMER)
      timers.arm(this.perTryIdleTimer, this.perTryIdleMs)
    }
  }

  /** Something has moved. */
  private touch(): void {
    const timer = this.perTryIdleTimer
    if (timer !== null && !this.over) this.owner.thread.timers.arm(timer, this.perTryIdleMs)
  }

  onTimer(kind: number): void {
    if (this.over) return
    const { timers } = this.owner.thread
    // Each of the two ends the other, even when the answer has begun (Envoy): an attempt takes too long only once.
    if (kind === PER_TRY_TIMER) {
      if (this.perTryIdleTimer !== null) timers.disarm(this.perTryIdleTimer)
      this.perTryIdleTimer = null
      this.owner.onPerTryTimeout(this)
    } else {
      if (this.perTryTimer !== null) timers.disarm(this.perTryTimer)
      this.owner.onPerTryIdleTimeout(this)
    }
  }

  // ---- pool

  onPoolReady(encoder: RequestEncoder, stream: PooledStream, reused: boolean): void {
    const { cluster, host, owner } = this
    const { info, thread } = owner
    this.pending = null
    this.encoder = encoder
    this.stream = stream
    this.reused = reused
    this.idleMs = stream.idleMs
    this.counted = stream.protocol === null ? 0 : 1
    cluster.stats.cells[C.upstream_rq_total]! += this.counted
    countSlices(owner.slices, RQ_TOTAL)
    cluster.stats.cells[C.upstream_rq_active]! += this.counted
    host.cells[HOST_RQ_TOTAL]! += this.counted
    host.cells[HOST_RQ_ACTIVE]! += this.counted
    if (host.monitor !== null) {
      host.monitor.outlier?.putConnected(false)
      this.sentMs = thread.clock.now
    }
    const us = info.sinceStartUs(thread.clock.now)
    info.upstreamPoolReadyUs = us
    info.firstUpstreamTxByteUs = us
    if (info.upstreamRemoteAddress !== null) noteFurtherAttempt(info, host, stream.connection.id)
    info.upstreamRemoteAddress = host.addressText
    info.connectedHostName = host.hostname
    info.upstreamConnection = stream.connection
    info.upstreamLocalAddress = stream.connection.localAddress
    info.upstreamConnectionId = stream.connection.id
    info.upstreamSsl = stream.connection.ssl
    info.upstreamHostAddress = host.addressText
    info.upstreamProtocol = stream.protocol
    info.upstreamBytes = encoder.meter
    if (info.trace !== null) this.tellTrace(info.trace, stream.protocol ?? '-')
    encoder.encodeHeaders(this.headers as HeaderMap, this.headersEnd)
    if (this.perTryMs > 0 || this.perTryIdleMs > 0) this.startTimeouts()
    if (this.headersEnd) this.requestSent()
    else if (!this.holdsBody) this.sendWaiting(encoder)
  }

  private tellTrace(trace: RequestTrace, protocol: string): void {
    const headers = this.headers as HeaderMap
    if (this.span === null) injectTrace(trace, this.owner.info.healthCheck, headers, this.host.addressText)
    else this.span.onReady(protocol, headers)
  }

  private sendWaiting(encoder: RequestEncoder): void {
    const { waiting, waitingEnd, waitingTrailers } = this
    if (waiting === null && !waitingEnd && waitingTrailers === null) return
    this.waiting = null
    if (waiting !== null || waitingEnd) {
      const body = waiting?.toBuffer() ?? Buffer.alloc(0)
      const last = waitingEnd && waitingTrailers === null
      encoder.encodeData(body, 0, body.length, last)
      if (last) this.requestSent()
    }
    if (waitingTrailers !== null && !this.over) {
      encoder.encodeTrailers(waitingTrailers)
      this.requestSent()
    }
    for (; this.pausedDownstream > 0; this.pausedDownstream--) this.owner.resumeDownstream()
  }

  private requestSent(): void {
    this.requestComplete = true
    const { info, thread } = this.owner
    if (this.host.monitor !== null) this.sentMs = thread.clock.now
    info.lastUpstreamTxByteUs = info.sinceStartUs(thread.clock.now)
  }

  onPoolFailure(failure: PoolFailure, detail: string | null): void {
    const { info, thread } = this.owner
    info.upstreamPoolReadyUs = info.sinceStartUs(thread.clock.now)
    this.pending = null
    this.failure = failure
    this.end()
    const reason = failure === 'connection_timeout' ? 'connection_timeout' : failure
    this.owner.onUpstreamReset(this, reason, detail)
  }

  // ---- request body

  sendData(data: Buffer, start: number, end: number, endStream: boolean): void {
    const { encoder } = this
    if (this.over) return
    if (encoder === null || this.holdsBody) {
      this.waiting ??= new BodyBuffer()
      this.waiting.append(data, start, end)
      this.waitingEnd = endStream
      if (this.pausedDownstream === 0 && this.waiting.length > this.cluster.plan.perConnectionBufferLimitBytes) {
        this.pausedDownstream++
        this.owner.pauseDownstream()
      }
      return
    }
    encoder.encodeData(data, start, end, endStream)
    if (endStream) this.requestSent()
  }

  sendTrailers(trailers: HeaderMap): void {
    if (this.over) return
    if (this.encoder === null || this.holdsBody) {
      this.waitingTrailers = trailers
      return
    }
    this.encoder.encodeTrailers(trailers)
    this.requestSent()
  }

  // ---- response

  decode1xxHeaders(headers: HeaderMap): void {
    this.touch()
    this.owner.onUpstream1xx(this, headers)
  }

  decodeHeaders(headers: HeaderMap, endStream: boolean): void {
    this.responseStarted = true
    const { info, thread } = this.owner
    info.firstUpstreamRxByteUs = info.sinceStartUs(thread.clock.now)
    this.touch()
    const { now } = thread.clock
    this.cluster.responses?.onResponseHeaders(this.host, headers, now - this.startMs, now)
    const { monitor } = this.host
    if (monitor !== null) {
      monitor.onResponse(headers)
      if (monitor.outlier?.watchesLatency === true) monitor.outlier.putLatency(now - this.sentMs)
    }
    if (endStream) this.responseComplete()
    const { status } = headers
    if (this.span !== null) this.span.onHeaders(status)
    this.owner.onUpstreamHeaders(this, headers, endStream)
    if (this.holdsBody && (status === 101 || (status >= 200 && status < 300))) this.releaseBody()
  }

  private releaseBody(): void {
    this.holdsBody = false
    if (this.encoder !== null && !this.over) this.sendWaiting(this.encoder)
  }

  decodeData(data: Buffer, start: number, end: number, endStream: boolean): void {
    const { info, thread } = this.owner
    if (info.firstUpstreamRxBodyByteUs < 0) info.firstUpstreamRxBodyByteUs = info.sinceStartUs(thread.clock.now)
    if (endStream) this.responseComplete()
    else this.touch()
    this.owner.onUpstreamData(this, data, start, end, endStream)
  }

  decodeTrailers(trailers: HeaderMap): void {
    this.responseComplete()
    this.owner.onUpstreamTrailers(this, trailers)
  }

  private responseComplete(): void {
    const { info, thread } = this.owner
    info.lastUpstreamRxByteUs = info.sinceStartUs(thread.clock.now)
    this.stream = this.requestComplete ? null : this.stream
    this.end()
  }

  onResetStream(reason: ResetReason, detail: string | null): void {
    if (this.stream?.protocol === 'HTTP/2') countStreamReset(this.cluster.stats.cells, reason)
    this.stream = null
    if (this.over) return
    this.end()
    this.owner.onUpstreamReset(this, reason, detail)
  }

  /** The host was waited for in vain; the client is told `status`. Counts once. */
  noteTimeout(status: number): void {
    const outlier = this.host.monitor?.outlier ?? null
    if (outlier === null || this.responseStarted || this.timeoutNoted) return
    this.timeoutNoted = true
    outlier.putTimeout(status)
    if (outlier.watchesLatency && this.encoder !== null) outlier.putLatency(this.owner.thread.clock.now - this.sentMs)
  }

  /** Why this attempt failed, for logs and %RESPONSE_CAUSE%. */
  cause(phase: ResponseCause['phase'], reason: string, errno: string | null): ResponseCause {
    return {
      phase,
      host: this.host.addressText,
      errno,
      attempt: this.attempt,
      elapsedMs: Math.round((this.owner.thread.clock.now - this.startMs) * 1000) / 1000,
      reason,
    }
  }

  // ---- flow control

  onAboveWriteBufferHighWatermark(): void {
    this.pausedDownstream++
    this.cluster.stats.cells[C.upstream_flow_control_backed_up_total]! += 1
    this.owner.pauseDownstream()
  }

  onBelowWriteBufferLowWatermark(): void {
    if (this.pausedDownstream === 0) return
    this.pausedDownstream--
    this.cluster.stats.cells[C.upstream_flow_control_drained_total]! += 1
    this.owner.resumeDownstream()
  }

  /** The client reads slowly: stop reading the origin. */
  pause(): void {
    if (this.encoder === null || this.over) return
    this.pausedUpstream++
    this.cluster.stats.cells[C.upstream_flow_control_paused_reading_total]! += 1
    this.encoder.readDisable(true)
  }

  resume(): void {
    if (this.encoder === null || this.pausedUpstream === 0) return
    this.pausedUpstream--
    this.cluster.stats.cells[C.upstream_flow_control_resumed_reading_total]! += 1
    this.encoder.readDisable(false)
  }

  // ---- end

  /** Gives the attempt up; nothing more is heard of it. */
  abandon(): void {
    if (this.span !== null) this.endSpan(this.span)
    this.end()
    this.pending?.cancel()
    this.pending = null
    const { stream, encoder } = this
    this.stream = null
    if (stream === null || encoder === null) return
    if (stream.protocol === 'HTTP/2') this.cluster.stats.cells[C.upstream_rq_tx_reset]! += 1
    stream.abandon(encoder)
  }

  get overHttp1(): boolean {
    return this.stream?.protocol === 'HTTP/1.1'
  }

  private endSpan(span: AttemptSpan): void {
    if (!this.over) span.onCancel()
    span.finish()
  }

  /** Bookkeeping of the end, once. */
  private end(): void {
    if (this.over) return
    this.over = true
    const { thread } = this.owner
    if (this.perTryTimer !== null) thread.timers.disarm(this.perTryTimer)
    if (this.perTryIdleTimer !== null) thread.timers.disarm(this.perTryIdleTimer)
    for (; this.pausedDownstream > 0; this.pausedDownstream--) this.owner.resumeDownstream()
    for (; this.pausedUpstream > 0; this.pausedUpstream--) this.encoder?.readDisable(false)
    if (this.encoder === null) return
    this.cluster.stats.cells[C.upstream_rq_active]! -= this.counted
    this.host.cells[HOST_RQ_ACTIVE]! -= this.counted
  }
}

/** The request asks for a byte pipe. */
function isTunnel(headers: HeaderMap): boolean {
  return headers.method === 'CONNECT' || headers.has(UPGRADE)
}

/** One attempt alone is known without a list. */
function noteFurtherAttempt(info: StreamInfo, host: Host, connectionId: number): void {
  info.upstreamAttempts ??= [
    {
      address: info.upstreamRemoteAddress as string,
      hostname: info.connectedHostName,
      connectionId: info.upstreamConnectionId,
    },
  ]
  info.upstreamAttempts.push({ address: host.addressText, hostname: host.hostname, connectionId })
}
