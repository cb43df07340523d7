import type { RuntimeFraction } from '../../../net/index.ts'
import type { RespVersion } from '../../../net/resp/index.ts'
import type { Formatter } from '../../../observability/index.ts'
import type { RedisReadPolicy } from '../../../upstream/index.ts'
import type { ExternalAuth } from './external-auth.ts'

/** RedisProxy.ConnPoolSettings. */
export interface PoolSettings {
  readonly opTimeoutMs: number
  readonly hashTags: boolean
  readonly redirects: boolean
  readonly maxUnknownConnections: number
  readonly commandStats: boolean
  /** Of what hosts of a Redis Cluster commands may read; but for MASTER, READONLY goes first on each connection. */
  readonly readPolicy: RedisReadPolicy
  /** New connections per second; 0: any number. */
  readonly connectionsPerSecond: number
  /** What hosts are spoken to in, and clients too. */
  readonly version: RespVersion
}

export interface MirrorPlan {
  readonly cluster: string
  /** Null: all. */
  readonly fraction: RuntimeFraction | null
  readonly excludesReads: boolean
}

export interface RoutePlan {
  /** latin1; lower case where prefixes match any case. */
  readonly prefix: string
  readonly removePrefix: boolean
  readonly cluster: string
  /** Where commands that only read go; '': as the others. */
  readonly readCluster: string
  readonly mirrors: readonly MirrorPlan[]
  /** Null: keys stay as they are. */
  readonly keyFormat: KeyFormat | null
}

export interface KeyFormat {
  /** Its text has a mark where the key stands. */
  readonly formatter: Formatter
}

export interface FaultPlan {
  readonly isError: boolean
  readonly delayMs: number
  /** Percent. */
  readonly percent: number
  /** '': none. */
  readonly runtimeKey: string
  /** Lower case; empty: all commands. */
  readonly commands: readonly string[]
}

/** envoy.extensions.filters.network.redis_proxy.v3.RedisProxy, compiled; frozen. */
export interface RedisProxyPlan {
  readonly statPrefix: string
  readonly settings: PoolSettings
  readonly latencyInMicros: boolean
  readonly routes: readonly RoutePlan[]
  readonly caseInsensitive: boolean
  /** Null: keys without a route find no host. */
  readonly catchAll: RoutePlan | null
  /** latin1. Without any and without a name everybody is let in. */
  readonly passwords: readonly string[]
  readonly username: string
  /** Is asked in place of them; null: they count. */
  readonly externalAuth: ExternalAuth | null
  readonly faults: readonly FaultPlan[]
  readonly customCommands: readonly string[]
}
