// HOT FILE (docs/hot-path.md): an aggregate cluster: the priorities of its clusters, one after the other.
import type { Steps } from '../../base/index.ts'
import type { AggregatePlan } from '../balancer-plan.ts'
import type { Host } from '../host.ts'
import type { HostSet, PriorityHosts } from '../host-set/host-set.ts'
import { loadOf, type PriorityLoad } from '../host-set/priority-load.ts'
import { type BalancerParts, type ClusterView, panicThreshold } from './balancer-parts.ts'
import { type LoadBalancer, LoadBalancerContext } from './load-balancer.ts'

interface Level {
  readonly cluster: ClusterView
  /** The load that sends everything to this priority of its cluster. */
  readonly healthyOnly: PriorityLoad
  readonly degradedOnly: PriorityLoad
}

function onlyPriority(cluster: ClusterView, priority: number, degraded: boolean): PriorityLoad {
  const none = cluster.hostSet.priorities.map(() => 0)
  const all = none.with(priority, 100)
  return {
    healthy: degraded ? none : all,
    degraded: degraded ? all : none,
    panic: none.map(() => false),
    healthyAvailability: degraded ? none : all,
    degradedAvailability: degraded ? all : none,
  }
}

/** The request's own context, with the priority already chosen. */
class ChosenPriority extends LoadBalancerContext {
  request: LoadBalancerContext | null = null
  chosen!: PriorityLoad

  override get hash(): bigint | null {
    return this.request === null ? null : this.request.hash
  }
  override get metadataMatch(): object | null {
    return this.request === null ? null : this.request.metadataMatch
  }
  override get hostSelectionAttempts(): number {
    return this.request === null ? 0 : this.request.hostSelectionAttempts
  }
  override shouldSelectAnother(host: Host): boolean {
    return this.request?.shouldSelectAnother(host) === true
  }
  override priorityLoad(): PriorityLoad {
    return this.chosen
  }
  override header(name: string): string | null {
    return this.request === null ? null : this.request.header(name)
  }
  override metadataValue(namespace: string, path: readonly string[]): unknown {
    return this.request?.metadataValue(namespace, path)
  }
}

export class AggregateBalancer implements LoadBalancer {
  readonly set: HostSet
  readonly load: PriorityLoad
  private readonly levels: readonly Level[]
  private readonly random: () => number
  private readonly context = new ChosenPriority()

  constructor(plan: AggregatePlan, parts: BalancerParts) {
    const levels: Level[] = []
    const priorities: PriorityHosts[] = []
    for (const name of plan.clusters) {
      const cluster = parts.findCluster(name)
      cluster?.hostSet.priorities.forEach((hosts, priority) => {
        if (hosts.hosts.length === 0) return
        priorities.push(hosts)
        levels.push({
          cluster,
          healthyOnly: onlyPriority(cluster, priority, false),
          degradedOnly: onlyPriority(cluster, priority, true),
        })
      })
    }
    const first = plan.clusters.map(name => parts.findCluster(name)).find(cluster => cluster !== undefined)?.hostSet
    this.levels = levels
    this.random = parts.thread.random
    this.set = {
      priorities,
      overprovisioningFactor: first?.overprovisioningFactor ?? 140,
      weightedPriorityHealth: first?.weightedPriorityHealth ?? false,
    }
    this.load = loadOf(this.set, panicThreshold(parts))
  }

  // Its clusters prepare themselves.
  *prepare(): Steps {}

  chooseHost(context: LoadBalancerContext | null): Host | null {
    const load = context === null ? this.load : context.priorityLoad(this.set, this.load)
    const { healthy, degraded } = load
    let left = Math.floor(this.random() * 100) + 1
    for (let level = 0; level < healthy.length; level++) {
      left -= healthy[level] as number
      if (left <= 0) return this.chooseFrom(level, false, context)
    }
    for (let level = 0; level < degraded.length; level++) {
      left -= degraded[level] as number
      if (left <= 0) return this.chooseFrom(level, true, context)
    }
    return null
  }

  private chooseFrom(index: number, degraded: boolean, request: LoadBalancerContext | null): Host | null {
    const level = this.levels[index]
    if (level === undefined) return null
    const { context } = this
    context.request = request
    context.chosen = degraded ? level.degradedOnly : level.healthyOnly
    const host = level.cluster.loadBalancer.chooseHost(context)
    context.request = null
    return host
  }
}
