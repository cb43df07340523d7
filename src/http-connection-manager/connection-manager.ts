// HOT FILE (docs/hot-path.md): the L4 filter that turns bytes into requests; one object per downstream connection.
import { Timer } from '../base/index.ts'
import {
  type CodecError,
  Http1ServerCodec,
  Http2ServerCodec,
  type RequestDecoder,
  type ResponseEncoder,
  HttpStats as S,
  type ServerCodec,
  type ServerCodecCallbacks,
} from '../http/index.ts'
import {
  type AccessLog,
  type CloseEvent,
  CloseFlush,
  CloseFlushAndDelay,
  CloseFlushAndHold,
  type Connection,
  type FilterStatus,
  type NetworkFilter,
  type NetworkFilterCallbacks,
  StopIteration,
  type ThreadContext,
  type WatermarkCallbacks,
} from '../net/index.ts'
import { type ConnectionInfo, ResponseFlag, type StatBlock, type Tracer } from '../observability/index.ts'
import { ActiveStream } from './active-stream.ts'
import { chooseProtocol, Http1, Http2, type ProtocolChoice, Undecided } from './choose-protocol.ts'
import { ConnectionIdentity } from './forwarded.ts'
import type { ManagerShared, ManagerStats } from './manager-shared.ts'
import type { HttpConnectionManagerPlan } from './plan.ts'
import { PrematureResets } from './premature-resets.ts'

const IDLE_TIMER = 0
const DURATION_TIMER = 1
const HEADERS_TIMER = 2
const DRAIN_TIMER = 3

export class ConnectionManager implements NetworkFilter, ServerCodecCallbacks, WatermarkCallbacks {
  readonly plan: HttpConnectionManagerPlan
  private readonly shared: ManagerShared
  readonly thread: ThreadContext
  readonly stats: ManagerStats
  readonly cells: Float64Array
  readonly accessLogs: readonly AccessLog[]
  readonly tracer: Tracer | null
  listenerStats!: StatBlock
  connection!: Connection
  /** Made with the first bytes: they tell the protocol. */
  codec!: ServerCodec
  /** HTTP/2: many streams at once, and the connection outlives each of them. */
  multiplexed = false
  identity!: ConnectionIdentity
  info!: ConnectionInfo
  /** The streams under way, a list; HTTP/1 has at most one. */
  private streams: ActiveStream | null = null
  private requests = 0
  /** No request follows the current one: the response says so and the connection ends behind it. */
  closing = false
  private startMs = 0
  private lastActiveMs = 0
  private idleTimer: Timer | null = null
  private durationTimer: Timer | null = null
  private headersTimer: Timer | null = null
  private upgraded = false
  private codecMade = false
  /** First bytes that do not tell the protocol yet. */
  private held: Buffer | null = null
  /** HTTP/2: GOAWAY has been announced. */
  private draining = false
  private drainTimer: Timer | null = null
  private resets: PrematureResets | null = null

  constructor(plan: HttpConnectionManagerPlan, shared: ManagerShared) {
    this.plan = plan
    this.shared = shared
    this.thread = shared.thread
    this.stats = shared.stats
    this.cells = shared.stats.http.cells
    this.accessLogs = shared.accessLogs
    this.tracer = shared.tracer
  }

  // ---- connection

  initialize(callbacks: NetworkFilterCallbacks): void {
    const { connection } = callbacks
    const { plan, cells, thread } = this
    this.connection = connection
    this.info = connection.info as ConnectionInfo
    this.listenerStats = thread.stats.block(
      `${callbacks.listenerStatPrefix}http.${plan.statPrefix}.`,
      S.LISTENER_HTTP_STATS,
    )
    this.identity = new ConnectionIdentity(plan, this.info)
    connection.watermarkCallbacks = this
    connection.statCells = cells
    connection.rxSlot = S.CX_RX_BYTES
    connection.txSlot = S.CX_TX_BYTES
    this.startMs = this.lastActiveMs = thread.clock.now
    cells[S.CX_TOTAL]! += 1
    cells[S.CX_ACTIVE]! += 1
    if (connection.ssl !== null) {
      cells[S.CX_SSL_TOTAL]! += 1
      cells[S.CX_SSL_ACTIVE]! += 1
    }
    if (plan.idleTimeoutMs > 0) {
      this.idleTimer = new Timer(this, IDLE_TIMER)
      thread.timers.arm(this.idleTimer, plan.idleTimeoutMs)
    }
    if (plan.maxConnectionDurationMs > 0) {
      this.durationTimer = new Timer(this, DURATION_TIMER)
      const longer = 1 + plan.maxConnectionDurationJitter * thread.random()
      thread.timers.arm(this.durationTimer, plan.maxConnectionDurationMs * longer)
    }
  }

  onNewConnection(): FilterStatus {
    return StopIteration
  }

  onData(data: Buffer, start: number, end: number, endStream: boolean): FilterStatus {
    this.lastActiveMs = this.thread.clock.now
    if (end > start) {
      if (this.codecMade) this.codec.dispatch(data, start, end)
      else this.dispatchFirst(data, start, end)
    }
    if (this.plan.requestHeadersTimeoutMs > 0) this.watchHead()
    // A client that has closed its half is gone for HTTP: there is no way to tell it from one that left.
    if (endStream && !this.connection.closing) {
      if (this.streams === null && this.connection.bytesBuffered > 0) this.connection.close(CloseFlush)
      else this.connection.closeByPeer()
    }
    return StopIteration
  }

  private dispatchFirst(data: Buffer, start: number, end: number): void {
    const { plan, held, connection } = this
    let bytes = data.subarray(start, end)
    if (held !== null) bytes = Buffer.concat([held, bytes])
    const choice =
      plan.codecType === 'AUTO'
        ? chooseProtocol(connection.nextProtocol, bytes, 0, bytes.length)
        : plan.codecType === 'HTTP2'
          ? Http2
          : Http1
    if (choice === Undecided) {
      this.held = Buffer.from(bytes)
      return
    }
    this.held = null
    this.makeCodec(choice)
    this.codec.dispatch(bytes, 0, bytes.length)
  }

  private makeCodec(choice: ProtocolChoice): void {
    const { cells, plan, connection } = this
    this.codecMade = true
    if (choice === Http2) {
      this.multiplexed = true
      this.resets = new PrematureResets()
      this.codec = new Http2ServerCodec(connection, this, plan.http2, this.shared.http2Stats)
      cells[S.CX_HTTP2_TOTAL]! += 1
      cells[S.CX_HTTP2_ACTIVE]! += 1
    } else {
      this.codec = new Http1ServerCodec(connection, this, plan.codec)
      cells[S.CX_HTTP1_TOTAL]! += 1
      cells[S.CX_HTTP1_ACTIVE]! += 1
    }
  }

  private get hasPartialRequest(): boolean {
    return this.codecMade ? this.codec.hasPartialRequest : this.held !== null
  }

  private get hasPartialHttp1(): boolean {
    return this.codecMade && !this.multiplexed && this.codec.hasPartialRequest
  }

  /** request_headers_timeout: from the first byte of a head to its last. */
  private watchHead(): void {
    if (!this.hasPartialRequest) {
      if (this.headersTimer !== null) this.thread.timers.disarm(this.headersTimer)
      return
    }
    this.headersTimer ??= new Timer(this, HEADERS_TIMER)
    if (!this.headersTimer.armed) this.thread.timers.arm(this.headersTimer, this.plan.requestHeadersTimeoutMs)
  }

  onClose(event: CloseEvent): void {
    const { cells, thread } = this
    cells[S.CX_DESTROY]! += 1
    cells[event === 'local' ? S.CX_DESTROY_LOCAL : S.CX_DESTROY_REMOTE]! += 1
    cells[S.CX_ACTIVE]! -= 1
    if (this.connection.ssl !== null) cells[S.CX_SSL_ACTIVE]! -= 1
    if (this.codecMade) cells[this.multiplexed ? S.CX_HTTP2_ACTIVE : S.CX_HTTP1_ACTIVE]! -= 1
    if (this.connection.closeTimedOut) cells[S.CX_DELAYED_CLOSE_TIMEOUT]! += 1
    // A head that stays incomplete is a request too, and logged as one.
    const unfinished = this.streams === null && this.hasPartialHttp1 ? this.beginPartialStream() : null
    if (this.streams !== null) {
      cells[S.CX_DESTROY_ACTIVE_RQ]! += 1
      cells[event === 'local' ? S.CX_DESTROY_LOCAL_ACTIVE_RQ : S.CX_DESTROY_REMOTE_ACTIVE_RQ]! += 1
      for (let stream: ActiveStream | null = this.streams; stream !== null; stream = stream.next)
        stream.closedBy = event
    }
    this.stats.http.histogram(S.CX_LENGTH_MS).record(thread.clock.now - this.startMs)
    if (this.idleTimer !== null) thread.timers.disarm(this.idleTimer)
    if (this.durationTimer !== null) thread.timers.disarm(this.durationTimer)
    if (this.headersTimer !== null) thread.timers.disarm(this.headersTimer)
    if (this.drainTimer !== null) thread.timers.disarm(this.drainTimer)
    if (this.codecMade) this.codec.onConnectionClosed()
    unfinished?.onResetStream('connection_termination', null)
  }

  onAboveWriteBufferHighWatermark(): void {
    if (this.codecMade) this.codec.onAboveWriteBufferHighWatermark()
  }

  onBelowWriteBufferLowWatermark(): void {
    if (this.codecMade) this.codec.onBelowWriteBufferLowWatermark()
  }

  onTimer(kind: number): void {
    const { plan, thread, cells } = this
    if (kind === IDLE_TIMER) {
      // Armed once and moved on when it fires: re-arming it for each request would cost more.
      const idleMs = thread.clock.now - this.lastActiveMs
      if (this.streams !== null || idleMs < plan.idleTimeoutMs) {
        const timer = this.idleTimer as Timer
        thread.timers.arm(timer, this.streams !== null ? plan.idleTimeoutMs : plan.idleTimeoutMs - idleMs)
        return
      }
      cells[S.CX_IDLE_TIMEOUT]! += 1
      if (this.multiplexed) this.startDrain()
      else this.connection.close(CloseFlush)
    } else if (kind === DURATION_TIMER) {
      cells[S.CX_MAX_DURATION_REACHED]! += 1
      this.endByDuration()
    } else if (kind === DRAIN_TIMER) this.endDrain()
    else this.onHeadersTimeout()
  }

  // ---- a graceful end

  /** No request follows those under way: HTTP/1 says so with its response, HTTP/2 with GOAWAY. */
  lastRequest(): void {
    if (this.multiplexed) this.startDrain()
    else this.closing = true
  }

  /**
   * The next response of HTTP/1 is the last. Without one the connection ends where Envoy ends it, behind the drain and the
   * delayed close; until then a request is still answered. Where that is not safe enough it stays.
   */
  private endByDuration(): void {
    if (!this.codecMade) {
      this.connection.close(CloseFlush)
      return
    }
    this.lastRequest()
    if (!this.multiplexed && !this.plan.http1SafeMaxConnectionDuration)
      this.armDrainTimer(this.plan.delayedCloseTimeoutMs)
  }

  private endDrain(): void {
    if (this.multiplexed) this.goAway()
    else if (this.streams === null && !this.connection.closing) this.connection.close(CloseFlush)
  }

  /** What an HTTP/1 client sent or will get leaves no way to go on behind it; HTTP/2 frames its streams. */
  endAfterResponse(): void {
    if (!this.multiplexed) this.closing = true
  }

  /** Nobody has been told yet that the connection ends. */
  get mayDrain(): boolean {
    return !this.closing && !this.draining
  }

  /** HTTP/2: GOAWAY in two steps, drain_timeout apart, so that no request on its way is lost (RFC 9113, 6.8). */
  startDrain(): void {
    if (this.draining || this.connection.closing) return
    this.draining = true
    this.codec.shutdownNotice()
    this.armDrainTimer(0)
  }

  private armDrainTimer(moreMs: number): void {
    this.drainTimer = new Timer(this, DRAIN_TIMER)
    const { drainTimeoutMs, drainTimeoutJitter } = this.plan
    const longer = 1 + drainTimeoutJitter * this.thread.random()
    this.thread.timers.arm(this.drainTimer, Math.max(drainTimeoutMs * longer + moreMs, 1))
  }

  private goAway(): void {
    if (this.connection.closing) return
    this.draining = this.closing = true
    this.codec.goAway()
    if (this.streams === null) this.closeDelayed()
  }

  /** Everything is said: FIN now, and a moment for the peer to read it. */
  private closeDelayed(): void {
    const { delayedCloseTimeoutMs } = this.plan
    if (delayedCloseTimeoutMs > 0) this.connection.close(CloseFlushAndDelay, delayedCloseTimeoutMs)
    else this.connection.close(CloseFlush)
  }

  private onHeadersTimeout(): void {
    if (!this.hasPartialRequest || this.connection.closing) return
    this.cells[S.RQ_HEADER_TIMEOUT]! += 1
    if (!this.codecMade) this.makeCodec(Http1)
    if (this.multiplexed) {
      this.goAway()
      return
    }
    this.beginPartialStream().sendLocalReply(408, 'request header timeout', 'request_header_timeout', null)
  }

  /** A stream for a request whose head has not arrived in full. */
  private beginPartialStream(): ActiveStream {
    const stream = this.beginStream(this.codec as unknown as ResponseEncoder)
    stream.info.protocol = this.codec.protocol
    return stream
  }

  // ---- streams

  newStream(encoder: ResponseEncoder): RequestDecoder {
    if (this.headersTimer !== null) this.thread.timers.disarm(this.headersTimer)
    return this.beginStream(encoder)
  }

  private beginStream(encoder: ResponseEncoder): ActiveStream {
    const { cells, plan } = this
    this.requests++
    if (plan.maxRequestsPerConnection > 0 && this.requests >= plan.maxRequestsPerConnection) {
      if (!this.closing && !this.draining) cells[S.CX_MAX_REQUESTS_REACHED]! += 1
      this.lastRequest()
    }
    this.countRequest()
    cells[S.RQ_ACTIVE]! += 1
    const stream = new ActiveStream(this, encoder)
    const { streams } = this
    stream.next = streams
    if (streams !== null) streams.previous = stream
    this.streams = stream
    return stream
  }

  /** A request more, from the client or by a redirect that the proxy follows itself. */
  countRequest(): void {
    this.cells[S.RQ_TOTAL]! += 1
    this.cells[this.multiplexed ? S.RQ_HTTP2_TOTAL : S.RQ_HTTP1_TOTAL]! += 1
  }

  onUnderscoresDropped(count: number): void {
    this.stats.codec.cells[S.HTTP1_DROPPED_UNDERSCORES]! += count
  }

  onCodecError(error: CodecError): void {
    const { cells } = this
    if (!isFlood(error)) cells[S.CX_PROTOCOL_ERROR]! += 1
    if (error.details === 'http1.unexpected_underscore') {
      this.stats.codec.cells[S.HTTP1_REJECTED_UNDERSCORES]! += 1
    }
    if (error.status === 0) {
      this.onMultiplexedError(error)
      return
    }
    const stream = this.streams ?? this.beginStream(this.codec as unknown as ResponseEncoder)
    this.closing = true
    stream.onCodecError(error)
  }

  /** The codec has said GOAWAY already: the connection ends at once, with every stream on it. */
  private onMultiplexedError(error: CodecError): void {
    this.closing = this.draining = true
    for (let stream: ActiveStream | null = this.streams; stream !== null; stream = stream.next) {
      stream.info.flags |= ResponseFlag.DownstreamProtocolError
      stream.info.responseCodeDetails = error.details
    }
    this.closeDelayed()
    this.codec.onConnectionClosed()
  }

  /** The stream has ended and told everybody; the connection goes on, or ends. */
  streamEnded(stream: ActiveStream, requestComplete: boolean): void {
    this.unlink(stream)
    this.cells[S.RQ_ACTIVE]! -= 1
    this.lastActiveMs = this.thread.clock.now
    const { connection } = this
    if (this.multiplexed) this.multiplexedStreamEnded(stream)
    else if (connection.closing) return
    else if (this.upgraded) {
      if (!requestComplete) this.cells[S.RQ_RX_RESET]! += 1
      connection.close(CloseFlush)
    } else if (!requestComplete) {
      this.cells[S.RQ_RX_RESET]! += 1
      this.codec.stop()
      connection.close(CloseFlushAndHold, this.plan.delayedCloseTimeoutMs)
    } else if (this.closing) {
      this.codec.stop()
      if (this.plan.delayedCloseTimeoutMs > 0) connection.close(CloseFlushAndDelay, this.plan.delayedCloseTimeoutMs)
      else connection.close(CloseFlush)
    } else this.codec.resumePipelined()
  }

  private unlink(stream: ActiveStream): void {
    const { previous, next } = stream
    if (previous !== null) previous.next = next
    else if (this.streams === stream) this.streams = next
    if (next !== null) next.previous = previous
    stream.previous = stream.next = null
  }

  private multiplexedStreamEnded(stream: ActiveStream): void {
    const { connection } = this
    const { info } = stream
    const answered = info.responseCode !== 0
    if ((this.resets as PrematureResets).onStreamEnded(this.thread.clock.now - info.startMs, answered)) {
      if (!connection.closing) this.tooManyResets()
    } else if (this.closing && this.streams === null && !connection.closing) this.closeDelayed()
  }

  private tooManyResets(): void {
    this.cells[S.RQ_TOO_MANY_PREMATURE_RESETS]! += 1
    this.closing = this.draining = true
    this.codec.goAway()
    this.closeDelayed()
    this.codec.onConnectionClosed()
  }

  /** The stream has become a byte pipe; with HTTP/1 the connection as well. */
  onUpgraded(): void {
    this.upgraded = !this.multiplexed
  }

  /**
   * An idle connection ends now, a busy one behind its response. One that has not sent its first request yet is not
   * idle: that request may be on its way, and gets its answer. HTTP/2 can say that it does not listen any more.
   */
  onDrain(): void {
    if (this.multiplexed) {
      if (this.streams === null && !this.hasPartialRequest) this.goAway()
      else this.startDrain()
    } else if (this.streams === null && !this.hasPartialRequest && this.requests > 0) this.connection.close(CloseFlush)
  }
}

/** Floods have stats of their own. */
const isFlood = ({ details }: CodecError): boolean =>
  details.endsWith('_flood') || details.startsWith('codec_error:Too_many_')
