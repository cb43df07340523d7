// HOT FILE (docs/hot-path.md): the L4 filter that turns bytes into requests; one object per downstream connection.
import { Timer } from '../base/index.ts'
import {
  type CodecError,
  Http1ServerCodec,
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
import type { ConnectionInfo, StatBlock } from '../observability/index.ts'
import { ActiveStream } from './active-stream.ts'
import { ConnectionIdentity } from './forwarded.ts'
import type { ManagerShared, ManagerStats } from './manager-shared.ts'
import type { HttpConnectionManagerPlan } from './plan.ts'

const IDLE_TIMER = 0
const DURATION_TIMER = 1
const HEADERS_TIMER = 2

export class ConnectionManager implements NetworkFilter, ServerCodecCallbacks, WatermarkCallbacks {
  readonly plan: HttpConnectionManagerPlan
  readonly thread: ThreadContext
  readonly stats: ManagerStats
  readonly cells: Float64Array
  readonly accessLogs: readonly AccessLog[]
  listenerStats!: StatBlock
  connection!: Connection
  codec!: ServerCodec
  identity!: ConnectionIdentity
  info!: ConnectionInfo
  /** The stream under way; HTTP/1 has at most one. */
  private stream: ActiveStream | null = null
  private requests = 0
  /** No request follows the current one: the response says so and the connection ends behind it. */
  closing = false
  private startMs = 0
  private lastActiveMs = 0
  private idleTimer: Timer | null = null
  private durationTimer: Timer | null = null
  private headersTimer: Timer | null = null
  private upgraded = false

  constructor(plan: HttpConnectionManagerPlan, shared: ManagerShared) {
    this.plan = plan
    this.thread = shared.thread
    this.stats = shared.stats
    this.cells = shared.stats.http.cells
    this.accessLogs = shared.accessLogs
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
    this.codec = new Http1ServerCodec(connection, this, plan.codec)
    connection.watermarkCallbacks = this
    connection.statCells = cells
    connection.rxSlot = S.CX_RX_BYTES
    connection.txSlot = S.CX_TX_BYTES
    this.startMs = this.lastActiveMs = thread.clock.now
    cells[S.CX_TOTAL]! += 1
    cells[S.CX_HTTP1_TOTAL]! += 1
    cells[S.CX_ACTIVE]! += 1
    cells[S.CX_HTTP1_ACTIVE]! += 1
    if (plan.idleTimeoutMs > 0) {
      this.idleTimer = new Timer(this, IDLE_TIMER)
      thread.timers.arm(this.idleTimer, plan.idleTimeoutMs)
    }
    if (plan.maxConnectionDurationMs > 0) {
      this.durationTimer = new Timer(this, DURATION_TIMER)
      thread.timers.arm(this.durationTimer, plan.maxConnectionDurationMs)
    }
  }

  onNewConnection(): FilterStatus {
    return StopIteration
  }

  onData(data: Buffer, start: number, end: number, endStream: boolean): FilterStatus {
    this.lastActiveMs = this.thread.clock.now
    if (end > start) this.codec.dispatch(data, start, end)
    if (this.plan.requestHeadersTimeoutMs > 0) this.watchHead()
    // A client that has closed its half is gone for HTTP/1: there is no way to tell it from one that left.
    if (endStream && !this.connection.closing) {
      if (this.stream === null && this.connection.bytesBuffered > 0) this.connection.close(CloseFlush)
      else this.connection.closeByPeer()
    }
    return StopIteration
  }

  /** request_headers_timeout: from the first byte of a head to its last. */
  private watchHead(): void {
    if (!this.codec.hasPartialRequest) {
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
    cells[S.CX_HTTP1_ACTIVE]! -= 1
    if (this.upgraded) cells[S.CX_UPGRADES_ACTIVE]! -= 1
    if (this.stream !== null) {
      cells[S.CX_DESTROY_ACTIVE_RQ]! += 1
      cells[event === 'local' ? S.CX_DESTROY_LOCAL_ACTIVE_RQ : S.CX_DESTROY_REMOTE_ACTIVE_RQ]! += 1
      this.stream.closedBy = event
    }
    this.stats.http.histogram(S.CX_LENGTH_MS).record(thread.clock.now - this.startMs)
    if (this.idleTimer !== null) thread.timers.disarm(this.idleTimer)
    if (this.durationTimer !== null) thread.timers.disarm(this.durationTimer)
    if (this.headersTimer !== null) thread.timers.disarm(this.headersTimer)
    this.codec.onConnectionClosed()
  }

  onAboveWriteBufferHighWatermark(): void {
    this.codec.onAboveWriteBufferHighWatermark()
  }

  onBelowWriteBufferLowWatermark(): void {
    this.codec.onBelowWriteBufferLowWatermark()
  }

  onTimer(kind: number): void {
    const { plan, thread, cells } = this
    if (kind === IDLE_TIMER) {
      // Armed once and moved on when it fires: re-arming it for each request would cost more.
      const idleMs = thread.clock.now - this.lastActiveMs
      if (this.stream !== null || idleMs < plan.idleTimeoutMs) {
        const timer = this.idleTimer as Timer
        thread.timers.arm(timer, this.stream !== null ? plan.idleTimeoutMs : plan.idleTimeoutMs - idleMs)
        return
      }
      cells[S.CX_IDLE_TIMEOUT]! += 1
      this.connection.close(CloseFlush)
    } else if (kind === DURATION_TIMER) {
      // The next response is the last. Without one the connection stays: its client would take a close for a failure.
      cells[S.CX_MAX_DURATION_REACHED]! += 1
      this.closing = true
    } else this.onHeadersTimeout()
  }

  private onHeadersTimeout(): void {
    if (!this.codec.hasPartialRequest || this.connection.closing) return
    this.cells[S.RQ_HEADER_TIMEOUT]! += 1
    const stream = this.beginStream(this.codec as unknown as ResponseEncoder)
    stream.info.protocol = this.codec.protocol
    stream.sendLocalReply(408, 'request header timeout', 'request_header_timeout', null)
  }

  // ---- streams

  newStream(encoder: ResponseEncoder): RequestDecoder {
    const { cells, plan } = this
    if (this.headersTimer !== null) this.thread.timers.disarm(this.headersTimer)
    this.requests++
    if (plan.maxRequestsPerConnection > 0 && this.requests >= plan.maxRequestsPerConnection) {
      if (!this.closing) cells[S.CX_MAX_REQUESTS_REACHED]! += 1
      this.closing = true
    }
    return this.beginStream(encoder)
  }

  private beginStream(encoder: ResponseEncoder): ActiveStream {
    const { cells } = this
    cells[S.RQ_TOTAL]! += 1
    cells[S.RQ_HTTP1_TOTAL]! += 1
    cells[S.RQ_ACTIVE]! += 1
    const stream = new ActiveStream(this, encoder)
    this.stream = stream
    return stream
  }

  onCodecError(error: CodecError): void {
    const { cells } = this
    cells[S.CX_PROTOCOL_ERROR]! += 1
    if (error.details === 'http1.unexpected_underscore') {
      this.stats.codec.cells[S.HTTP1_REJECTED_UNDERSCORES]! += 1
    }
    this.closing = true
    const stream = this.stream ?? this.beginStream(this.codec as unknown as ResponseEncoder)
    stream.onCodecError(error)
  }

  /** The stream has ended and told everybody; the connection goes on, or ends. */
  streamEnded(stream: ActiveStream, requestComplete: boolean): void {
    if (this.stream === stream) this.stream = null
    this.cells[S.RQ_ACTIVE]! -= 1
    this.lastActiveMs = this.thread.clock.now
    const { connection } = this
    if (connection.closing) return
    if (this.upgraded) connection.close(CloseFlush)
    else if (!requestComplete) {
      this.codec.stop()
      connection.close(CloseFlushAndHold, this.plan.delayedCloseTimeoutMs)
    } else if (this.closing) {
      this.codec.stop()
      if (this.plan.delayedCloseTimeoutMs > 0) connection.close(CloseFlushAndDelay, this.plan.delayedCloseTimeoutMs)
      else connection.close(CloseFlush)
    } else this.codec.resumePipelined()
  }

  /** The connection has become a byte pipe. */
  onUpgraded(): void {
    this.upgraded = true
    this.cells[S.CX_UPGRADES_TOTAL]! += 1
    this.cells[S.CX_UPGRADES_ACTIVE]! += 1
  }

  /**
   * An idle connection ends now, a busy one behind its response. One that has not sent its first request yet is not
   * idle: that request may be on its way, and gets its answer.
   */
  onDrain(): void {
    if (this.stream === null && !this.codec.hasPartialRequest && this.requests > 0) this.connection.close(CloseFlush)
  }
}
