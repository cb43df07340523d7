// HOT FILE (docs/hot-path.md): one connection to an upstream host, whatever HTTP it speaks: its stats and its timers.
import { Timer, type TimerOwner } from '../../base/index.ts'
import {
  type CloseEvent,
  CloseNoFlush,
  type Connection,
  type ConnectionReader,
  type WatermarkCallbacks,
} from '../../net/index.ts'
import { openUpstreamConnection } from '../open-upstream-connection.ts'
import { CLUSTER_SLOTS as C, HOST_CX_ACTIVE, HOST_CX_CONNECT_FAIL, HOST_CX_TOTAL } from '../stats.ts'
import { connectionDurationMs } from './connection-duration.ts'
import type { ConnectionPool } from './connection-pool.ts'

const CONNECT_TIMER = 0
const DURATION_TIMER = 1

export abstract class PooledConnection<Pool extends ConnectionPool = ConnectionPool>
  implements ConnectionReader, WatermarkCallbacks, TimerOwner
{
  readonly pool: Pool
  readonly connection: Connection
  /** Requests begun on this connection. */
  requests = 0
  connected = false
  /** Takes no further request; ends behind what is under way. */
  draining = false
  private readonly startMs: number
  private connectTimer: Timer | null = null
  private durationTimer: Timer | null = null
  protected timedOut = false
  private gone = false

  /** Opens a connection, or takes over `adopted`, which is established and counted already. */
  constructor(pool: Pool, adopted: Connection | null) {
    this.pool = pool
    const { thread, cluster } = pool
    this.startMs = thread.clock.now
    this.connection =
      adopted ?? openUpstreamConnection(thread, cluster, pool.host, { ...pool.overrides, alpn: pool.alpn })
    this.connection.reader = this
    this.connection.watermarkCallbacks = this
    if (adopted === null) this.begin()
  }

  private begin(): void {
    const { connection } = this
    const { thread, cluster, host } = this.pool
    const { plan, stats } = cluster
    connection.setBufferLimits(plan.perConnectionBufferLimitBytes)
    connection.statCells = stats.cells
    connection.rxSlot = C.upstream_cx_rx_bytes_total
    connection.txSlot = C.upstream_cx_tx_bytes_total
    this.connectTimer = new Timer(this, CONNECT_TIMER)
    thread.timers.arm(this.connectTimer, plan.connectTimeoutMs)
    stats.cells[C.upstream_cx_total]! += 1
    stats.cells[C.upstream_cx_active]! += 1
    host.cells[HOST_CX_TOTAL]! += 1
    host.cells[HOST_CX_ACTIVE]! += 1
  }

  /** Requests are under way. */
  abstract get busy(): boolean
  /** The connection can carry requests now. */
  protected abstract onEstablished(): void
  abstract onData(data: Buffer, start: number, end: number): void
  abstract onEnd(): void
  abstract onAboveWriteBufferHighWatermark(): void
  abstract onBelowWriteBufferLowWatermark(): void
  /** The connection is gone: requests on it fail, the pool forgets it. */
  protected abstract onGone(event: CloseEvent, errno: string | null): void

  onConnected(): void {
    const { pool, connection } = this
    this.disarmConnectTimer()
    pool.cluster.stats.histogram(C.upstream_cx_connect_ms).record(pool.thread.clock.now - this.startMs)
    const { nextProtocol } = connection
    // The connection's new owner becomes its reader: nothing more is heard of it here.
    if (pool.arbiter !== null && nextProtocol !== this.protocolName) pool.arbiter.rehome(pool, connection)
    else this.establish()
  }

  /** The ALPN name of what this connection speaks; '' accepts none. */
  protected abstract get protocolName(): string

  /** For an adopted connection, once its codec is there. */
  takeOver(): void {
    this.establish()
  }

  private establish(): void {
    const { thread, cluster } = this.pool
    this.connected = true
    if (cluster.plan.maxConnectionDurationMs > 0) {
      this.durationTimer = new Timer(this, DURATION_TIMER)
      thread.timers.arm(this.durationTimer, connectionDurationMs(cluster.plan, thread))
    }
    this.onEstablished()
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
    cells[C.upstream_cx_destroy]! += 1
    cells[event === 'local' ? C.upstream_cx_destroy_local : C.upstream_cx_destroy_remote]! += 1
    if (this.connected) {
      cluster.stats.histogram(C.upstream_cx_length_ms).record(thread.clock.now - this.startMs)
      cluster.stats.histogram(C.upstream_rq_per_cx).record(this.requests)
    } else {
      cells[C.upstream_cx_connect_fail]! += 1
      if (this.timedOut) cells[C.upstream_cx_connect_timeout]! += 1
      host.cells[HOST_CX_CONNECT_FAIL]! += 1
    }
    if (this.busy) {
      cells[C.upstream_cx_destroy_with_active_rq]! += 1
      cells[
        event === 'local' ? C.upstream_cx_destroy_local_with_active_rq : C.upstream_cx_destroy_remote_with_active_rq
      ]! += 1
    }
    this.onGone(event, errno)
  }

  onTimer(kind: number): void {
    if (kind === CONNECT_TIMER) {
      this.timedOut = true
      this.connection.close(CloseNoFlush)
    } else {
      this.pool.cluster.stats.cells[C.upstream_cx_max_duration_reached]! += 1
      this.retire()
    }
  }

  /** No further request; the end follows when nothing is under way. */
  retire(): void {
    this.draining = true
    if (!this.busy) this.connection.close(CloseNoFlush)
  }

  private disarmConnectTimer(): void {
    if (this.connectTimer === null) return
    this.pool.thread.timers.disarm(this.connectTimer)
    this.connectTimer = null
  }
}
