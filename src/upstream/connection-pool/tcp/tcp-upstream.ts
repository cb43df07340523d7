// HOT FILE (docs/hot-path.md): one upstream TCP connection, made for one downstream connection.
import { Timer, type TimerOwner } from '../../../base/index.ts'
import {
  type CloseEvent,
  CloseNoFlush,
  type Connection,
  type ConnectionReader,
  type ThreadContext,
  type TransportSocketOverrides,
  type WatermarkCallbacks,
} from '../../../net/index.ts'
import type { Cluster } from '../../cluster.ts'
import type { Host } from '../../host.ts'
import { openUpstreamConnection } from '../../open-upstream-connection.ts'
import { Connections, PendingRequests, type StreamLimits } from '../../resource-limits.ts'
import {
  CLUSTER_SLOTS as C,
  HOST_CX_ACTIVE,
  HOST_CX_CONNECT_FAIL,
  HOST_CX_TOTAL,
  HOST_RQ_ACTIVE,
  HOST_RQ_ERROR,
  HOST_RQ_SUCCESS,
  HOST_RQ_TOTAL,
} from '../../stats.ts'
import { connectionDurationMs } from '../connection-duration.ts'

const CONNECT_TIMER = 0
const DURATION_TIMER = 1

/** `overflow`: a breaker of an HTTP pool stood in the way. */
export type TcpConnectFailure = 'connection_failure' | 'connection_timeout' | 'overflow'

/** The owner of an upstream TCP connection: hears Ready and then Closed, or ConnectFailed alone. */
export interface TcpUpstreamCallbacks extends WatermarkCallbacks {
  onUpstreamReady(): void
  onUpstreamConnectFailed(failure: TcpConnectFailure, errno: string | null): void
  /** Bytes [start, end), valid only during the call. */
  onUpstreamData(data: Buffer, start: number, end: number): void
  /** The upstream host has sent its FIN. */
  onUpstreamEnd(): void
  onUpstreamClosed(event: CloseEvent, errno: string | null): void
}

/** An upstream connection under the cluster's circuit breakers, with its stats. */
export class TcpUpstream implements ConnectionReader, TimerOwner {
  readonly connection: Connection
  readonly host: Host
  private readonly thread: ThreadContext
  private readonly cluster: Cluster
  private readonly limits: StreamLimits
  private readonly callbacks: TcpUpstreamCallbacks
  private readonly startMs: number
  private readonly connectTimer: Timer
  private durationTimer: Timer | null = null
  private ready = false
  private timedOut = false
  private ended = false

  private constructor(
    thread: ThreadContext,
    cluster: Cluster,
    host: Host,
    limits: StreamLimits,
    callbacks: TcpUpstreamCallbacks,
    overrides: TransportSocketOverrides | null,
  ) {
    this.thread = thread
    this.cluster = cluster
    this.host = host
    this.limits = limits
    this.callbacks = callbacks
    this.startMs = thread.clock.now
    const { plan, stats } = cluster
    this.connection = openUpstreamConnection(thread, cluster, host, overrides)
    this.connection.reader = this
    this.connection.watermarkCallbacks = callbacks
    this.connection.expectBulk = true
    this.connection.setBufferLimits(plan.perConnectionBufferLimitBytes)
    this.connection.statCells = stats.cells
    this.connection.rxSlot = C.upstream_cx_rx_bytes_total
    this.connection.txSlot = C.upstream_cx_tx_bytes_total
    if (plan.closeConnectionsOnHostHealthFailure) (host.tunnels ??= new Set()).add(this.connection)
    this.connectTimer = new Timer(this, CONNECT_TIMER)
    thread.timers.arm(this.connectTimer, plan.connectTimeoutMs)
    stats.cells[C.upstream_cx_total]! += 1
    stats.cells[C.upstream_cx_active]! += 1
    stats.cells[C.upstream_rq_pending_total]! += 1
    stats.cells[C.upstream_rq_pending_active]! += 1
    host.cells[HOST_CX_TOTAL]! += 1
    host.cells[HOST_CX_ACTIVE]! += 1
  }

  /** Opens a connection to `host`; null when a circuit breaker of the cluster is open, which is counted here. */
  static open(
    thread: ThreadContext,
    cluster: Cluster,
    host: Host,
    callbacks: TcpUpstreamCallbacks,
    overrides: TransportSocketOverrides | null,
  ): TcpUpstream | null {
    const limits = cluster.limitsOf(host, 0)
    if (!limits.tryAcquire(Connections)) {
      cluster.stats.cells[C.upstream_cx_overflow]! += 1
      return null
    }
    if (!limits.tryAcquire(PendingRequests)) {
      limits.release(Connections)
      cluster.stats.cells[C.upstream_rq_pending_overflow]! += 1
      return null
    }
    return new TcpUpstream(thread, cluster, host, limits, callbacks, overrides)
  }

  onConnected(): void {
    const { cluster, host, thread } = this
    const { cells } = cluster.stats
    this.ready = true
    thread.timers.disarm(this.connectTimer)
    this.endPending()
    host.monitor?.outlier?.putConnected(true)
    cluster.stats.histogram(C.upstream_cx_connect_ms).record(thread.clock.now - this.startMs)
    cells[C.upstream_rq_total]! += 1
    cells[C.upstream_rq_active]! += 1
    host.cells[HOST_RQ_TOTAL]! += 1
    host.cells[HOST_RQ_ACTIVE]! += 1
    if (cluster.plan.maxConnectionDurationMs > 0) {
      this.durationTimer = new Timer(this, DURATION_TIMER)
      thread.timers.arm(this.durationTimer, connectionDurationMs(cluster.plan, thread))
    }
    this.callbacks.onUpstreamReady()
  }

  private endPending(): void {
    this.cluster.stats.cells[C.upstream_rq_pending_active]! -= 1
    this.limits.release(PendingRequests)
  }

  onData(data: Buffer, start: number, end: number): void {
    this.callbacks.onUpstreamData(data, start, end)
  }

  onEnd(): void {
    this.callbacks.onUpstreamEnd()
  }

  /** Both halves have ended: `event` is by whose end the connection is over. */
  finishedBy: CloseEvent | null = null

  onClose(event: CloseEvent, errno: string | null): void {
    if (this.ended) return
    this.ended = true
    const { cluster, host, thread, limits } = this
    const { cells } = cluster.stats
    limits.release(Connections)
    host.tunnels?.delete(this.connection)
    thread.timers.disarm(this.connectTimer)
    if (this.durationTimer !== null) thread.timers.disarm(this.durationTimer)
    cells[C.upstream_cx_active]! -= 1
    host.cells[HOST_CX_ACTIVE]! -= 1
    cells[C.upstream_cx_destroy]! += 1
    const by = this.finishedBy ?? event
    cells[by === 'local' ? C.upstream_cx_destroy_local : C.upstream_cx_destroy_remote]! += 1
    cluster.stats.histogram(C.upstream_cx_length_ms).record(thread.clock.now - this.startMs)
    if (!this.ready) this.connectFailed(event, errno)
    else this.closedAfterUse(by, errno)
  }

  private connectFailed(event: CloseEvent, errno: string | null): void {
    const { cells } = this.cluster.stats
    this.endPending()
    if (event === 'local' && !this.timedOut) {
      cells[C.upstream_rq_cancelled]! += 1
      return
    }
    cells[C.upstream_cx_connect_fail]! += 1
    if (this.timedOut) cells[C.upstream_cx_connect_timeout]! += 1
    cells[C.upstream_rq_pending_failure_eject]! += 1
    this.host.cells[HOST_CX_CONNECT_FAIL]! += 1
    this.host.cells[HOST_RQ_ERROR]! += 1
    const outlier = this.host.monitor?.outlier
    if (this.timedOut) outlier?.putTimeout(504)
    else outlier?.putConnectFailure()
    this.callbacks.onUpstreamConnectFailed(this.timedOut ? 'connection_timeout' : 'connection_failure', errno)
  }

  private closedAfterUse(by: CloseEvent, errno: string | null): void {
    const { cells } = this.cluster.stats
    cells[C.upstream_rq_active]! -= 1
    this.host.cells[HOST_RQ_ACTIVE]! -= 1
    this.host.cells[HOST_RQ_SUCCESS]! += 1
    cells[C.upstream_cx_destroy_with_active_rq]! += 1
    cells[by === 'local' ? C.upstream_cx_destroy_local_with_active_rq : C.upstream_cx_destroy_remote_with_active_rq]! +=
      1
    this.callbacks.onUpstreamClosed(by, errno)
  }

  onTimer(kind: number): void {
    if (kind === CONNECT_TIMER) this.timedOut = true
    else this.cluster.stats.cells[C.upstream_cx_max_duration_reached]! += 1
    this.connection.close(CloseNoFlush)
  }
}
