// What a balancer is made from.
import type { ThreadContext } from '../../net/index.ts'
import type { StatBlock } from '../../observability/index.ts'
import type { DnsCacheView } from '../dns-cache/dns-cache-view.ts'
import type { HostSet } from '../host-set/host-set.ts'
import type { LoadBalancer } from './load-balancer.ts'
import type { KnownKeys } from './subset/subset-index.ts'

/** What one cluster's balancers remember from one snapshot of hosts to the next. */
export interface BalancerMemory {
  /** Keys of the subsets that there were. */
  subsets: ReadonlySet<string>
  readonly subsetKeys: KnownKeys
  /** Those that requests have asked the last snapshot for. */
  usedSubsets: () => Iterable<string>
}

/** A cluster that another one sends requests to. */
export interface ClusterView {
  readonly hostSet: HostSet
  readonly loadBalancer: LoadBalancer
}

export interface BalancerParts {
  readonly thread: ThreadContext
  /** The cluster's block. */
  readonly stats: StatBlock
  /** Percent, as configured; the runtime may say otherwise. */
  readonly healthyPanicThreshold: number
  /** Hosts of the local cluster, which this proxy is one of; null where none is configured. */
  readonly localHosts: HostSet | null
  readonly memory: BalancerMemory
  /** Clusters by name, for those that consist of others. */
  readonly findCluster: (name: string) => ClusterView | undefined
  /** What this thread knows of a cache of names. */
  readonly dnsCache: (name: string) => DnsCacheView
}

export function panicThreshold(parts: BalancerParts): number {
  return parts.thread.runtime.snapshot.getNumber('upstream.healthy_panic_threshold', parts.healthyPanicThreshold)
}
