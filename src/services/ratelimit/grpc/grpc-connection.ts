// HOT FILE (docs/hot-path.md): one client's HTTP/2 connection.
import { Timer } from '../../../base/index.ts'
import {
  type CodecError,
  DEFAULT_HTTP2_OPTIONS,
  type Http2Options,
  Http2ServerCodec,
  type RequestDecoder,
  type ResponseEncoder,
  type ServerCodecCallbacks,
} from '../../../http/index.ts'
import {
  type CloseEvent,
  CloseFlush,
  CloseFlushAndDelay,
  CloseNoFlush,
  type Connection,
  type ConnectionReader,
  type WatermarkCallbacks,
} from '../../../net/index.ts'
import { type CallOwner, GrpcCall, type GrpcMethods } from './grpc-call.ts'
import type { GrpcServer } from './grpc-server.ts'

const HTTP2: Http2Options = {
  ...DEFAULT_HTTP2_OPTIONS,
  limits: { maxBytes: 16_384, maxCount: 100, underscores: 'ALLOW' },
  initialStreamWindowBytes: 65_536,
  initialConnectionWindowBytes: 1024 * 1024,
  streamErrorOnInvalidMessage: true,
  // While the store is slow a proxy gives up on every call it makes, each time with a reset: no reason to cut it off.
  streamResetBurst: 100_000,
  streamResetRate: 50_000,
}

/** Answers that wait for a client to read them; above, nothing more is read from it. */
const WRITE_BUFFER_BYTES = 1024 * 1024
/** A client may not leave a head or a message half sent for longer. */
const STALL_TIMEOUT_MS = 30_000
const NEW_TIMEOUT_MS = 10_000

const STALL_TIMER = 0
const AGE_TIMER = 1
const NOTICE_TIMER = 2
const GRACE_TIMER = 3

/** From the announcement of the end to the refusal of new calls: those that are on their way arrive meanwhile. */
const NOTICE_MS = 1000

export class GrpcConnection implements ConnectionReader, ServerCodecCallbacks, WatermarkCallbacks, CallOwner {
  readonly methods: GrpcMethods
  incompleteCalls = 0
  private readonly connection: Connection
  private readonly server: GrpcServer
  private readonly codec: Http2ServerCodec
  private readonly stallTimer = new Timer(this, STALL_TIMER)
  private readonly ageTimer = new Timer(this, AGE_TIMER)
  private readonly noticeTimer = new Timer(this, NOTICE_TIMER)
  private readonly graceTimer = new Timer(this, GRACE_TIMER)
  private receivedMs = 0
  private draining = false

  constructor(connection: Connection, server: GrpcServer) {
    const { thread, maxAgeMs } = server
    this.connection = connection
    this.server = server
    this.methods = server.methods
    this.codec = new Http2ServerCodec(connection, this, HTTP2, server.http2Stats)
    connection.reader = this
    connection.watermarkCallbacks = this
    connection.setBufferLimits(WRITE_BUFFER_BYTES)
    thread.timers.arm(this.stallTimer, NEW_TIMEOUT_MS)
    // Spread, so that clients which came together do not all come back together.
    if (maxAgeMs > 0) thread.timers.arm(this.ageTimer, maxAgeMs * (0.9 + thread.random() * 0.2))
  }

  newStream(encoder: ResponseEncoder): RequestDecoder {
    return new GrpcCall(encoder, this)
  }

  onData(data: Buffer, start: number, end: number): void {
    this.receivedMs = this.server.thread.clock.now
    this.codec.dispatch(data, start, end)
  }

  onEnd(): void {
    this.connection.closeByPeer()
  }

  onConnected(): void {}

  onCodecError(_error: CodecError): void {
    this.connection.close(CloseFlushAndDelay)
  }

  onClose(_event: CloseEvent, _errno: string | null): void {
    const { timers } = this.server.thread
    timers.disarm(this.stallTimer)
    timers.disarm(this.ageTimer)
    timers.disarm(this.noticeTimer)
    timers.disarm(this.graceTimer)
    this.codec.onConnectionClosed()
    this.server.onConnectionClosed(this)
  }

  onAboveWriteBufferHighWatermark(): void {
    this.codec.onAboveWriteBufferHighWatermark()
    this.connection.readDisable(true)
  }

  onBelowWriteBufferLowWatermark(): void {
    this.codec.onBelowWriteBufferLowWatermark()
    this.connection.readDisable(false)
  }

  onTimer(kind: number): void {
    const { thread, maxAgeGraceMs } = this.server
    if (kind === STALL_TIMER) this.onStallTimer()
    else if (kind === AGE_TIMER) {
      this.beginDrain()
      thread.timers.arm(this.noticeTimer, NOTICE_MS)
    } else if (kind === NOTICE_TIMER) {
      if (maxAgeGraceMs > 0) thread.timers.arm(this.graceTimer, maxAgeGraceMs)
      this.endDrain()
    } else this.connection.close(CloseFlush)
  }

  /** Nothing has ever come, or a request is half here and nothing moves. */
  private onStallTimer(): void {
    const { clock, timers } = this.server.thread
    const isHalf = this.incompleteCalls > 0 || this.codec.hasPartialRequest
    if (this.receivedMs === 0 || (isHalf && clock.now - this.receivedMs >= STALL_TIMEOUT_MS)) {
      this.connection.close(CloseNoFlush)
    } else timers.arm(this.stallTimer, STALL_TIMEOUT_MS)
  }

  // ---- a graceful end

  /** No further calls are wanted; those on their way are still taken. */
  beginDrain(): void {
    this.codec.shutdownNotice()
  }

  /** Further calls are refused, and the connection ends with the last one. */
  endDrain(): void {
    if (this.draining) return
    this.draining = true
    this.codec.goAway()
    this.closeWhenDone()
  }

  onCallOver(): void {
    if (this.draining) this.closeWhenDone()
  }

  private closeWhenDone(): void {
    if (this.codec.activeStreams === 0) this.connection.close(CloseFlush)
  }

  cut(): void {
    this.connection.close(CloseNoFlush)
  }
}
