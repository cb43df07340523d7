// HOT FILE (docs/hot-path.md): priority, then zone or locality, then host. The usual cluster has one of the first two.
import type { Steps } from '../../base/index.ts'
import type { LocalityRoutingPlan } from '../balancer-plan.ts'
import type { Host } from '../host.ts'
import type { HostSet } from '../host-set/host-set.ts'
import { loadOf, type PriorityLoad } from '../host-set/priority-load.ts'
import { ZONES_UNSAID } from '../host-set/zone-routing.ts'
import { CLUSTER_SLOTS } from '../stats.ts'
import { type BalancerParts, panicThreshold } from './balancer-parts.ts'
import type { HostPicker, LoadBalancer, LoadBalancerContext } from './load-balancer.ts'
import { type MakePicker, PriorityPickers } from './priority-pickers.ts'
import { AnyLocality, makeZoneRouter, NoLocality, type ZoneRouter } from './zone-router.ts'

export class ListBalancer implements LoadBalancer {
  readonly load: PriorityLoad
  private readonly set: HostSet
  private readonly random: () => number
  private readonly cells: Float64Array
  private readonly pickers: readonly PriorityPickers[]
  private readonly zones: ZoneRouter | null
  private readonly failOnPanic: boolean
  /** Set when every request goes to the healthy hosts of one priority, whatever their zone. */
  private readonly only: HostPicker | null

  constructor(set: HostSet, makePicker: MakePicker, locality: LocalityRoutingPlan, parts: BalancerParts) {
    const { random } = parts.thread
    const { overprovisioningFactor } = set
    const weighted = locality.kind === 'weighted' ? { overprovisioningFactor, random } : null
    this.set = set
    this.random = random
    this.cells = parts.stats.cells
    this.load = loadOf(set, panicThreshold(parts))
    this.pickers = set.priorities.map(priority => new PriorityPickers(priority, makePicker, weighted))
    const zonePlan = locality.kind === 'zone_aware' ? locality : ZONES_UNSAID
    this.zones = makeZoneRouter(set, zonePlan, parts)
    this.failOnPanic = zonePlan.failTrafficOnPanic
    this.only = this.onlyPicker()
  }

  private onlyPicker(): HostPicker | null {
    const all = this.load.healthy.indexOf(100)
    const pickers = this.pickers[all]
    if (pickers === undefined || this.load.panic[all] === true) return null
    return all === 0 && this.zones !== null ? pickers.byLocalityWeight(false) : pickers.usable(false)
  }

  *prepare(): Steps {
    for (const [priority, pickers] of this.pickers.entries()) {
      if (this.load.panic[priority] === true) pickers.all()
      else if ((this.load.healthy[priority] as number) > 0) pickers.usable(false)
      yield
      if ((this.load.degraded[priority] as number) > 0) pickers.usable(true)
    }
    if (this.zones === null) return
    for (const locality of this.set.priorities[0]?.localities.keys() ?? []) {
      this.pickers[0]?.inLocality(locality, false)
      yield
    }
  }

  chooseHost(context: LoadBalancerContext | null): Host | null {
    if (context === null) return this.only === null ? this.chooseOnce(this.load) : this.only.pick()
    const load = context.priorityLoad(this.set, this.load)
    const only = load === this.load ? this.only : null
    let host: Host | null = null
    // The last pick is used when all are rejected.
    for (let attempt = 0; attempt <= context.hostSelectionAttempts; attempt++) {
      host = only === null ? this.chooseOnce(load) : only.pick()
      if (host === null || !context.shouldSelectAnother(host)) break
    }
    return host
  }

  private chooseOnce(load: PriorityLoad): Host | null {
    const { healthy, degraded } = load
    let left = Math.floor(this.random() * 100) + 1
    for (let priority = 0; priority < healthy.length; priority++) {
      left -= healthy[priority] as number
      if (left <= 0) return this.pickFrom(priority, false)
    }
    for (let priority = 0; priority < degraded.length; priority++) {
      left -= degraded[priority] as number
      if (left <= 0) return this.pickFrom(priority, true)
    }
    return null
  }

  private pickFrom(priority: number, degraded: boolean): Host | null {
    const pickers = this.pickers[priority] as PriorityPickers
    if (this.load.panic[priority] === true) {
      this.cells[CLUSTER_SLOTS.lb_healthy_panic]! += 1
      return this.failOnPanic ? null : pickers.all().pick()
    }
    if (priority > 0 || this.zones === null || pickers.byLocalityWeight(degraded) !== null) {
      return pickers.usable(degraded).pick()
    }
    const locality = this.zones.chooseLocality()
    if (locality === NoLocality) return null
    return (locality === AnyLocality ? pickers.usable(degraded) : pickers.inLocality(locality, degraded)).pick()
  }
}
