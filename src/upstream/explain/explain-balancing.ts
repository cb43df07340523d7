// Why each host of a cluster is picked or not: a pure function over one snapshot of its hosts.
import type { BalancerPlan, LocalityRoutingPlan, ZoneAwarePlan } from '../balancer-plan.ts'
import { Degraded, Healthy, healthFlagsText, Unhealthy } from '../health.ts'
import type { Host, Locality } from '../host.ts'
import type { HostSet, PriorityHosts } from '../host-set/host-set.ts'
import { loadOf, type PriorityLoad } from '../host-set/priority-load.ts'
import { ZONES_UNSAID, type ZoneRouting, zoneRouting } from '../host-set/zone-routing.ts'
import { effectiveLocalityWeight } from '../load-balancer/locality-picker.ts'

export interface PriorityExplanation {
  readonly priority: number
  readonly hosts: number
  readonly healthy: number
  readonly degraded: number
  readonly excluded: number
  /** Percent of the traffic for its healthy and its degraded hosts. */
  readonly healthyLoad: number
  readonly degradedLoad: number
  /** All hosts take part, whatever their health. */
  readonly panic: boolean
}

export interface HostExplanation {
  /** The cluster that it belongs to, itself or as a part of an aggregate, and its key there. */
  readonly cluster: string
  readonly key: string
  readonly address: string
  readonly hostname: string
  readonly locality: Locality
  /** Of an aggregate cluster: counted through its clusters. */
  readonly priority: number
  readonly weight: number
  /** Such as '/failed_active_hc'; '' when healthy. */
  readonly healthFlags: string
  /** 0 to 1: its part of requests that have no wishes of their own; null: requests decide. */
  readonly share: number | null
  /** Plain words, the weightiest first. */
  readonly reasons: readonly string[]
}

export interface BalancingExplanation {
  /** The policy, and those that it wraps. */
  readonly policies: readonly string[]
  readonly panicThreshold: number
  readonly priorities: readonly PriorityExplanation[]
  /** Null for policies that do not look at zones. */
  readonly zoneRouting: ZoneRouting | null
  readonly hosts: readonly HostExplanation[]
}

export interface BalancingFacts {
  readonly plan: BalancerPlan
  readonly set: HostSet
  /** Hosts of the local cluster; null: none is configured, or it is this one. */
  readonly local: HostSet | null
  readonly panicThreshold: number
}

function policiesOf(plan: BalancerPlan): readonly string[] {
  return 'child' in plan ? [plan.kind, ...policiesOf(plan.child)] : [plan.kind]
}

/** Null: localities count by weight. */
function zonesOf(locality: LocalityRoutingPlan, { priorities }: HostSet): ZoneAwarePlan | null {
  if (locality.kind === 'zone_aware') return locality
  return priorities[0]?.localities.some(({ weight }) => weight > 0) === true ? null : ZONES_UNSAID
}

function routingOf(set: HostSet, local: HostSet | null, plan: ZoneAwarePlan): ZoneRouting {
  const [upstream] = set.priorities
  const here = local?.priorities[0]
  if (upstream === undefined || here === undefined) return { state: 'off', reason: 'no_local_cluster' }
  return zoneRouting(upstream, here, plan)
}

/** How a policy divides its part of the traffic among the hosts of a list. */
type Divide = (hosts: readonly Host[], part: number) => void

class Shares {
  readonly byHost = new Map<Host, number>()

  private add(host: Host, part: number): void {
    this.byHost.set(host, (this.byHost.get(host) ?? 0) + part)
  }

  readonly equally: Divide = (hosts, part) => {
    for (const host of hosts) this.add(host, part / hosts.length)
  }

  readonly byWeight: Divide = (hosts, part) => {
    const total = hosts.reduce((sum, { weight }) => sum + weight, 0)
    for (const host of hosts) this.add(host, (part * host.weight) / total)
  }
}

/** The parts of a priority's localities by their weights; null where none has any. */
function byLocalityWeight(priority: PriorityHosts, use: 'healthy' | 'degraded', factor: number): number[] | null {
  const weights = priority.localities.map(locality => effectiveLocalityWeight(locality, use, factor))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  return total === 0 ? null : weights.map(weight => weight / total)
}

function byZone(routing: ZoneRouting, localities: number): number[] | null {
  if (routing.state === 'off') return null
  if (routing.state === 'direct') return Array.from({ length: localities }, (_, index) => (index === 0 ? 1 : 0))
  const local = Math.min(1, routing.localShare / 10_000)
  const capacity = routing.residual.at(-1) ?? 0
  return routing.residual.map((sum, index) => {
    const own = sum - (routing.residual[index - 1] ?? 0)
    const crossing = capacity === 0 ? 1 / localities : own / capacity
    return (index === 0 ? local : 0) + (1 - local) * crossing
  })
}

function localityParts(
  priority: PriorityHosts,
  index: number,
  use: 'healthy' | 'degraded',
  locality: LocalityRoutingPlan,
  facts: { readonly factor: number; readonly routing: ZoneRouting | null },
): number[] | null {
  const weighted = locality.kind === 'weighted' ? byLocalityWeight(priority, use, facts.factor) : null
  if (weighted !== null) return weighted
  if (index > 0 || facts.routing === null) return null
  return byZone(facts.routing, priority.localities.length)
}

function sharesOf(facts: BalancingFacts, load: PriorityLoad, routing: ZoneRouting | null): Shares | null {
  const { plan, set } = facts
  if (!('locality' in plan)) return null
  const shares = new Shares()
  const divide = plan.kind === 'random' || plan.kind === 'peak_ewma' ? shares.equally : shares.byWeight
  const common = { factor: set.overprovisioningFactor, routing }
  set.priorities.forEach((priority, index) => {
    if (load.panic[index] === true) {
      divide(priority.hosts, (load.healthy[index] as number) / 100)
      return
    }
    for (const use of ['healthy', 'degraded'] as const) {
      const part = (load[use][index] as number) / 100
      if (part === 0) continue
      const parts = localityParts(priority, index, use, plan.locality, common)
      if (parts === null) divide(priority[use], part)
      else
        for (const [at, locality] of priority.localities.entries()) divide(locality[use], part * (parts[at] as number))
    }
  })
  return shares
}

function reasonsFor(
  host: Host,
  priority: number,
  share: number | null,
  load: PriorityLoad,
  routing: ZoneRouting | null,
): string[] {
  const { health } = host
  const panic = load.panic[priority] === true
  const reasons: string[] = []
  if (panic) reasons.push(`priority ${priority} is in panic, so health does not count`)
  else if (health === Unhealthy) reasons.push('it is not healthy')
  else if (health === Degraded && load.degraded[priority] === 0)
    reasons.push('it is degraded, and healthy hosts suffice')
  else if (health === Degraded) reasons.push('it is degraded, and healthy hosts do not suffice')
  const ownLoad = (load.healthy[priority] as number) + (load.degraded[priority] as number)
  if (ownLoad === 0) reasons.push(`priority ${priority} gets nothing, because priorities before it can take all`)
  if (share === 0 && reasons.length === 0 && health === Healthy) {
    reasons.push(
      routing !== null && routing.state !== 'off' && priority === 0
        ? 'zone aware routing sends nothing to its zone'
        : 'its locality has no weight',
    )
  }
  if (reasons.length === 0) reasons.push('it is healthy')
  return reasons
}

export function explainBalancing(facts: BalancingFacts): BalancingExplanation {
  const { plan, set, local, panicThreshold } = facts
  const load = loadOf(set, panicThreshold)
  const zones = 'locality' in plan ? zonesOf(plan.locality, set) : null
  const routing = zones === null ? null : routingOf(set, local, zones)
  const shares = sharesOf(facts, load, routing)
  return {
    policies: policiesOf(plan),
    panicThreshold,
    zoneRouting: routing,
    priorities: set.priorities.map((priority, index) => ({
      priority: index,
      hosts: priority.hosts.length,
      healthy: priority.healthy.length,
      degraded: priority.degraded.length,
      excluded: priority.excluded,
      healthyLoad: load.healthy[index] as number,
      degradedLoad: load.degraded[index] as number,
      panic: load.panic[index] as boolean,
    })),
    hosts: set.priorities.flatMap(({ hosts }, priority) =>
      hosts.map(host => {
        const share = shares === null ? null : (shares.byHost.get(host) ?? 0)
        return {
          cluster: host.clusterName,
          key: host.key,
          address: host.addressText,
          hostname: host.hostname,
          locality: host.locality,
          priority,
          weight: host.weight,
          healthFlags: healthFlagsText(host.healthFlags),
          share,
          reasons: reasonsFor(host, priority, share, load, routing),
        }
      }),
    ),
  }
}
