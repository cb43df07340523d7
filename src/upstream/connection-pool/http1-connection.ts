// HOT FILE (docs/hot-path.md): one pooled HTTP/1.1 connection: its codec and the one request on it.
import {
  type ClientCodecCallbacks,
  Http1ClientCodec,
  type RequestEncoder,
  type ResponseDecoder,
} from '../../http/index.ts'
import { type CloseEvent, CloseFlushAndDelay, CloseNoFlush, type Connection } from '../../net/index.ts'
import { CLUSTER_SLOTS as C } from '../stats.ts'
import type { PooledStream } from './connection-pool.ts'
import type { Http1Pool } from './http1-pool.ts'
import { PooledConnection } from './pooled-connection.ts'

export class Http1Connection extends PooledConnection<Http1Pool> implements ClientCodecCallbacks, PooledStream {
  readonly protocol = 'HTTP/1.1'
  readonly codec: Http1ClientCodec
  /** When it was last put back; monotonic ms. */
  idleSinceMs = 0
  idleMs = 0
  private decoder: ResponseDecoder | null = null

  constructor(pool: Http1Pool, adopted: Connection | null) {
    super(pool, adopted)
    this.codec = new Http1ClientCodec(this.connection, this, pool.cluster.plan.http1)
    if (adopted === null) pool.cluster.stats.cells[C.upstream_cx_http1_total]! += 1
  }

  protected get protocolName(): string {
    return 'http/1.1'
  }

  /** Begins a request. The encoder stays valid until the response is complete or the decoder is reset. */
  newStream(decoder: ResponseDecoder): RequestEncoder {
    this.decoder = decoder
    this.requests++
    this.idleMs = this.pool.thread.clock.now - this.idleSinceMs
    return this.codec.newStream(decoder)
  }

  /** The request's owner has lost interest; an answer may still be on its way, so the connection ends. */
  abandon(): void {
    if (this.decoder === null) return
    this.decoder = null
    this.codec.resetStream('local_reset')
    const { cells } = this.pool.cluster.stats
    cells[C.upstream_cx_destroy_with_active_rq]! += 1
    cells[C.upstream_cx_destroy_local_with_active_rq]! += 1
    this.pool.releaseRequest()
    this.connection.close(CloseNoFlush)
  }

  get busy(): boolean {
    return this.decoder !== null
  }

  protected onEstablished(): void {
    this.pool.onConnected(this)
  }

  onData(data: Buffer, start: number, end: number): void {
    this.codec.dispatch(data, start, end)
  }

  onEnd(): void {
    // The origin's FIN ends a close-delimited body; anything else it cuts short.
    this.connection.closeByPeer()
    this.codec.onConnectionClosed()
  }

  onStreamComplete(reusable: boolean): void {
    this.decoder = null
    const { cells } = this.pool.cluster.stats
    if (this.codec.closeAnnounced) cells[C.upstream_cx_close_notify]! += 1
    else if (this.codec.overran) cells[C.upstream_cx_protocol_error]! += 1
    this.pool.onStreamComplete(this, reusable)
  }

  onProtocolError(details: string): void {
    const { decoder } = this
    const { cells } = this.pool.cluster.stats
    this.decoder = null
    if (decoder !== null) {
      cells[C.upstream_cx_protocol_error]! += 1
      cells[C.upstream_cx_destroy_with_active_rq]! += 1
      cells[C.upstream_cx_destroy_local_with_active_rq]! += 1
      this.pool.releaseRequest()
      // What the origin is still sending is read and dropped for a moment: unread bytes would make the close a reset.
      this.connection.close(CloseFlushAndDelay)
      decoder.onResetStream('protocol_error', details)
    } else this.connection.close(CloseNoFlush)
  }

  protected onGone(_event: CloseEvent, errno: string | null): void {
    const { decoder } = this
    this.decoder = null
    if (decoder !== null) this.pool.releaseRequest()
    this.pool.onClosed(this, this.timedOut, errno)
    if (decoder === null) return
    if (this.codec.midResponse) {
      this.pool.cluster.stats.cells[C.upstream_cx_protocol_error]! += 1
      decoder.onResetStream('protocol_error', 'http1.cut_short')
    } else decoder.onResetStream('connection_termination', errno)
  }

  onAboveWriteBufferHighWatermark(): void {
    this.decoder?.onAboveWriteBufferHighWatermark()
  }

  onBelowWriteBufferLowWatermark(): void {
    this.decoder?.onBelowWriteBufferLowWatermark()
  }
}
