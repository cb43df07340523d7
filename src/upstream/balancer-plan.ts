// What compiled load balancing policies say; a policy that wraps another holds its plan.
import type { DnsCachePlan } from './dns-cache/dns-cache-plan.ts'

export interface SlowStartPlan {
  readonly windowMs: number
  readonly aggression: number
  readonly aggressionKey: string
  /** 0 to 1. */
  readonly minWeight: number
}

/** Zone aware routing, which is on by itself once the bootstrap names a local cluster. */
export interface ZoneAwarePlan {
  readonly kind: 'zone_aware'
  /** Whole percent of the picks. */
  readonly routingEnabled: number
  readonly minClusterSize: number
  readonly failTrafficOnPanic: boolean
  /** Everything stays in the zone that has at least so many healthy hosts; null: only what fits. */
  readonly forceLocalMinSize: number | null
  /** Shares by host weight instead of host count. */
  readonly byWeight: boolean
}

export type LocalityRoutingPlan = { readonly kind: 'weighted' } | ZoneAwarePlan

export interface RoundRobinPlan {
  readonly kind: 'round_robin'
  readonly slowStart: SlowStartPlan | null
  readonly locality: LocalityRoutingPlan
}

export interface RandomPlan {
  readonly kind: 'random'
  readonly locality: LocalityRoutingPlan
}

export interface LeastRequestPlan {
  readonly kind: 'least_request'
  readonly choiceCount: number
  readonly fullScan: boolean
  readonly activeRequestBias: number
  readonly activeRequestBiasKey: string
  readonly slowStart: SlowStartPlan | null
  readonly locality: LocalityRoutingPlan
}

/** The cheaper of two hosts by what their responses have lately taken, times the requests they have. */
export interface PeakEwmaPlan {
  readonly kind: 'peak_ewma'
  readonly decayTimeMs: number
  readonly defaultRttMs: number
  /** Cost of a host that has requests and never answered one. */
  readonly penalty: number
  readonly locality: LocalityRoutingPlan
}

/** Round robin by weights that hosts report of themselves (ORCA). */
export interface ClientSideWeightsPlan {
  readonly kind: 'client_side_weighted_round_robin'
  readonly blackoutPeriodMs: number
  readonly weightExpirationPeriodMs: number
  readonly weightUpdatePeriodMs: number
  readonly errorUtilizationPenalty: number
  readonly metricNames: readonly string[]
  readonly slowStart: SlowStartPlan | null
  readonly locality: LocalityRoutingPlan
}

interface HashingPlan {
  readonly useHostname: boolean
  /** Percent of the average load that one host may have; 0: any. */
  readonly hashBalanceFactor: number
  readonly localityWeighted: boolean
}

export interface RingHashPlan extends HashingPlan {
  readonly kind: 'ring_hash'
  readonly hashFunction: 'XX_HASH' | 'MURMUR_HASH_2'
  readonly minimumRingSize: number
  readonly maximumRingSize: number
}

export interface MaglevPlan extends HashingPlan {
  readonly kind: 'maglev'
  readonly tableSize: number
}

export type SubsetFallback = 'NO_FALLBACK' | 'ANY_ENDPOINT' | 'DEFAULT_SUBSET'

export interface SubsetSelectorPlan {
  /** Sorted, each once. */
  readonly keys: readonly string[]
  readonly singleHostPerSubset: boolean
  /** NOT_DEFINED: the cluster's. */
  readonly fallback: SubsetFallback | 'NOT_DEFINED' | 'KEYS_SUBSET'
  readonly fallbackKeys: readonly string[]
}

export interface SubsetPlan {
  readonly kind: 'subset'
  readonly fallback: SubsetFallback
  readonly defaultSubset: Readonly<Record<string, unknown>>
  readonly selectors: readonly SubsetSelectorPlan[]
  readonly localityWeightAware: boolean
  readonly scaleLocalityWeight: boolean
  readonly panicModeAny: boolean
  readonly listAsAny: boolean
  readonly allowRedundantKeys: boolean
  /** `fallback_list` in the route's metadata names alternatives. */
  readonly metadataFallback: boolean
  readonly child: BalancerPlan
}

export type OverrideHostSource =
  /** Lower case. */
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'metadata'; readonly namespace: string; readonly path: readonly string[] }

export interface OverrideHostPlan {
  readonly kind: 'override_host'
  readonly sources: readonly OverrideHostSource[]
  readonly child: BalancerPlan
}

/** The balancer of an aggregate cluster: that of one cluster of its list. */
export interface AggregatePlan {
  readonly kind: 'aggregate'
  readonly clusters: readonly string[]
}

/** The host that a request names itself, out of a DNS cache. */
export interface DynamicHostPlan {
  readonly kind: 'dynamic_host'
  readonly cache: DnsCachePlan
  readonly defaultPort: number
}

/** The shard of a Redis Cluster that has the key. */
export interface RedisSlotsPlan {
  readonly kind: 'redis_slots'
}

/** Policies that pick within a list of hosts; priorities, zones and localities are common to them. */
export type ListPlan = RoundRobinPlan | RandomPlan | LeastRequestPlan | PeakEwmaPlan | ClientSideWeightsPlan
export type HashPlan = RingHashPlan | MaglevPlan
export type BalancerPlan =
  | ListPlan
  | HashPlan
  | SubsetPlan
  | OverrideHostPlan
  | AggregatePlan
  | DynamicHostPlan
  | RedisSlotsPlan
