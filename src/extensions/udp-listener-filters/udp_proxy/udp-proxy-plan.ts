import type { AccessLogPlan, MatcherTree, NetworkSubject } from '../../../net/index.ts'

/** envoy.extensions.filters.udp.udp_proxy.v3.UdpProxyConfig, compiled; frozen. */
export interface UdpProxyPlan {
  readonly statPrefix: string
  /** Finds the name of a cluster by the addresses of a new session. */
  readonly route: MatcherTree<NetworkSubject, string>
  /** Clusters that `route` can find. */
  readonly clusters: readonly string[]
  readonly idleTimeoutMs: number
  /** What the balancer hashes; null: nothing. */
  readonly hash: { readonly by: 'source_ip' } | { readonly by: 'key'; readonly hash: bigint } | null
  /** Longer datagrams from upstream are dropped. */
  readonly maxRxDatagramBytes: number
  /** A host is chosen for each datagram, and a client has a session with each host it gets. */
  readonly perPacket: boolean
  readonly sessionLogs: readonly AccessLogPlan[]
  readonly proxyLogs: readonly AccessLogPlan[]
  /** How often sessions are logged while they last; 0: not before their end. */
  readonly logIntervalMs: number
}
