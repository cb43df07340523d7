// HOT FILE (docs/hot-path.md): one pooled HTTP/2 connection and the streams on it.
import { Timer } from '../../base/index.ts'
import {
  Http2ClientCodec,
  type MultiplexedClientCallbacks,
  type RequestEncoder,
  type ResponseDecoder,
} from '../../http/index.ts'
import { type CloseEvent, CloseFlush, CloseNoFlush, type Connection } from '../../net/index.ts'
import { CLUSTER_SLOTS as C } from '../stats.ts'
import type { PooledStream } from './connection-pool.ts'
import type { Http2Pool } from './http2-pool.ts'
import { PooledConnection } from './pooled-connection.ts'

const IDLE_TIMER = 2

export class Http2Connection extends PooledConnection<Http2Pool> implements MultiplexedClientCallbacks, PooledStream {
  readonly protocol = 'HTTP/2'
  /** Made when the connection stands: its first bytes must not go out before the TLS handshake. */
  private codec: Http2ClientCodec | null = null
  /** One request goes out at once; the others wait for the peer's SETTINGS, which say how many it takes. */
  private streamLimit = 1
  private settled = false
  private goingAway = false
  private idleTimer: Timer | null = null
  private idleSinceMs = 0
  idleMs = 0
  private protocolError: string | null = null

  constructor(pool: Http2Pool, adopted: Connection | null) {
    super(pool, adopted)
    if (adopted === null) pool.cluster.stats.cells[C.upstream_cx_http2_total]! += 1
  }

  protected get protocolName(): string {
    return 'h2'
  }

  /** It carries requests, but its peer's SETTINGS have not come. */
  get unsettled(): boolean {
    return this.connected && !this.settled
  }

  /** Another stream may begin. */
  get hasRoom(): boolean {
    const { codec } = this
    return codec !== null && !this.draining && codec.activeStreams < this.streamLimit && !this.connection.closing
  }

  get busy(): boolean {
    return this.codec !== null && this.codec.activeStreams > 0
  }

  newStream(decoder: ResponseDecoder): RequestEncoder {
    this.requests++
    this.idleMs = this.busy ? 0 : this.pool.thread.clock.now - this.idleSinceMs
    if (this.idleTimer !== null) this.pool.thread.timers.disarm(this.idleTimer)
    return (this.codec as Http2ClientCodec).newStream(decoder)
  }

  abandon(encoder: RequestEncoder): void {
    encoder.resetStream('local_reset')
  }

  protected onEstablished(): void {
    const { plan, http2Stats } = this.pool.cluster
    this.codec = new Http2ClientCodec(this.connection, this, plan.http2, http2Stats)
    this.armIdleTimer()
    this.pool.onConnected(this)
  }

  onData(data: Buffer, start: number, end: number): void {
    this.codec?.dispatch(data, start, end)
  }

  onEnd(): void {
    this.connection.closeByPeer()
  }

  // ---- codec

  onStreamClosed(): void {
    this.pool.onStreamClosed(this)
    if (this.busy || this.connection.closing) return
    if (this.draining) this.connection.close(CloseFlush)
    else this.armIdleTimer()
  }

  onMaxConcurrentStreams(limit: number): void {
    this.streamLimit = limit
    if (!this.unsettled) {
      this.pool.onRoom(this)
      return
    }
    this.settled = true
    this.pool.onSettled(this)
  }

  onGoAway(): void {
    if (!this.goingAway) this.pool.cluster.stats.cells[C.upstream_cx_close_notify]! += 1
    this.goingAway = true
    this.retire()
    this.pool.onRetired(this)
  }

  onProtocolError(details: string): void {
    this.pool.cluster.stats.cells[C.upstream_cx_protocol_error]! += 1
    this.protocolError = details
    this.connection.close(CloseFlush)
    this.endStreams(null)
  }

  protected onGone(_event: CloseEvent, errno: string | null): void {
    if (this.idleTimer !== null) this.pool.thread.timers.disarm(this.idleTimer)
    this.pool.onClosed(this, this.timedOut, errno)
    this.endStreams(errno)
  }

  private endStreams(errno: string | null): void {
    if (this.protocolError === null) this.codec?.onConnectionClosed('connection_termination', errno)
    else this.codec?.onConnectionClosed('protocol_error', this.protocolError)
  }

  // ---- time

  private armIdleTimer(): void {
    this.idleSinceMs = this.pool.thread.clock.now
    const { idleTimeoutMs } = this.pool.cluster.plan
    if (idleTimeoutMs <= 0) return
    this.idleTimer ??= new Timer(this, IDLE_TIMER)
    this.pool.thread.timers.arm(this.idleTimer, idleTimeoutMs)
  }

  override onTimer(kind: number): void {
    if (kind !== IDLE_TIMER) {
      super.onTimer(kind)
      return
    }
    if (this.busy) return
    this.pool.cluster.stats.cells[C.upstream_cx_idle_timeout]! += 1
    this.connection.close(CloseNoFlush)
  }

  onAboveWriteBufferHighWatermark(): void {
    this.codec?.onAboveWriteBufferHighWatermark()
  }

  onBelowWriteBufferLowWatermark(): void {
    this.codec?.onBelowWriteBufferLowWatermark()
  }
}
