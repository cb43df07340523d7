// HOT FILE (docs/hot-path.md): one client's datagrams to one upstream host and back, over a socket of their own.
import { MemberList, Timer, type TimerOwner } from '../../../base/index.ts'
import { type UdpListenerFilterCallbacks, type UdpReceiver, UdpSocket } from '../../../net/index.ts'
import { ResponseFlag, type StatBlock, type StreamInfo } from '../../../observability/index.ts'
import { CLUSTER_SLOTS as C, type Cluster, Connections, type Host, type HostSession } from '../../../upstream/index.ts'
import { logSession, sessionInfo } from './session-log.ts'
import type { TableEntry } from './session-table.ts'
import * as stats from './stats.ts'
import type { UdpProxyShared } from './udp-proxy.ts'

const IDLE_TIMER = 0
const LOG_TIMER = 1

/** Whoever has the session. */
export interface UdpSessionOwner extends UdpListenerFilterCallbacks {
  readonly shared: UdpProxyShared
  onSessionEnd(session: UdpSession): void
}

export class UdpSession implements TableEntry, UdpReceiver, TimerOwner, HostSession {
  readonly hash: number
  readonly peerHost: string
  readonly peerPort: number
  readonly clusterName: string
  readonly upstreamHost: Host
  nextInTable: TableEntry | null = null
  listIndex = -1
  socket: UdpSocket | null = null
  rxBytes = 0
  rxDatagrams = 0
  txBytes = 0
  txDatagrams = 0
  txErrors = 0
  private readonly owner: UdpSessionOwner
  private readonly cluster: Cluster
  private readonly cells: Float64Array
  private readonly upstream: StatBlock
  private readonly idleTimer: Timer
  private readonly logTimer: Timer | null
  private readonly info: StreamInfo | null
  private lastActivityMs: number
  /** It holds one of the connections that the cluster allows. */
  private counted = false
  private ended = false

  constructor(
    owner: UdpSessionOwner,
    hash: number,
    peerHost: string,
    peerPort: number,
    cluster: Cluster,
    upstreamHost: Host,
    upstream: StatBlock,
  ) {
    const { plan, stats: block, sessionLogs } = owner.shared
    const { now } = owner.thread.clock
    this.hash = hash
    this.peerHost = peerHost
    this.peerPort = peerPort
    this.clusterName = cluster.name
    this.upstreamHost = upstreamHost
    this.owner = owner
    this.cluster = cluster
    this.cells = block.cells
    this.upstream = upstream
    this.idleTimer = new Timer(this, IDLE_TIMER)
    this.logTimer = plan.logIntervalMs > 0 && sessionLogs.length > 0 ? new Timer(this, LOG_TIMER) : null
    this.info = sessionLogs.length > 0 ? sessionInfo(peerHost, peerPort, owner.localAddress.toString(), now) : null
    this.lastActivityMs = now
    this.cells[stats.TOTAL]! += 1
    this.cells[stats.ACTIVE]! += 1
  }

  /** False: a circuit breaker is open or there is no descriptor left, and the session has ended. */
  open(): boolean {
    const { cluster, owner, upstream, upstreamHost } = this
    const { plan } = owner.shared
    if (!cluster.limits(0).tryAcquire(Connections)) {
      cluster.stats.cells[C.upstream_cx_overflow]! += 1
      this.fail(ResponseFlag.UpstreamOverflow)
      return false
    }
    this.counted = true
    const socket = UdpSocket.connect(upstreamHost.address, this)
    if (typeof socket === 'string') {
      upstream.cells[stats.SESS_TX_ERRORS]! += 1
      this.fail(ResponseFlag.UpstreamConnectionFailure)
      return false
    }
    this.socket = socket
    upstreamHost.sessions ??= new MemberList()
    upstreamHost.sessions.add(this)
    owner.thread.timers.arm(this.idleTimer, plan.idleTimeoutMs)
    if (this.logTimer !== null) owner.thread.timers.arm(this.logTimer, plan.logIntervalMs)
    return true
  }

  private fail(flag: number): void {
    if (this.info !== null) this.info.flags |= flag
    this.end()
  }

  /** From the client. */
  forward(data: Buffer): void {
    const { cells, upstream } = this
    this.rxBytes += data.length
    this.rxDatagrams++
    cells[stats.RX_BYTES]! += data.length
    cells[stats.RX_DATAGRAMS]! += 1
    this.lastActivityMs = this.owner.thread.clock.now
    if (!this.socket!.send(data)) {
      upstream.cells[stats.SESS_TX_ERRORS]! += 1
      return
    }
    upstream.cells[stats.SESS_TX_DATAGRAMS]! += 1
    this.cluster.stats.cells[C.upstream_cx_tx_bytes_total]! += data.length
  }

  /** From the host. */
  onDatagram(data: Buffer): void {
    const { cells, owner, upstream } = this
    this.lastActivityMs = owner.thread.clock.update()
    if (data.length > owner.shared.plan.maxRxDatagramBytes) {
      upstream.cells[stats.SESS_RX_DROPPED]! += 1
      return
    }
    upstream.cells[stats.SESS_RX_DATAGRAMS]! += 1
    this.cluster.stats.cells[C.upstream_cx_rx_bytes_total]! += data.length
    if (!owner.send(data, this.peerHost, this.peerPort)) {
      this.txErrors++
      cells[stats.TX_ERRORS]! += 1
      return
    }
    this.txBytes += data.length
    this.txDatagrams++
    cells[stats.TX_BYTES]! += data.length
    cells[stats.TX_DATAGRAMS]! += 1
  }

  /** Such as that nobody listens there: the client may be luckier with its next datagram. */
  onReceiveError(): void {
    this.upstream.cells[stats.SESS_RX_ERRORS]! += 1
  }

  onTimer(kind: number): void {
    const { owner } = this
    const { plan } = owner.shared
    if (kind === LOG_TIMER) {
      this.log('UdpPeriodic')
      owner.thread.timers.arm(this.logTimer!, plan.logIntervalMs)
      return
    }
    const remainingMs = this.lastActivityMs + plan.idleTimeoutMs - owner.thread.clock.now
    if (remainingMs > 0) {
      owner.thread.timers.arm(this.idleTimer, remainingMs)
      return
    }
    this.cells[stats.IDLE_TIMEOUT]! += 1
    this.end()
  }

  onHostGone(): void {
    this.end()
  }

  end(): void {
    if (this.ended) return
    this.ended = true
    const { owner } = this
    const { timers } = owner.thread
    timers.disarm(this.idleTimer)
    if (this.logTimer !== null) timers.disarm(this.logTimer)
    this.cells[stats.ACTIVE]! -= 1
    if (this.counted) this.cluster.limits(0).release(Connections)
    this.upstreamHost.sessions?.delete(this)
    this.log('UdpSessionEnd')
    this.socket?.close()
    owner.onSessionEnd(this)
  }

  private log(type: 'UdpPeriodic' | 'UdpSessionEnd'): void {
    const { info, owner } = this
    if (info !== null) logSession(owner.shared.sessionLogs, this, info, owner.thread.clock.now, type)
  }
}
