import type { AccessLogPlan } from '../../../net/index.ts'
import type { TunnelingPlan } from './tunneling.ts'

export interface WeightedCluster {
  readonly name: string
  readonly weight: number
  /** `envoy.lb` subset keys; null: none. */
  readonly metadataMatch: object | null
}

export interface BackoffPlan {
  readonly baseMs: number
  readonly maxMs: number
}

/** What a connection is hashed by; null key: the client's IP address. */
export interface TcpHashPolicy {
  readonly filterStateKey: string | null
}

/** envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, compiled; frozen. */
export interface TcpProxyPlan {
  readonly statPrefix: string
  /** At least one; of several, chosen by weight per connection. */
  readonly clusters: readonly WeightedCluster[]
  readonly totalWeight: number
  /** 0: none. */
  readonly idleTimeoutMs: number
  /** 0: none. */
  readonly maxDurationMs: number
  /** Share of maxDurationMs that is added at random, 0 to 1. */
  readonly maxDurationJitter: number
  readonly maxConnectAttempts: number
  readonly backoff: BackoffPlan | null
  readonly hashPolicy: TcpHashPolicy | null
  readonly accessLogs: readonly AccessLogPlan[]
  /** 0: none. */
  readonly logIntervalMs: number
  readonly logOnConnected: boolean
  readonly logOnStart: boolean
  /** Connect upstream at once, or when the client has sent something. */
  readonly connectOnData: boolean
  /** Client bytes kept until the upstream connection stands; reading stops beyond. */
  readonly maxEarlyDataBytes: number
  /** Through HTTP instead of plain TCP; null: plain. */
  readonly tunneling: TunnelingPlan | null
}
