// HOT FILE (docs/hot-path.md): one pooled HTTP/1.1 connection: its socket, its codec and what the pool needs to know.
import { Timer, type TimerOwner } from '../../base/index.ts'
import {
  type ClientCodecCallbacks,
  Http1ClientCodec,
  type RequestEncoder,
  type ResponseDecoder,
} from '../../http/index.ts'
import {
  type CloseEvent,
  CloseNoFlush,
  type Connection,
  type ConnectionReader,
  type WatermarkCallbacks,
} from '../../net/index.ts'
import { openUpstreamConnection } from '../open-upstream-connection.ts'
import { CLUSTER_SLOTS as C, HOST_CX_ACTIVE, HOST_CX_CONNECT_FAIL, HOST_CX_TOTAL } from '../stats.ts'
import type { Http1Pool } from './http1-pool.ts'

const CONNECT_TIMER = 0
const DURATION_TIMER = 1

export class Http1Connection implements ConnectionReader, ClientCodecCallbacks, WatermarkCallbacks, TimerOwner {
  readonly pool: Http1Pool
  readonly connection: Connection
  readonly codec: Http1ClientCodec
  /** Requests begun on this connection. */
  requests = 0
  /** When it was last put back; monotonic ms. */
  idleSinceMs = 0
  connected = false
  /** Not used again once the current response ends. */
  draining = false
  private decoder: ResponseDecoder | null = null
  private readonly startMs: number
  private connectTimer: Timer | null
  private durationTimer: Timer | null = null
  private timedOut = false
  private gone = false

  constructor(pool: Http1Pool) {
    this.pool = pool
    const { thread, cluster, host } = pool
    const { plan, stats } = cluster
    this.startMs = thread.clock.now
    this.connection = openUpstreamConnection(thread, cluster, host, null)
    this.connection.reader = this
    this.connection.watermarkCallbacks = this
    this.connection.setBufferLimits(plan.perConnectionBufferLimitBytes)
    this.connection.statCells = stats.cells
    this.connection.rxSlot = C.upstream_cx_rx_bytes_total
    this.connection.txSlot = C.upstream_cx_tx_bytes_total
    this.codec = new Http1ClientCodec(this.connection, this, plan.http1)
    this.connectTimer = new Timer(this, CONNECT_TIMER)
    thread.timers.arm(this.connectTimer, plan.connectTimeoutMs)
    stats.cells[C.upstream_cx_total]! += 1
    stats.cells[C.upstream_cx_http1_total]! += 1
    stats.cells[C.upstream_cx_active]! += 1
    host.cells[HOST_CX_TOTAL]! += 1
    host.cells[HOST_CX_ACTIVE]! += 1
  }

  /** Begins a request. The encoder stays valid until the response is complete or the decoder is reset. */
  newStream(decoder: ResponseDecoder): RequestEncoder {
    this.decoder = decoder
    this.requests++
    return this.codec.newStream(decoder)
  }

  /** The request's owner has lost interest; an answer may still be on its way, so the connection ends. */
  abandon(): void {
    if (this.decoder === null) return
    this.decoder = null
    this.codec.resetStream('local_reset')
    this.pool.onStreamAborted()
    this.connection.close(CloseNoFlush)
  }

  get busy(): boolean {
    return this.decoder !== null
  }

  onConnected(): void {
    const { thread, cluster } = this.pool
    this.disarmConnectTimer()
    this.connected = true
    cluster.stats.histogram(C.upstream_cx_connect_ms).record(thread.clock.now - this.startMs)
    if (cluster.plan.maxConnectionDurationMs > 0) {
      this.durationTimer = new Timer(this, DURATION_TIMER)
      thread.timers.arm(this.durationTimer, cluster.plan.maxConnectionDurationMs)
    }
    this.pool.onConnected(this)
  }

  onData(data: Buffer, start: number, end: number): void {
    this.codec.dispatch(data, start, end)
  }

  onEnd(): void {
    // The origin's FIN ends a close-delimited body; anything else it cuts short.
    if (!this.codec.onConnectionClosed()) this.connection.closeByPeer()
    else if (!this.connection.closing) this.connection.close(CloseNoFlush)
  }

  onStreamComplete(reusable: boolean): void {
    this.decoder = null
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
      this.pool.onStreamAborted()
      this.connection.close(CloseNoFlush)
      decoder.onResetStream('protocol_error', details)
    } else this.connection.close(CloseNoFlush)
  }

  onClose(event: CloseEvent, errno: string | null): void {
    if (this.gone) return
    this.gone = true
    this.disarmConnectTimer()
    const { thread, cluster, host } = this.pool
    if (this.durationTimer !== null) thread.timers.disarm(this.durationTimer)
    const { cells } = cluster.stats
    cells[C.upstream_cx_active]! -= 1
    host.cells[HOST_CX_ACTIVE]! -= 1
    if (this.connected) {
      cells[C.upstream_cx_destroy]! += 1
      cells[event === 'local' ? C.upstream_cx_destroy_local : C.upstream_cx_destroy_remote]! += 1
      cluster.stats.histogram(C.upstream_cx_length_ms).record(thread.clock.now - this.startMs)
      cluster.stats.histogram(C.upstream_rq_per_cx).record(this.requests)
    } else {
      cells[this.timedOut ? C.upstream_cx_connect_timeout : C.upstream_cx_connect_fail]! += 1
      if (this.timedOut) cells[C.upstream_cx_connect_fail]! += 1
      host.cells[HOST_CX_CONNECT_FAIL]! += 1
    }
    const { decoder } = this
    this.decoder = null
    if (decoder !== null) {
      cells[C.upstream_cx_destroy_with_active_rq]! += 1
      cells[
        event === 'local' ? C.upstream_cx_destroy_local_with_active_rq : C.upstream_cx_destroy_remote_with_active_rq
      ]! += 1
    }
    if (decoder !== null) this.pool.onStreamAborted()
    this.pool.onClosed(this, this.timedOut, errno)
    if (decoder === null) return
    if (this.codec.midResponse) {
      cells[C.upstream_cx_protocol_error]! += 1
      decoder.onResetStream('protocol_error', 'http1.cut_short')
    } else decoder.onResetStream('connection_termination', errno)
  }

  onTimer(kind: number): void {
    if (kind === CONNECT_TIMER) {
      this.timedOut = true
      this.connection.close(CloseNoFlush)
      return
    }
    this.pool.cluster.stats.cells[C.upstream_cx_max_duration_reached]! += 1
    this.draining = true
    if (!this.busy) this.connection.close(CloseNoFlush)
  }

  private disarmConnectTimer(): void {
    if (this.connectTimer === null) return
    this.pool.thread.timers.disarm(this.connectTimer)
    this.connectTimer = null
  }

  onAboveWriteBufferHighWatermark(): void {
    this.decoder?.onAboveWriteBufferHighWatermark()
  }

  onBelowWriteBufferLowWatermark(): void {
    this.decoder?.onBelowWriteBufferLowWatermark()
  }
}
