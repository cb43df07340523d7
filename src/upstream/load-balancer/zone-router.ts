// HOT FILE (docs/hot-path.md): picks the locality of a request under zone aware routing.
import type { FractionOf, RuntimeSnapshot } from '../../config/index.ts'
import type { ZoneAwarePlan } from '../balancer-plan.ts'
import type { HostSet, PriorityHosts } from '../host-set/host-set.ts'
import { inPanic } from '../host-set/priority-load.ts'
import { type ZoneRouting, zoneRouting } from '../host-set/zone-routing.ts'
import { CLUSTER_SLOTS as C } from '../stats.ts'
import { type BalancerParts, panicThreshold } from './balancer-parts.ts'

/** Pick among all zones. */
export const AnyLocality = -1
/** The local cluster is in panic and traffic is to fail then. */
export const NoLocality = -2

const ENABLED_KEY = 'upstream.zone_routing.enabled'

export class ZoneRouter {
  private readonly routing: Exclude<ZoneRouting, { state: 'off' }>
  private readonly runtime: { readonly snapshot: RuntimeSnapshot }
  private readonly enabled: FractionOf
  private readonly localPanic: boolean
  private readonly failOnPanic: boolean
  private readonly random: () => number
  private readonly cells: Float64Array

  constructor(
    routing: Exclude<ZoneRouting, { state: 'off' }>,
    plan: ZoneAwarePlan,
    localPanic: boolean,
    parts: BalancerParts,
  ) {
    this.routing = routing
    this.runtime = parts.thread.runtime
    this.enabled = { numerator: plan.routingEnabled, denominator: 100 }
    this.localPanic = localPanic
    this.failOnPanic = plan.failTrafficOnPanic
    this.random = parts.thread.random
    this.cells = parts.stats.cells
  }

  /** The index of a locality, AnyLocality or NoLocality. */
  chooseLocality(): number {
    const { routing, cells, random } = this
    if (!this.runtime.snapshot.featureEnabled(ENABLED_KEY, this.enabled, random())) return AnyLocality
    if (this.localPanic) {
      cells[C.lb_local_cluster_not_ok]! += 1
      return this.failOnPanic ? NoLocality : AnyLocality
    }
    if (routing.state === 'direct') {
      cells[C.lb_zone_routing_all_directly]! += 1
      return 0
    }
    if (random() * 10_000 < routing.localShare) {
      cells[C.lb_zone_routing_sampled]! += 1
      return 0
    }
    cells[C.lb_zone_routing_cross_zone]! += 1
    const { residual } = routing
    const capacity = residual[residual.length - 1] as number
    if (capacity === 0) {
      cells[C.lb_zone_no_capacity_left]! += 1
      return Math.floor(random() * residual.length)
    }
    const threshold = random() * capacity
    let index = 0
    while (threshold >= (residual[index] as number)) index++
    return index
  }
}

function runtimePlan(plan: ZoneAwarePlan, runtime: RuntimeSnapshot): ZoneAwarePlan {
  const minSize = runtime.getNumber('upstream.zone_routing.force_local_zone.min_size', plan.forceLocalMinSize ?? 1)
  const forced = runtime.getBoolean(
    'upstream.zone_routing.force_locality_direct_routing',
    plan.forceLocalMinSize !== null,
  )
  return {
    ...plan,
    minClusterSize: runtime.getNumber('upstream.zone_routing.min_cluster_size', plan.minClusterSize),
    forceLocalMinSize: forced ? minSize : null,
  }
}

/** How zones count for the first priority of a cluster, from the view of the local cluster. */
export function zoneRoutingOf(upstream: PriorityHosts, plan: ZoneAwarePlan, parts: BalancerParts): ZoneRouting {
  const local = parts.localHosts?.priorities[0]
  if (local === undefined) return { state: 'off', reason: 'no_local_cluster' }
  return zoneRouting(upstream, local, runtimePlan(plan, parts.thread.runtime.snapshot))
}

/** Null where zones play no part. Counts that it has been worked out, and what stands against it. */
export function makeZoneRouter(set: HostSet, plan: ZoneAwarePlan, parts: BalancerParts): ZoneRouter | null {
  const upstream = set.priorities[0]
  const local = parts.localHosts?.priorities[0]
  if (upstream === undefined || local === undefined) return null
  const { cells } = parts.stats
  cells[C.lb_recalculate_zone_structures]! += 1
  const routing = zoneRoutingOf(upstream, plan, parts)
  if (routing.state !== 'off') {
    const { hosts, healthy, degraded, excluded } = local
    const health = { total: hosts.length, excluded, healthy: healthy.length, degraded: degraded.length }
    return new ZoneRouter(routing, plan, inPanic(health, panicThreshold(parts)), parts)
  }
  if (routing.reason === 'local_cluster_not_here') cells[C.lb_local_cluster_not_ok]! += 1
  else if (routing.reason === 'cluster_too_small') cells[C.lb_zone_cluster_too_small]! += 1
  return null
}
