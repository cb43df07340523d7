// HOT FILE (docs/hot-path.md): least request. Active requests are those of this worker.
import type { Host } from '../host.ts'
import { HOST_RQ_ACTIVE } from '../stats.ts'
import { EdfSchedule } from './edf-schedule.ts'
import { type HostPicker, NO_HOST } from './load-balancer.ts'
import { equalWeights } from './round-robin.ts'
import type { SlowStart } from './slow-start.ts'

export interface LeastRequestOptions {
  /** Hosts drawn, at least 2. */
  readonly choiceCount: number
  readonly fullScan: boolean
  /** Exponent of the active requests against unequal weights; 0 is round robin. */
  readonly activeRequestBias: number
}

class FewestOfSome implements HostPicker {
  private readonly hosts: readonly Host[]
  private readonly random: () => number
  private readonly choices: number

  constructor(hosts: readonly Host[], random: () => number, choices: number) {
    this.hosts = hosts
    this.random = random
    this.choices = choices
  }

  pick(): Host {
    const { hosts, random } = this
    let best = hosts[Math.floor(random() * hosts.length)] as Host
    let fewest = best.cells[HOST_RQ_ACTIVE] as number
    for (let choice = 1; choice < this.choices; choice++) {
      const host = hosts[Math.floor(random() * hosts.length)] as Host
      const active = host.cells[HOST_RQ_ACTIVE] as number
      if (active < fewest) {
        best = host
        fewest = active
      }
    }
    return best
  }
}

class FewestOfAll implements HostPicker {
  private readonly hosts: readonly Host[]
  private readonly random: () => number

  constructor(hosts: readonly Host[], random: () => number) {
    this.hosts = hosts
    this.random = random
  }

  pick(): Host {
    const { hosts } = this
    let best = hosts[0] as Host
    let fewest = best.cells[HOST_RQ_ACTIVE] as number
    let ties = 1
    for (let index = 1; index < hosts.length; index++) {
      const host = hosts[index] as Host
      const active = host.cells[HOST_RQ_ACTIVE] as number
      if (active > fewest) continue
      // Each of the hosts that tie has the same chance.
      ties = active < fewest ? 1 : ties + 1
      if (ties === 1 || this.random() * ties < 1) best = host
      fewest = active
    }
    return best
  }
}

class WeightedFewest implements HostPicker {
  private readonly hosts: readonly Host[]
  private readonly bias: number
  private readonly slowStart: SlowStart | null
  private readonly schedule: EdfSchedule

  constructor(hosts: readonly Host[], random: () => number, bias: number, slowStart: SlowStart | null) {
    this.hosts = hosts
    this.bias = bias
    this.slowStart = slowStart
    this.schedule = new EdfSchedule(
      hosts.map(host => this.effectiveWeight(host)),
      random(),
    )
  }

  pick(): Host {
    const host = this.hosts[this.schedule.peek()] as Host
    this.schedule.advanceBy(this.effectiveWeight(host))
    return host
  }

  private effectiveWeight(host: Host): number {
    const active = (host.cells[HOST_RQ_ACTIVE] as number) + 1
    const weight = this.slowStart === null ? host.weight : host.weight * this.slowStart.factor(host)
    if (this.bias === 1) return weight / active
    return this.bias === 0 ? weight : weight / active ** this.bias
  }
}

export function leastRequest(
  hosts: readonly Host[],
  random: () => number,
  options: LeastRequestOptions,
  slowStart: SlowStart | null = null,
): HostPicker {
  if (hosts.length === 0) return NO_HOST
  const growing = slowStart?.appliesTo(hosts) === true ? slowStart : null
  if (growing !== null || !equalWeights(hosts)) {
    return new WeightedFewest(hosts, random, options.activeRequestBias, growing)
  }
  return options.fullScan ? new FewestOfAll(hosts, random) : new FewestOfSome(hosts, random, options.choiceCount)
}
