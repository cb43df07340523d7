// HOT FILE (docs/hot-path.md): a cluster as one worker uses it.

import type { ThreadContext } from '../net/index.ts'
import type { StatBlock, StatStore } from '../observability/index.ts'
import type { AssignmentPlan, ClusterPlan } from './cluster-plan.ts'
import { Host, HostKeys } from './host.ts'
import type { HostCellMemory } from './host-cells.ts'
import { type HostGroup, type HostSet, hostSet } from './host-set/host-set.ts'
import { type LimitsLocation, ledgerPosition } from './limits-memory.ts'
import { makeLoadBalancer } from './load-balancer/factory.ts'
import type { LoadBalancer } from './load-balancer/load-balancer.ts'
import { ResourceLimits } from './resource-limits.ts'
import { ResponseCodeStats } from './response-code-stats.ts'
import { CLUSTER_SLOTS, CLUSTER_STATS, clusterStatPrefix } from './stats.ts'

const EMPTY: AssignmentPlan = { localities: [], overprovisioningFactor: 140, weightedPriorityHealth: false }

export class Cluster {
  readonly name: string
  /** alt_stat_name, or the name: what stats and access logs say. */
  readonly observabilityName: string
  readonly plan: ClusterPlan
  /** Stats below 'cluster.<name>.'; slots in CLUSTER_SLOTS. */
  readonly stats: StatBlock
  readonly codeStats: ResponseCodeStats
  /** Replaced whenever the hosts change: read it per request. */
  loadBalancer: LoadBalancer
  hostSet: HostSet
  private readonly thread: ThreadContext
  private readonly limitsByPriority: readonly [ResourceLimits, ResourceLimits]
  private readonly memory: HostCellMemory
  private hostsByKey = new Map<string, Host>()

  constructor(plan: ClusterPlan, location: LimitsLocation, thread: ThreadContext, memory: HostCellMemory) {
    const stats: StatStore = thread.stats
    const prefix = clusterStatPrefix(plan.observabilityName)
    const ledger = ledgerPosition(thread.workerIndex)
    this.name = plan.name
    this.observabilityName = plan.observabilityName
    this.plan = plan
    this.thread = thread
    this.memory = memory
    this.stats = stats.block(prefix, CLUSTER_STATS)
    this.codeStats = new ResponseCodeStats(stats, prefix, {
      cells: this.stats.cells,
      slot: CLUSTER_SLOTS.upstream_rq_completed,
    })
    this.limitsByPriority = [
      new ResourceLimits(plan.limits[0], 0, location, ledger, thread.runtime),
      new ResourceLimits(plan.limits[1], 1, location, ledger, thread.runtime),
    ]
    this.hostSet = hostSet([], EMPTY)
    this.loadBalancer = makeLoadBalancer(plan, this.hostSet, thread, this.stats)
    // Host names of a DNS cluster are no addresses yet: its hosts come from main.
    if (plan.dns === null) this.setHosts(plan.assignment)
  }

  /** Limits for a routing priority: 0 DEFAULT, 1 HIGH. */
  limits(priority: 0 | 1): ResourceLimits {
    return this.limitsByPriority[priority]
  }

  hosts(): readonly Host[] {
    return this.hostSet.priorities.flatMap(priority => priority.hosts)
  }

  /** Swaps in new hosts. Hosts that stay keep their connections and stats; those that go are drained. */
  setHosts(assignment: AssignmentPlan): void {
    const before = this.hostsByKey
    const kept = new Map<string, Host>()
    const keys = new HostKeys()
    const fresh: Host[] = []
    const groups: HostGroup[] = assignment.localities.map(({ locality, weight, priority, endpoints }) => {
      const hosts: Host[] = []
      for (const endpoint of endpoints) {
        const key = keys.next(endpoint)
        let host = before.get(key)
        if (host === undefined) {
          host = new Host(key, endpoint, locality, priority, this.memory.allot())
          fresh.push(host)
        } else host.update(endpoint, locality, priority)
        kept.set(key, host)
        hosts.push(host)
      }
      return { locality, weight, priority, hosts }
    })
    this.hostsByKey = kept
    this.hostSet = hostSet(groups, assignment)
    this.loadBalancer = makeLoadBalancer(this.plan, this.hostSet, this.thread, this.stats)
    if (fresh.length > 0) this.memory.report(this.name, fresh)
    const all = this.plan.closeConnectionsOnHostSetChange
    for (const [key, host] of before) {
      if (!all && kept.get(key) === host) continue
      host.pools?.drain()
      // A host that stays begins with new connections.
      host.pools = null
    }
  }

  /** The cluster is removed or replaced: what is under way finishes, nothing new begins. */
  drain(): void {
    for (const host of this.hostsByKey.values()) host.pools?.drain()
  }
}
