import type { ClusterLoadAssignmentJson } from '#api/envoy/config/endpoint/v3/endpoint_pb.ts'
import type { StatStore } from '../../observability/index.ts'
import type { HostDiscovery } from '../host-discovery.ts'
import type { CachedHostEnvironment } from './cached-host.ts'
import { DnsCache } from './dns-cache.ts'
import type { DnsCachePlan } from './dns-cache-plan.ts'
import { dnsCacheStats, pendingCounterName, DnsCacheStat as S } from './dns-cache-stats.ts'
import type { DnsCacheNews, DnsCacheRequest } from './messages.ts'

export interface DnsCachesOptions {
  readonly environment: (plan: DnsCachePlan) => CachedHostEnvironment
  readonly stats: StatStore
  /** A count over all workers. */
  readonly count: (counterName: string) => number
  readonly publish: (news: DnsCacheNews) => void
}

/** Hears when the hosts of its cache have changed. */
export interface DynamicHostsOwner {
  onHostsChanged(): void
  onReady(): void
}

interface Entry {
  readonly cache: DnsCache
  readonly plan: DnsCachePlan
  readonly users: Set<DynamicHostsOwner>
}

/** All DNS caches of dynamic forward proxies, by name. A cache lives as long as a cluster uses it. */
export class DnsCaches {
  private readonly options: DnsCachesOptions
  private readonly entries = new Map<string, Entry>()

  constructor(options: DnsCachesOptions) {
    this.options = options
  }

  /** The hosts of one cluster: those of its cache. */
  discovery(plan: DnsCachePlan, clusterName: string, owner: DynamicHostsOwner): HostDiscovery {
    let entry: Entry | null = null
    return {
      start: () => {
        entry = this.open(plan)
        entry.users.add(owner)
        owner.onHostsChanged()
        owner.onReady()
      },
      stop: () => {
        if (entry !== null) this.leave(entry, owner)
        entry = null
      },
      assignment: (): ClusterLoadAssignmentJson => entry?.cache.assignment(clusterName) ?? { clusterName },
    }
  }

  private open(plan: DnsCachePlan): Entry {
    const known = this.entries.get(plan.name)
    if (known !== undefined) return known
    const users = new Set<DynamicHostsOwner>()
    const cache = new DnsCache(this.options.environment(plan), dnsCacheStats(this.options.stats, plan.name), {
      onHostsChanged: () => {
        for (const user of users) user.onHostsChanged()
      },
      onNews: news => this.options.publish(news),
    })
    const entry = { cache, plan, users }
    this.entries.set(plan.name, entry)
    return entry
  }

  private leave({ cache, users }: Entry, owner: DynamicHostsOwner): void {
    users.delete(owner)
    if (users.size > 0) return
    cache.stop()
    this.entries.delete(cache.name)
    for (const news of cache.news()) this.options.publish({ ...news, state: 'removed', details: '' })
  }

  onRequest(request: DnsCacheRequest): void {
    const entry = this.entries.get(request.cache)
    if (entry !== undefined) entry.cache.onRequest(request)
    else if (request.resolve !== null) {
      const { cache, key } = request
      this.options.publish({ cache, key, state: 'failed', details: 'no_cluster_uses_the_cache' })
      this.options.publish({ cache, key, state: 'removed', details: '' })
    }
  }

  *news(): Iterable<DnsCacheNews> {
    for (const { cache } of this.entries.values()) yield* cache.news()
  }

  /** Before stats are read. */
  refreshGauges(): void {
    for (const { plan } of this.entries.values()) {
      const { cells } = dnsCacheStats(this.options.stats, plan.name)
      const left = Math.max(plan.maxPendingRequests - this.options.count(pendingCounterName(plan.name)), 0)
      cells[S.PENDING_REMAINING] = left
      cells[S.PENDING_OPEN] = left === 0 && plan.maxPendingRequests > 0 ? 1 : 0
    }
  }
}
