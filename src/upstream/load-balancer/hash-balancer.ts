// HOT FILE (docs/hot-path.md): ring hash and maglev: the hash of a request chooses priority and host.
import { atOnce, type Steps } from '../../base/index.ts'
import type { HashPlan } from '../balancer-plan.ts'
import type { Host } from '../host.ts'
import type { HostSet, PriorityHosts } from '../host-set/host-set.ts'
import { loadOf, type PriorityLoad } from '../host-set/priority-load.ts'
import { CLUSTER_SLOTS as C } from '../stats.ts'
import { type BalancerParts, panicThreshold } from './balancer-parts.ts'
import { BoundedLoad } from './bounded-load.ts'
import { hostShares, localityShares, type WeightedHost } from './hash-weights.ts'
import type { HashPicker, LoadBalancer, LoadBalancerContext } from './load-balancer.ts'
import { buildMaglev } from './maglev.ts'
import { buildRing } from './ring-hash.ts'

const hashWords = new BigUint64Array(1)
const hashHalves = new Uint32Array(hashWords.buffer)

export class HashBalancer implements LoadBalancer {
  readonly load: PriorityLoad
  private readonly random: () => number
  private readonly cells: Float64Array
  private readonly set: HostSet
  private readonly plan: HashPlan
  private readonly parts: BalancerParts
  /** By priority; null until prepared. */
  private pickers: readonly HashPicker[] | null = null
  /** The priority that every request goes to; -1: several share them. */
  private readonly only: number

  constructor(set: HostSet, plan: HashPlan, parts: BalancerParts) {
    this.random = parts.thread.random
    this.cells = parts.stats.cells
    this.load = loadOf(set, panicThreshold(parts))
    this.only = Math.max(this.load.healthy.indexOf(100), this.load.degraded.indexOf(100))
    this.set = set
    this.plan = plan
    this.parts = parts
  }

  *prepare(): Steps {
    if (this.pickers === null) this.pickers = yield* this.build()
  }

  private *build(): Steps<readonly HashPicker[]> {
    const pickers: HashPicker[] = []
    for (const [index, priority] of this.set.priorities.entries()) {
      const use = this.load.panic[index] === true ? 'hosts' : 'healthy'
      pickers.push(yield* buildPicker(priority, use, this.plan, this.parts))
    }
    return pickers
  }

  chooseHost(context: LoadBalancerContext | null): Host | null {
    const pickers = (this.pickers ??= atOnce(this.build()))
    const hash = context === null ? null : context.hash
    if (hash === null) {
      hashHalves[0] = this.random() * 0x1_0000_0000
      hashHalves[1] = this.random() * 0x1_0000_0000
    } else hashWords[0] = hash
    const low = hashHalves[0] as number
    const high = hashHalves[1] as number
    const priority = this.only >= 0 ? this.only : this.priorityOf(high, low)
    if (this.load.panic[priority] === true) this.cells[C.lb_healthy_panic]! += 1
    const picker = pickers[priority] as HashPicker
    let host = picker.pick(high, low, 0)
    if (context === null) return host
    for (let attempt = 1; attempt <= context.hostSelectionAttempts; attempt++) {
      if (host === null || !context.shouldSelectAnother(host)) break
      host = picker.pick(high, low, attempt)
    }
    return host
  }

  /** Equal requests must meet at one host, so no chance is in it. As in Envoy, degraded hosts are in no table. */
  private priorityOf(high: number, low: number): number {
    const { healthy, degraded } = this.load
    // 2^32 is 96 modulo 100.
    let left = (((high % 100) * 96 + low) % 100) + 1
    for (let priority = 0; priority < healthy.length; priority++) {
      left -= healthy[priority] as number
      if (left <= 0) return priority
    }
    for (let priority = 0; priority < degraded.length; priority++) {
      left -= degraded[priority] as number
      if (left <= 0) return priority
    }
    return 0
  }
}

function* buildPicker(
  priority: PriorityHosts,
  use: 'healthy' | 'hosts',
  plan: HashPlan,
  parts: BalancerParts,
): Steps<HashPicker> {
  const byLocality = plan.localityWeighted && priority.knowsLocalityWeights
  const weighted = byLocality ? localityShares(priority, use) : hostShares(priority[use])
  yield
  const picker = yield* buildTable(weighted, plan, parts)
  if (plan.hashBalanceFactor === 0 || weighted.length === 0) return picker
  const { cells } = parts.stats
  return new BoundedLoad(picker, plan.hashBalanceFactor, weighted, () => cells[C.upstream_rq_active] as number)
}

function* buildTable(weighted: readonly WeightedHost[], plan: HashPlan, parts: BalancerParts): Steps<HashPicker> {
  // Gauges of all workers are added up, so one speaks for all.
  const report = parts.thread.workerIndex <= 0
  const set = (name: string, value: number): void => {
    const gauge = parts.thread.stats.gauge(`${parts.stats.prefix}${name}`)
    gauge.cells[gauge.slot] = value
  }
  if (plan.kind === 'ring_hash') {
    const ring = yield* buildRing(weighted, plan)
    if (report) {
      set('ring_hash_lb.size', ring.size.size)
      set('ring_hash_lb.min_hashes_per_host', ring.size.minHashesPerHost)
      set('ring_hash_lb.max_hashes_per_host', ring.size.maxHashesPerHost)
    }
    return ring
  }
  const table = yield* buildMaglev(weighted, plan.tableSize, plan.useHostname)
  if (report) {
    set('maglev_lb.min_entries_per_host', table.minEntriesPerHost)
    set('maglev_lb.max_entries_per_host', table.maxEntriesPerHost)
  }
  return table
}
