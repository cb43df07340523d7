// HOT FILE (docs/hot-path.md): a cluster as one worker uses it.

import type { ThreadContext } from '../net/index.ts'
import type { StatBlock, StatStore } from '../observability/index.ts'
import type { AssignmentPlan, ClusterPlan } from './cluster-plan.ts'
import { Unhealthy } from './health.ts'
import { Host, HostKeys } from './host.ts'
import type { HostCellMemory } from './host-cells.ts'
import type { HostRows } from './host-rows.ts'
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
  private readonly thread: ThreadContext
  private readonly limitsByPriority: readonly [ResourceLimits, ResourceLimits]
  private readonly memory: HostCellMemory
  private readonly rows: HostRows
  private hostsByKey = new Map<string, Host>()
  private assignment: AssignmentPlan = EMPTY
  private groups: readonly HostGroup[] = []
  private currentHostSet: HostSet
  private currentBalancer: LoadBalancer
  /** Hosts or their health have changed since the balancer was made. */
  private stale = false

  /** `rowNumbers`: one per endpoint of the plan's assignment; null where main sends the hosts. */
  constructor(
    plan: ClusterPlan,
    location: LimitsLocation,
    thread: ThreadContext,
    memory: HostCellMemory,
    rows: HostRows,
    rowNumbers: readonly number[] | null,
  ) {
    const stats: StatStore = thread.stats
    const prefix = clusterStatPrefix(plan.observabilityName)
    const ledger = ledgerPosition(thread.workerIndex)
    this.name = plan.name
    this.observabilityName = plan.observabilityName
    this.plan = plan
    this.thread = thread
    this.memory = memory
    this.rows = rows
    this.stats = stats.block(prefix, CLUSTER_STATS)
    this.codeStats = new ResponseCodeStats(stats, prefix, {
      cells: this.stats.cells,
      slot: CLUSTER_SLOTS.upstream_rq_completed,
    })
    this.limitsByPriority = [
      new ResourceLimits(plan.limits[0], 0, location, ledger, thread.runtime),
      new ResourceLimits(plan.limits[1], 1, location, ledger, thread.runtime),
    ]
    this.currentHostSet = hostSet([], EMPTY)
    this.currentBalancer = makeLoadBalancer(plan, this.currentHostSet, thread, this.stats)
    if (rowNumbers !== null) this.setHosts(plan.assignment, rowNumbers)
  }

  /** Limits for a routing priority: 0 DEFAULT, 1 HIGH. */
  limits(priority: 0 | 1): ResourceLimits {
    return this.limitsByPriority[priority]
  }

  /** Replaced whenever the hosts or their health change: read it per request. */
  get loadBalancer(): LoadBalancer {
    if (this.stale) this.rebuild()
    return this.currentBalancer
  }

  get hostSet(): HostSet {
    if (this.stale) this.rebuild()
    return this.currentHostSet
  }

  private rebuild(): void {
    this.stale = false
    this.currentHostSet = hostSet(this.groups, this.assignment)
    this.currentBalancer = makeLoadBalancer(this.plan, this.currentHostSet, this.thread, this.stats)
  }

  hosts(): readonly Host[] {
    return this.hostSet.priorities.flatMap(priority => priority.hosts)
  }

  /** Swaps in new hosts. Hosts that stay keep their connections and stats; those that go are drained. */
  setHosts(assignment: AssignmentPlan, rowNumbers: readonly number[]): void {
    const before = this.hostsByKey
    const kept = new Map<string, Host>()
    const keys = new HostKeys()
    const fresh: Host[] = []
    let endpointIndex = 0
    this.groups = assignment.localities.map(({ locality, weight, priority, endpoints }) => {
      const hosts: Host[] = []
      for (const endpoint of endpoints) {
        const key = keys.next(endpoint)
        const rowNumber = rowNumbers[endpointIndex++] as number
        let host = before.get(key)
        if (host === undefined) {
          host = new Host(key, endpoint, locality, priority, this.memory.allot(), this.rows.row(rowNumber))
          fresh.push(host)
        } else host.update(endpoint, locality, priority)
        kept.set(key, host)
        hosts.push(host)
      }
      return { locality, weight, priority, hosts }
    })
    this.hostsByKey = kept
    this.assignment = assignment
    this.stale = true
    if (fresh.length > 0) this.memory.report(this.name, fresh)
    const all = this.plan.closeConnectionsOnHostSetChange
    for (const [key, host] of before) {
      if (!all && kept.get(key) === host) continue
      host.pools?.drain()
      // A host that stays begins with new connections.
      host.pools = null
    }
  }

  /** Health flags in the rows of hosts have changed: the next request finds a balancer that knows. */
  onHostHealthChanged(): void {
    this.stale = true
    for (const host of this.hostsByKey.values()) {
      const { health } = host
      if (health === host.knownHealth) continue
      host.knownHealth = health
      if (health !== Unhealthy) continue
      // Requests under way finish; idle connections to a failed host are not worth keeping.
      host.pools?.drain()
      host.pools = null
    }
  }

  /** The cluster is removed or replaced: what is under way finishes, nothing new begins. */
  drain(): void {
    for (const host of this.hostsByKey.values()) host.pools?.drain()
  }
}
