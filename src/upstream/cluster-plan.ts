import type { ConfigSourcePlan } from '../config/index.ts'
import type { HashPolicyPlan, HeaderName, Http1Options, Http2Options, RetryPolicyPlan } from '../http/index.ts'
import type { AddressOrder, ConnectOptions, UpstreamTransportSocketPlan } from '../net/index.ts'
import type { BalancerPlan } from './balancer-plan.ts'
import type { HealthCheckPlan } from './health-check/health-check-plan.ts'
import type { EndpointPlan, Locality } from './host.ts'
import type { HostLimitsPlan } from './host-limits.ts'
import type { OutlierPlan } from './outlier-detection/outlier-plan.ts'
import type { RedisClusterPlan } from './redis-cluster/redis-cluster-plan.ts'
import type { LimitsPlan } from './resource-limits.ts'

export type DiscoveryType =
  | 'STATIC'
  | 'STRICT_DNS'
  | 'LOGICAL_DNS'
  | 'EDS'
  | 'AGGREGATE'
  | 'DYNAMIC_FORWARD_PROXY'
  | 'REDIS'

/** envoy.config.endpoint.v3.LocalityLbEndpoints. */
export interface LocalityPlan {
  readonly locality: Locality
  /** 0: none given, so no traffic under locality weights. */
  readonly weight: number
  readonly priority: number
  readonly endpoints: readonly EndpointPlan[]
}

/** envoy.config.endpoint.v3.ClusterLoadAssignment. */
export interface AssignmentPlan {
  readonly localities: readonly LocalityPlan[]
  /** Percent; 140 by default. */
  readonly overprovisioningFactor: number
  /** The part of all requests that is dropped, 0 to 1. */
  readonly dropOverload: number
  /** Hosts that nobody has confirmed for so long are given up; 0: never. Only of discovered assignments. */
  readonly endpointStaleAfterMs: number
  /** Health of a priority is worked out by weights instead of host counts. */
  readonly weightedPriorityHealth: boolean
}

export type DnsLookupFamily = 'AUTO' | 'V4_ONLY' | 'V6_ONLY' | 'V4_PREFERRED' | 'ALL'

export interface DnsResolverPlan {
  readonly kind: 'cares' | 'getaddrinfo'
  /** 'ip:port' each; empty: those of the system. */
  readonly servers: readonly string[]
  /** How long a server is waited for, and how often asked. */
  readonly tryMs: number
  readonly tries: number
}

export interface DnsPlan {
  readonly lookupFamily: DnsLookupFamily
  readonly refreshRateMs: number
  readonly minRefreshRateMs: number
  readonly respectTtl: boolean
  readonly jitterMs: number
  readonly failureBaseMs: number
  readonly failureMaxMs: number
  /** True: back off exponentially with jitter; false: retry at the refresh rate. */
  readonly failureBackOff: boolean
  readonly resolver: DnsResolverPlan
}

/** UpstreamHttpProtocolOptions. */
export interface ServerNamePlan {
  readonly autoSni: boolean
  readonly autoSanValidation: boolean
  /** Instead of the authority, where it is there. */
  readonly autoSniHeader: HeaderName | null
}

/** Cluster.EdsClusterConfig. */
export interface EdsPlan {
  /** What the assignment's cluster_name must be. */
  readonly serviceName: string
  readonly source: ConfigSourcePlan
}

/** Cluster.TransportSocketMatch. */
export interface TransportSocketMatchPlan {
  readonly name: string
  /** Fields that the endpoint's metadata 'envoy.transport_socket_match' must have. */
  readonly criteria: Readonly<Record<string, unknown>>
  readonly transportSocket: UpstreamTransportSocketPlan | null
}

/** A cluster compiled for use: frozen, without anything that changes. */
export interface ClusterPlan {
  readonly name: string
  /** alt_stat_name, or the name. */
  readonly observabilityName: string
  readonly discovery: DiscoveryType
  readonly connectTimeoutMs: number
  readonly perConnectionBufferLimitBytes: number
  /** 0: unlimited. */
  readonly maxRequestsPerConnection: number
  /** 0: never. */
  /** In place of those of routes; null: theirs count. */
  readonly retryPolicy: RetryPolicyPlan | null
  readonly hashPolicy: HashPolicyPlan | null
  readonly idleTimeoutMs: number
  /** 0: never. */
  readonly maxConnectionDurationMs: number
  /** So much longer at most, as a share; drawn per connection. */
  readonly maxConnectionDurationJitter: number
  /** What is spoken to the hosts: fixed, the client's own protocol, or what TLS agrees on by ALPN. */
  readonly protocol: 'http1' | 'http2' | 'downstream' | 'auto'
  readonly http1: Http1Options
  readonly http2: Http2Options
  readonly connectOptions: ConnectOptions
  /** For hosts with several addresses. */
  readonly addressOrder: AddressOrder
  /** Names that a request's authority, or another header of it, gives to TLS. */
  readonly serverNames: ServerNamePlan
  /** Null: plain bytes. */
  readonly transportSocket: UpstreamTransportSocketPlan | null
  /** The first whose criteria an endpoint's metadata meets replaces `transportSocket` for it. */
  readonly transportSocketMatches: readonly TransportSocketMatchPlan[]
  readonly balancer: BalancerPlan
  /** Percent; 0: never panic. */
  readonly healthyPanicThreshold: number
  /** healthStatusBits() of hosts that a request may ask for by their address. */
  readonly overrideHostStatuses: number
  /** By routing priority: DEFAULT, HIGH. */
  readonly limits: readonly [LimitsPlan, LimitsPlan]
  /** Of each host, by routing priority; null: none. */
  readonly hostLimits: readonly [HostLimitsPlan | null, HostLimitsPlan | null]
  /** Null unless names are resolved. */
  readonly dns: DnsPlan | null
  /** Null unless an assignment is discovered. */
  readonly eds: EdsPlan | null
  /** Null unless it is a Redis Cluster. */
  readonly redisCluster: RedisClusterPlan | null
  /** As configured: of DNS clusters, host names that are not resolved yet. */
  readonly assignment: AssignmentPlan
  readonly closeConnectionsOnHostSetChange: boolean
  /** TCP connections to a host that fails checks, or is ejected, end. */
  readonly closeConnectionsOnHostHealthFailure: boolean
  /** Empty: hosts are not asked how they are. */
  readonly healthChecks: readonly HealthCheckPlan[]
  /** Null: hosts stay in use however traffic to them goes. */
  readonly outlierDetection: OutlierPlan | null
  /** A host that discovery drops goes at once, whatever its checks say. */
  readonly ignoreHealthOnHostRemoval: boolean
  readonly ignoreNewHostsUntilFirstHc: boolean
  /** Changes of health within this time of the last reach workers together; 0: each at once. */
  readonly updateMergeWindowMs: number
  /** False: the proxy starts without waiting for the first answer about its hosts. */
  readonly waitForWarmOnInit: boolean
  /** envoy.config.core.v3.Metadata.filter_metadata. */
  readonly metadata: Readonly<Record<string, object>> | null
  /** What extensions are told by typed_extension_protocol_options, by their names. */
  readonly extensionOptions: ReadonlyMap<string, unknown>
}
