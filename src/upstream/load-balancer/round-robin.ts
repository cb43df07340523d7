// HOT FILE (docs/hot-path.md): round robin, plain for equal weights and by earliest deadline for unequal ones.
import type { Host } from '../host.ts'
import { EdfSchedule } from './edf-schedule.ts'
import { type HostPicker, NO_HOST } from './load-balancer.ts'
import type { SlowStart } from './slow-start.ts'

class Rotation implements HostPicker {
  private readonly hosts: readonly Host[]
  private next: number

  constructor(hosts: readonly Host[], random: () => number) {
    this.hosts = hosts
    // Workers that all begin at the first host would send it bursts.
    this.next = Math.floor(random() * hosts.length)
  }

  pick(): Host {
    const host = this.hosts[this.next] as Host
    if (++this.next === this.hosts.length) this.next = 0
    return host
  }
}

class WeightedRotation implements HostPicker {
  private readonly hosts: readonly Host[]
  private readonly schedule: EdfSchedule

  constructor(hosts: readonly Host[], weights: readonly number[], random: () => number) {
    this.hosts = hosts
    this.schedule = new EdfSchedule(weights, random())
  }

  pick(): Host {
    const entry = this.schedule.peek()
    this.schedule.advance()
    return this.hosts[entry] as Host
  }
}

/** Weights that grow while hosts are in slow start. */
class GrowingRotation implements HostPicker {
  private readonly hosts: readonly Host[]
  private readonly weights: readonly number[]
  private readonly slowStart: SlowStart
  private readonly schedule: EdfSchedule

  constructor(hosts: readonly Host[], weights: readonly number[], random: () => number, slowStart: SlowStart) {
    this.hosts = hosts
    this.weights = weights
    this.slowStart = slowStart
    const current = hosts.map((host, index) => (weights[index] as number) * slowStart.factor(host))
    this.schedule = new EdfSchedule(current, random())
  }

  pick(): Host {
    const entry = this.schedule.peek()
    const host = this.hosts[entry] as Host
    this.schedule.advanceBy((this.weights[entry] as number) * this.slowStart.factor(host))
    return host
  }
}

export function equalWeights(hosts: readonly Host[]): boolean {
  return hosts.every(host => host.weight === (hosts[0] as Host).weight)
}

/** Round robin by weights that are not those of the hosts. */
export function rotation(
  hosts: readonly Host[],
  weights: readonly number[],
  random: () => number,
  slowStart: SlowStart | null,
): HostPicker {
  if (hosts.length === 0) return NO_HOST
  if (slowStart?.appliesTo(hosts) === true) return new GrowingRotation(hosts, weights, random, slowStart)
  const equal = weights.every(weight => weight === weights[0])
  return equal ? new Rotation(hosts, random) : new WeightedRotation(hosts, weights, random)
}

export function roundRobin(
  hosts: readonly Host[],
  random: () => number,
  slowStart: SlowStart | null = null,
): HostPicker {
  if (hosts.length === 0) return NO_HOST
  // A list of weights would be waste where all are equal.
  if (slowStart === null && equalWeights(hosts)) return new Rotation(hosts, random)
  return rotation(
    hosts,
    hosts.map(host => host.weight),
    random,
    slowStart,
  )
}
