// HOT FILE (docs/hot-path.md): finds or begins the session that a client's datagram belongs to.
import {
  type AccessLog,
  type Address,
  type FilterStatus,
  formatHostPort,
  type NetworkSubject,
  StopIteration,
  type ThreadContext,
  type UdpListenerFilter,
  type UdpListenerFilterCallbacks,
} from '../../../net/index.ts'
import type { StatBlock, StreamInfo } from '../../../observability/index.ts'
import {
  CLUSTER_SLOTS as C,
  type Cluster,
  type ClusterManager,
  clusterStatPrefix,
  type Host,
  Unhealthy,
} from '../../../upstream/index.ts'
import { UdpLoadBalancerContext } from './load-balancer-context.ts'
import { logProxy, proxyInfo } from './session-log.ts'
import { SessionTable } from './session-table.ts'
import * as stats from './stats.ts'
import type { UdpProxyPlan } from './udp-proxy-plan.ts'
import { UdpSession, type UdpSessionOwner } from './udp-session.ts'

/** What all listening sockets of one configuration share on one thread. */
export interface UdpProxyShared {
  readonly plan: UdpProxyPlan
  readonly clusters: ClusterManager
  readonly stats: StatBlock
  readonly sessionLogs: readonly AccessLog[]
  readonly proxyLogs: readonly AccessLog[]
}

export class UdpProxy implements UdpListenerFilter, UdpSessionOwner {
  readonly shared: UdpProxyShared
  readonly thread: ThreadContext
  readonly localAddress: Address
  private readonly callbacks: UdpListenerFilterCallbacks
  private readonly sessions: SessionTable<UdpSession>
  private readonly context: UdpLoadBalancerContext | null
  private readonly info: StreamInfo | null

  constructor(shared: UdpProxyShared, callbacks: UdpListenerFilterCallbacks) {
    const { thread } = callbacks
    const { hash, clusters } = shared.plan
    this.shared = shared
    this.thread = thread
    this.localAddress = callbacks.localAddress
    this.callbacks = callbacks
    this.sessions = new SessionTable(thread.random)
    this.context = hash === null ? null : new UdpLoadBalancerContext(hash)
    this.info = shared.proxyLogs.length === 0 ? null : proxyInfo(thread.clock.now)
    for (const name of clusters) {
      const cluster = shared.clusters.get(name)
      if (cluster !== undefined) this.statsOf(cluster)
    }
  }

  private statsOf({ observabilityName }: Cluster): StatBlock {
    return this.thread.stats.block(`${clusterStatPrefix(observabilityName)}udp.`, stats.UDP_CLUSTER_STATS)
  }

  onDatagram(data: Buffer, fromHost: string, fromPort: number): FilterStatus {
    const { sessions } = this
    const hash = sessions.hashOf(fromHost, fromPort)
    let session = this.shared.plan.perPacket ? null : sessions.find(hash, fromHost, fromPort, null)
    if (session !== null && session.upstreamHost.health === Unhealthy) {
      session = this.leaveHost(session)
    }
    session ??= this.begin(hash, fromHost, fromPort)
    if (session !== null) session.forward(data)
    return StopIteration
  }

  /** Null: a new session is to begin. It stays with a host that fails where there is no better one. */
  private leaveHost(session: UdpSession): UdpSession | null {
    const cluster = this.shared.clusters.get(session.clusterName)
    const other = cluster === undefined ? null : this.chooseHost(cluster, session.peerHost)
    if (other === null || other === session.upstreamHost || other.health === Unhealthy) return session
    session.end()
    return null
  }

  private chooseHost(cluster: Cluster, fromHost: string): Host | null {
    if (this.context !== null) this.context.peerHost = fromHost
    return cluster.chooseHost(this.context)
  }

  private begin(hash: number, fromHost: string, fromPort: number): UdpSession | null {
    const { sessions, shared } = this
    const { plan } = shared
    const name = plan.route.find(this.subject(fromHost, fromPort))
    const cluster = name === null ? undefined : shared.clusters.get(name)
    if (cluster === undefined) {
      shared.stats.cells[stats.NO_ROUTE]! += 1
      return null
    }
    const host = this.chooseHost(cluster, fromHost)
    if (host === null) {
      cluster.stats.cells[C.upstream_cx_none_healthy]! += 1
      return null
    }
    if (plan.perPacket) {
      const known = sessions.find(hash, fromHost, fromPort, host)
      if (known !== null) return known
    }
    const session = new UdpSession(this, hash, fromHost, fromPort, cluster, host, this.statsOf(cluster))
    if (!session.open()) return null
    sessions.add(session)
    return session
  }

  private subject(fromHost: string, fromPort: number): NetworkSubject {
    const remoteAddress = formatHostPort(fromHost, fromPort)
    return {
      remoteAddress,
      localAddress: this.localAddress.toString(),
      directRemoteAddress: remoteAddress,
      requestedServerName: null,
      transportProtocol: '',
      applicationProtocols: [],
      filterState: null,
    }
  }

  send(data: Buffer, toHost: string, toPort: number): boolean {
    return this.callbacks.send(data, toHost, toPort)
  }

  onReceiveError(): void {
    this.shared.stats.cells[stats.RX_ERRORS]! += 1
  }

  onSessionEnd(session: UdpSession): void {
    this.sessions.delete(session)
  }

  onClose(): void {
    for (const session of this.sessions.all()) session.end()
    if (this.info !== null) logProxy(this.shared.proxyLogs, this.shared.stats, this.info, this.thread.clock.now)
  }
}
