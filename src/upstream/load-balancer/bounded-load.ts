// HOT FILE (docs/hot-path.md): consistent hashing with bounded loads: a host takes at most a multiple of the average.
import type { Host } from '../host.ts'
import { HOST_RQ_ACTIVE } from '../stats.ts'
import type { WeightedHost } from './hash-weights.ts'
import type { HashPicker } from './load-balancer.ts'
import { MersenneTwister } from './mersenne-twister.ts'

export class BoundedLoad implements HashPicker {
  private readonly inner: HashPicker
  private readonly balanceFactor: number
  private readonly weighted: readonly WeightedHost[]
  private readonly shares: ReadonlyMap<Host, number>
  /** Active requests of the whole cluster, in this worker. */
  private readonly totalActive: () => number
  private readonly order: Uint32Array
  private readonly random = new MersenneTwister()

  constructor(inner: HashPicker, balanceFactor: number, weighted: readonly WeightedHost[], totalActive: () => number) {
    this.inner = inner
    this.balanceFactor = balanceFactor
    this.weighted = weighted
    this.shares = new Map(weighted.map(({ host, share }) => [host, share]))
    this.totalActive = totalActive
    this.order = new Uint32Array(weighted.length)
  }

  pick(high: number, low: number, attempt: number): Host | null {
    const host = this.inner.pick(high, low, attempt)
    if (host === null) return null
    const slots = Math.floor(((this.totalActive() + 1) * this.balanceFactor + 99) / 100)
    const load = overload(host, this.shares.get(host) as number, slots)
    return load <= 1 ? host : this.elsewhere(host, load, slots, low)
  }

  /** Other hosts in an order that depends on the hash alone; the least overloaded one when all are full. */
  private elsewhere(host: Host, load: number, slots: number, seed: number): Host {
    const { order, random, weighted } = this
    for (let index = 0; index < order.length; index++) order[index] = index
    random.seed(seed)
    let best = host
    let least = load
    for (let index = 0; index < order.length; index++) {
      const other = index + this.below(order.length - index)
      const taken = order[other] as number
      order[other] = order[index] as number
      order[index] = taken
      const candidate = weighted[taken] as WeightedHost
      if (candidate.host === host) continue
      const its = overload(candidate.host, candidate.share, slots)
      if (its <= 1) return candidate.host
      if (its < least) {
        best = candidate.host
        least = its
      }
    }
    return best
  }

  /** Uniform in [0, limit), from the same bits as Envoy. */
  private below(limit: number): number {
    const width = Math.floor(0x1_0000_0000 / limit)
    for (;;) {
      const value = Math.floor(this.random.next() / width)
      if (value < limit) return value
    }
  }
}

function overload(host: Host, share: number, totalSlots: number): number {
  return (host.cells[HOST_RQ_ACTIVE] as number) / Math.max(Math.ceil(totalSlots * share), 1)
}
