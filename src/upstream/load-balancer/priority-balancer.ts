// HOT FILE (docs/hot-path.md): priority, then locality, then host. The usual cluster has one of the first two.
import type { StatBlock } from '../../observability/index.ts'
import type { Host } from '../host.ts'
import type { HostSet, PriorityHosts } from '../host-set/host-set.ts'
import { type PriorityHealth, type PriorityLoad, priorityLoad } from '../host-set/priority-load.ts'
import { CLUSTER_SLOTS } from '../stats.ts'
import type { HostPicker, LoadBalancer, LoadBalancerContext } from './load-balancer.ts'

/** Makes the picker for the healthy, the degraded or, in panic, all hosts of one priority. */
export type PickerFactory = (priority: PriorityHosts, use: 'healthy' | 'degraded' | 'hosts') => HostPicker

export interface PriorityBalancerOptions {
  readonly makePicker: PickerFactory
  readonly healthyPanicThreshold: number
  /** The request's hash also chooses the priority, so that equal requests meet at one host. */
  readonly hashChoosesPriority: boolean
  readonly random: () => number
  readonly stats: StatBlock
}

function weightOf(hosts: readonly Host[]): number {
  return hosts.reduce((total, host) => total + host.weight, 0)
}

function healthOfPriority(priority: PriorityHosts, byWeight: boolean): PriorityHealth {
  const { hosts, healthy, degraded, excluded } = priority
  return {
    total: hosts.length,
    excluded,
    healthy: healthy.length,
    degraded: degraded.length,
    healthyWeight: byWeight ? weightOf(healthy) : healthy.length,
    degradedWeight: byWeight ? weightOf(degraded) : degraded.length,
    totalWeight: byWeight ? weightOf(hosts) : hosts.length - excluded,
  }
}

export class PriorityBalancer implements LoadBalancer {
  readonly load: PriorityLoad
  private readonly random: () => number
  private readonly hashChoosesPriority: boolean
  private readonly cells: Float64Array
  /** By priority; a picker of all hosts where the priority is in panic. */
  private readonly healthy: readonly HostPicker[]
  private readonly degraded: readonly HostPicker[]
  /** Set when every request goes to the healthy hosts of one priority. */
  private readonly only: HostPicker | null

  constructor(set: HostSet, options: PriorityBalancerOptions) {
    const { makePicker } = options
    this.random = options.random
    this.hashChoosesPriority = options.hashChoosesPriority
    this.cells = options.stats.cells
    this.load = priorityLoad(
      set.priorities.map(priority => healthOfPriority(priority, set.weightedPriorityHealth)),
      set.overprovisioningFactor,
      options.healthyPanicThreshold,
    )
    this.healthy = set.priorities.map((priority, index) =>
      makePicker(priority, this.load.panic[index] === true ? 'hosts' : 'healthy'),
    )
    this.degraded = set.priorities.map(priority => makePicker(priority, 'degraded'))
    const all = this.load.healthy.indexOf(100)
    this.only = all >= 0 && this.load.panic[all] === false ? (this.healthy[all] as HostPicker) : null
  }

  chooseHost(context: LoadBalancerContext | null): Host | null {
    const host = this.only === null ? this.chooseOnce(context, 0) : this.only.pick(context, 0)
    if (context === null || host === null || !context.shouldSelectAnother(host)) return host
    return this.chooseAgain(context, host)
  }

  /** The last pick is used when all are rejected. */
  private chooseAgain(context: LoadBalancerContext, rejected: Host): Host {
    let host = rejected
    for (let attempt = 1; attempt <= context.hostSelectionAttempts; attempt++) {
      host = this.chooseOnce(context, attempt) ?? host
      if (!context.shouldSelectAnother(host)) break
    }
    return host
  }

  private chooseOnce(context: LoadBalancerContext | null, attempt: number): Host | null {
    const { healthy, degraded, panic } = this.load
    let left = this.percentile(context)
    for (let priority = 0; priority < healthy.length; priority++) {
      left -= healthy[priority] as number
      if (left > 0) continue
      if (panic[priority] === true) this.cells[CLUSTER_SLOTS.lb_healthy_panic]! += 1
      return (this.healthy[priority] as HostPicker).pick(context, attempt)
    }
    for (let priority = 0; priority < degraded.length; priority++) {
      left -= degraded[priority] as number
      if (left <= 0) return (this.degraded[priority] as HostPicker).pick(context, attempt)
    }
    return null
  }

  /** 1 to 100. */
  private percentile(context: LoadBalancerContext | null): number {
    const hash = this.hashChoosesPriority && context !== null ? context.hash : null
    return hash === null ? Math.floor(this.random() * 100) + 1 : Number(hash % 100n) + 1
  }
}
