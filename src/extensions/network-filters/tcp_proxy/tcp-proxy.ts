// HOT FILE (docs/hot-path.md): moves the bytes of one downstream connection to one upstream connection and back.
import { Timer, type TimerOwner } from '../../../base/index.ts'
import {
  type AccessLog,
  CloseAbort,
  type CloseEvent,
  CloseFlush,
  type CloseKind,
  CloseNoFlush,
  type Connection,
  Continue,
  connectFailureText,
  type FilterStatus,
  type NetworkFilter,
  type NetworkFilterCallbacks,
  type ThreadContext,
  type WatermarkCallbacks,
  writeAccessLogs,
} from '../../../net/index.ts'
import { ResponseFlag, type StatBlock, type StreamInfo } from '../../../observability/index.ts'
import {
  CLUSTER_SLOTS as C,
  type Cluster,
  type ClusterManager,
  Connections,
  type Host,
  type TcpConnectFailure,
  TcpUpstream,
  type TcpUpstreamCallbacks,
  transportOverrides,
} from '../../../upstream/index.ts'
import { EarlyData } from './early-data.ts'
import { HttpTunnel } from './http-tunnel.ts'
import { TcpLoadBalancerContext } from './load-balancer-context.ts'
import * as stats from './stats.ts'
import type { TcpProxyPlan, WeightedCluster } from './tcp-proxy-plan.ts'
import { TcpPipe, type UpstreamPipe, wireBytes } from './upstream-pipe.ts'

const IDLE_TIMER = 0
const DURATION_TIMER = 1
const BACKOFF_TIMER = 2
const LOG_TIMER = 3
/** How long bytes for a peer that does not read are kept when no idle timeout limits it. */
const FLUSH_LIMIT_MS = 3_600_000

/** What all connections of one tcp_proxy configuration share on one thread. */
export interface TcpProxyShared {
  readonly plan: TcpProxyPlan
  readonly thread: ThreadContext
  readonly clusters: ClusterManager
  readonly stats: StatBlock
  readonly accessLogs: readonly AccessLog[]
}

export class TcpProxy implements NetworkFilter, TcpUpstreamCallbacks, TimerOwner {
  private readonly shared: TcpProxyShared
  private readonly plan: TcpProxyPlan
  private readonly thread: ThreadContext
  private downstream: Connection = null as never
  private info: StreamInfo = null as never
  private target: WeightedCluster = null as never
  private cluster: Cluster | null = null
  private upstream: UpstreamPipe | null = null
  private ready = false
  private attempts = 0
  private early: EarlyData | null = null
  /** This filter holds the client's reading back until upstream is connected. */
  private readHeld = false
  private downstreamEnded = false
  private upstreamEnded = false
  private downstreamClosed = false
  private flushing = false
  private lastActivityMs = 0
  private readonly idleTimer: Timer
  private readonly durationTimer: Timer
  private backoffTimer: Timer | null = null
  private logTimer: Timer | null = null

  constructor(shared: TcpProxyShared) {
    this.shared = shared
    this.plan = shared.plan
    this.thread = shared.thread
    this.idleTimer = new Timer(this, IDLE_TIMER)
    this.durationTimer = new Timer(this, DURATION_TIMER)
  }

  initialize({ connection, info }: NetworkFilterCallbacks): void {
    const { cells } = this.shared.stats
    this.downstream = connection
    this.info = info
    cells[stats.CX_TOTAL]! += 1
    connection.expectBulk = true
    connection.statCells = cells
    connection.rxSlot = stats.CX_RX_BYTES
    connection.txSlot = stats.CX_TX_BYTES
    connection.watermarkCallbacks = new DownstreamWatermarks(this)
  }

  onNewConnection(): FilterStatus {
    const { plan, thread } = this
    this.target = this.chooseCluster()
    if (plan.maxDurationMs > 0) {
      thread.timers.arm(this.durationTimer, plan.maxDurationMs * (1 + plan.maxDurationJitter * thread.random()))
    }
    if (plan.logOnStart) this.log('TcpConnectionStart')
    if (plan.logIntervalMs > 0) {
      this.logTimer = new Timer(this, LOG_TIMER)
      thread.timers.arm(this.logTimer, plan.logIntervalMs)
    }
    this.lastActivityMs = thread.clock.now
    if (plan.idleTimeoutMs > 0) thread.timers.arm(this.idleTimer, plan.idleTimeoutMs)
    if (plan.connectOnData) return Continue
    if (plan.maxEarlyDataBytes === 0) this.holdReading()
    this.connectUpstream()
    return Continue
  }

  private chooseCluster(): WeightedCluster {
    const named = this.info.filterState?.get('envoy.tcp_proxy.cluster')
    if (typeof named === 'string') return { name: named, weight: 1, metadataMatch: null }
    const { clusters, totalWeight } = this.plan
    if (clusters.length === 1) return clusters[0]!
    let at = this.thread.random() * totalWeight
    for (const candidate of clusters) {
      at -= candidate.weight
      if (at < 0) return candidate
    }
    return clusters[clusters.length - 1]!
  }

  // ---- connecting upstream

  private connectUpstream(): void {
    const { info, plan, shared, target } = this
    const cluster = shared.clusters.get(target.name)
    if (cluster === undefined) {
      shared.stats.cells[stats.CX_NO_ROUTE]! += 1
      this.giveUp(ResponseFlag.NoClusterFound)
      return
    }
    this.cluster = cluster
    cluster.nameIn(info)
    if (plan.tunneling !== null && !cluster.limits(0).canAcquire(Connections)) {
      cluster.stats.cells[C.upstream_cx_overflow]! += 1
      this.giveUp(ResponseFlag.UpstreamOverflow)
      return
    }
    if (this.attempts >= plan.maxConnectAttempts) {
      cluster.stats.cells[C.upstream_cx_connect_attempts_exceeded]! += 1
      this.giveUp(ResponseFlag.UpstreamRetryLimitExceeded)
      return
    }
    const context = new TcpLoadBalancerContext(target.metadataMatch, plan.hashPolicy, info)
    const host = cluster.chooseHost(context)
    if (host === null) {
      cluster.stats.cells[C.upstream_cx_none_healthy]! += 1
      this.giveUp(ResponseFlag.NoHealthyUpstream)
      return
    }
    this.attempts++
    info.upstreamRequestAttemptCount = this.attempts
    info.upstreamConnectStartUs = info.sinceStartUs(this.thread.clock.now)
    info.upstreamHostAddress = host.addressText
    info.upstreamHostName = host.hostname
    info.upstreamAttempts ??= []
    info.upstreamAttempts.push({ address: host.addressText, hostname: host.hostname, connectionId: 0 })
    this.openUpstream(cluster.clusterOf(host), host)
  }

  private openUpstream(cluster: Cluster, host: Host): void {
    const { plan, thread } = this
    if (plan.tunneling !== null) {
      const attempt = this.attempts
      const tunnel = HttpTunnel.open(plan.tunneling, thread, cluster, host, this, this.info)
      // It may have failed, and another attempt begun, within the call.
      if (this.attempts === attempt && !tunnel.closed) this.upstream = tunnel
      return
    }
    const overrides = transportOverrides(cluster, this.info, null)
    const upstream = TcpUpstream.open(thread, cluster, host, this, overrides)
    if (upstream === null) this.giveUp(ResponseFlag.UpstreamOverflow)
    else this.upstream = new TcpPipe(upstream)
  }

  private giveUp(flag: number): void {
    this.info.flags |= flag
    this.downstream.close(CloseNoFlush)
  }

  onUpstreamConnectFailed(failure: TcpConnectFailure, errno: string | null): void {
    const { info, plan, thread } = this
    this.upstream = null
    if (this.downstreamClosed) return
    if (failure !== 'overflow') info.flags |= ResponseFlag.UpstreamConnectionFailure
    // What a tunnel was answered has been noted already.
    if (failure === 'connection_timeout') info.upstreamTransportFailureReason = 'connection timeout'
    else if (errno !== null || plan.tunneling === null) {
      info.upstreamTransportFailureReason = connectFailureText(errno ?? 'closed')
    }
    if (plan.backoff === null || this.attempts >= plan.maxConnectAttempts) {
      this.connectUpstream()
      return
    }
    const ceilingMs = Math.min(plan.backoff.baseMs * 2 ** (this.attempts - 1), plan.backoff.maxMs)
    this.backoffTimer ??= new Timer(this, BACKOFF_TIMER)
    thread.timers.arm(this.backoffTimer, ceilingMs * thread.random())
  }

  onUpstreamReady(): void {
    const { info, plan } = this
    const upstream = this.upstream!
    this.ready = true
    info.upstreamConnectEndUs = info.sinceStartUs(this.thread.clock.now)
    info.upstreamPoolReadyUs = info.upstreamConnectEndUs
    info.upstreamConnectionId = upstream.connectionId
    info.upstreamSsl = upstream.ssl
    info.upstreamRemoteAddress = info.upstreamHostAddress
    if (this.shared.accessLogs.length > 0) info.upstreamLocalAddress = upstream.localAddress
    this.lastActivityMs = this.thread.clock.now
    if (plan.logOnConnected) this.log('TcpUpstreamConnected')
    if (this.early !== null) {
      this.early.sendTo(upstream)
      this.early = null
    }
    if (this.downstreamEnded) upstream.endWrite()
    this.releaseReading()
  }

  private holdReading(): void {
    if (this.readHeld) return
    this.readHeld = true
    this.downstream.readDisable(true)
  }

  private releaseReading(): void {
    if (!this.readHeld) return
    this.readHeld = false
    this.downstream.readDisable(false)
  }

  // ---- bytes

  onData(data: Buffer, start: number, end: number, endStream: boolean): FilterStatus {
    if (!this.ready) {
      this.onEarlyData(data, start, end, endStream)
      return Continue
    }
    this.lastActivityMs = this.thread.clock.now
    const upstream = this.upstream!
    if (end > start) upstream.write(data, start, end)
    if (endStream) this.endUpstream(upstream)
    return Continue
  }

  private endUpstream(upstream: UpstreamPipe): void {
    this.downstreamEnded = true
    if (this.upstreamEnded) upstream.finishedBy('local')
    upstream.endWrite()
  }

  private onEarlyData(data: Buffer, start: number, end: number, endStream: boolean): void {
    if (endStream) this.downstreamEnded = true
    if (end > start) {
      this.early ??= new EarlyData()
      this.early.add(data, start, end)
      this.shared.stats.cells[stats.EARLY_DATA]! += 1
      if (this.early.bytes >= this.plan.maxEarlyDataBytes) this.holdReading()
    }
    if (this.upstream === null && this.attempts === 0) this.connectUpstream()
  }

  onUpstreamData(data: Buffer, start: number, end: number): void {
    this.lastActivityMs = this.thread.clock.now
    this.downstream.write(data, start, end)
  }

  onUpstreamEnd(): void {
    this.upstreamEnded = true
    this.lastActivityMs = this.thread.clock.now
    if (this.downstreamEnded) this.upstream!.finishedBy('remote')
    this.downstream.endWrite()
  }

  // ---- flow control: whoever cannot be written to fast enough stops the other side's reading

  onAboveWriteBufferHighWatermark(): void {
    this.shared.stats.cells[stats.PAUSED_READING]! += 1
    this.downstream.readDisable(true)
  }

  onBelowWriteBufferLowWatermark(): void {
    this.shared.stats.cells[stats.RESUMED_READING]! += 1
    this.downstream.readDisable(false)
  }

  onDownstreamAboveHighWatermark(): void {
    this.cluster!.stats.cells[C.upstream_flow_control_paused_reading_total]! += 1
    this.upstream!.readDisable(true)
  }

  onDownstreamBelowLowWatermark(): void {
    this.cluster!.stats.cells[C.upstream_flow_control_resumed_reading_total]! += 1
    this.lastActivityMs = this.thread.clock.now
    this.upstream!.readDisable(false)
  }

  // ---- the end

  onUpstreamClosed(_event: CloseEvent, errno: string | null): void {
    const { info, upstream } = this
    if (this.flushing) this.endFlush()
    if (upstream !== null) info.upstreamBytes = upstream.wireBytes ?? info.upstreamBytes
    if (this.downstreamClosed) return
    if (isReset(errno)) {
      info.flags |= ResponseFlag.UpstreamRemoteReset
      this.closeDownstream(CloseAbort)
    } else if (!(this.upstreamEnded && this.downstreamEnded)) this.closeDownstream(CloseFlush)
  }

  private closeDownstream(kind: CloseKind): void {
    this.downstream.close(kind, this.flushLimitMs())
  }

  private flushLimitMs(): number {
    return this.plan.idleTimeoutMs > 0 ? this.plan.idleTimeoutMs : FLUSH_LIMIT_MS
  }

  onClose(event: CloseEvent): void {
    const { downstream, info, thread, upstream } = this
    this.downstreamClosed = true
    thread.timers.disarm(this.idleTimer)
    thread.timers.disarm(this.durationTimer)
    if (this.backoffTimer !== null) thread.timers.disarm(this.backoffTimer)
    if (this.logTimer !== null) thread.timers.disarm(this.logTimer)
    if (upstream !== null && !upstream.closed) {
      info.upstreamBytes = upstream.wireBytes ?? info.upstreamBytes
      this.closeUpstream(upstream, event, downstream.errno)
    }
    info.endUs = info.sinceStartUs(thread.clock.now)
    this.log('TcpConnectionEnd')
  }

  private closeUpstream(upstream: UpstreamPipe, event: CloseEvent, errno: string | null): void {
    if (isReset(errno)) upstream.close(CloseAbort)
    else if (event === 'local' || !this.ready) upstream.close(CloseNoFlush)
    else {
      if (upstream.bytesBuffered > 0) this.beginFlush()
      // Both halves ended: what remains is only the other side's acknowledgement.
      upstream.close(CloseFlush, this.flushLimitMs())
    }
  }

  /** The client has left, but not all it sent has reached the upstream host yet. */
  private beginFlush(): void {
    this.flushing = true
    this.shared.stats.cells[stats.UPSTREAM_FLUSH_TOTAL]! += 1
    this.shared.stats.cells[stats.UPSTREAM_FLUSH_ACTIVE]! += 1
  }

  private endFlush(): void {
    this.flushing = false
    this.shared.stats.cells[stats.UPSTREAM_FLUSH_ACTIVE]! -= 1
  }

  onTimer(kind: number): void {
    const { plan, thread } = this
    if (kind === BACKOFF_TIMER) this.connectUpstream()
    else if (kind === LOG_TIMER) {
      this.log('TcpPeriodic')
      thread.timers.arm(this.logTimer!, plan.logIntervalMs)
    } else if (kind === DURATION_TIMER) {
      this.shared.stats.cells[stats.MAX_DURATION]! += 1
      this.giveUp(ResponseFlag.DurationTimeout)
    } else this.onIdleTimer()
  }

  /** Activity only notes the time; the timer looks at it when it fires, so bytes cost no re-arming. */
  private onIdleTimer(): void {
    const { plan, thread } = this
    const remainingMs = this.lastActivityMs + plan.idleTimeoutMs - thread.clock.now
    if (remainingMs > 0) {
      thread.timers.arm(this.idleTimer, remainingMs)
      return
    }
    this.shared.stats.cells[stats.IDLE_TIMEOUT]! += 1
    if (this.upstream !== null && !this.ready) this.info.flags |= ResponseFlag.UpstreamConnectionFailure
    this.downstream.close(CloseNoFlush)
  }

  private log(accessLogType: string): void {
    const { accessLogs } = this.shared
    if (accessLogs.length === 0) return
    const { downstream, info } = this
    info.bytesReceived = downstream.bytesRead
    info.bytesSent = downstream.bytesWritten
    info.downstreamBytes = wireBytes(downstream)
    writeAccessLogs(accessLogs, {
      requestHeaders: null,
      responseHeaders: null,
      responseTrailers: null,
      info,
      accessLogType,
    })
  }
}

function isReset(errno: string | null): boolean {
  return errno === 'ECONNRESET' || errno === 'EPIPE'
}

/** The downstream connection's write buffer, filled by upstream. */
class DownstreamWatermarks implements WatermarkCallbacks {
  private readonly proxy: TcpProxy

  constructor(proxy: TcpProxy) {
    this.proxy = proxy
  }

  onAboveWriteBufferHighWatermark(): void {
    this.proxy.onDownstreamAboveHighWatermark()
  }

  onBelowWriteBufferLowWatermark(): void {
    this.proxy.onDownstreamBelowLowWatermark()
  }
}
