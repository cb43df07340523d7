import type { TrafficDirectionJson } from '#api/envoy/config/core/v3/base_pb.ts'
import type { Listener_DrainTypeJson } from '#api/envoy/config/listener/v3/listener_pb.ts'
import type {
  AccessLogPlan,
  Address,
  DownstreamTransportSocketPlan,
  ListenerFilterPlan,
  NetworkFilterPlan,
  TcpKeepalive,
} from '../net/index.ts'
import type { UdpListenerPlan } from './compile-udp-listener.ts'
import type { FilterChainMatcher } from './filter-chain-match.ts'
import type { FilterChainTree } from './filter-chain-tree.ts'

/** One address that a listener listens on. */
export interface ListenAddress {
  readonly address: Address
  readonly ipv6Only: boolean
  /** Null: accepted connections are not probed. */
  readonly keepalive: TcpKeepalive | null
}

export interface FilterChainPlan {
  readonly name: string
  /** filter_metadata; null: none. */
  readonly metadata: object | null
  readonly filters: readonly NetworkFilterPlan[]
  /** Null: plain bytes. */
  readonly transportSocket: DownstreamTransportSocketPlan | null
  /** How long the transport may take until it stands; 0: as long as it wants. */
  readonly transportSocketConnectTimeoutMs: number
}

export interface ListenerFilterEntry {
  readonly plan: ListenerFilterPlan
  /** Says for which destination ports the filter is left out; null: for none. */
  readonly disabled: ((destinationPort: number) => boolean) | null
}

/** A listener's configuration, compiled; frozen. */
export interface ListenerPlan {
  readonly name: string
  /** filter_metadata; null: none. */
  readonly metadata: object | null
  /** `listener.<statName>.` */
  readonly statName: string
  readonly addresses: readonly ListenAddress[]
  readonly bindToPort: boolean
  readonly reusePort: boolean
  readonly backlog: number
  readonly bufferLimitBytes: number
  readonly filterChains: readonly FilterChainPlan[]
  readonly defaultFilterChain: FilterChainPlan | null
  readonly matcher: FilterChainMatcher
  /** In place of `matcher`; null: none. */
  readonly tree: FilterChainTree | null
  /** Null: a listener of connections. */
  readonly udp: UdpListenerPlan | null
  readonly listenerFilters: readonly ListenerFilterEntry[]
  /** 0: none. */
  readonly listenerFiltersTimeoutMs: number
  readonly continueOnListenerFiltersTimeout: boolean
  readonly accessLogs: readonly AccessLogPlan[]
  readonly ignoreGlobalConnLimit: boolean
  readonly trafficDirection: TrafficDirectionJson
  readonly drainType: Listener_DrainTypeJson
}
