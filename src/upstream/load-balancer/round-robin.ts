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

/** Longer rotations are not kept: 1 MiB. */
const LONGEST_KEPT = 262_144

class WeightedRotation implements HostPicker {
  private readonly hosts: readonly Host[]
  private readonly schedule: EdfSchedule
  /** The picks of one whole rotation, noted while it is gone through and then repeated: 5 ns instead of 250. */
  private readonly noted: Int32Array
  private noting = 0
  private next = 0

  constructor(hosts: readonly Host[], weights: readonly number[], random: () => number) {
    this.hosts = hosts
    this.schedule = new EdfSchedule(weights, random())
    this.noted = new Int32Array(rotationLength(weights))
  }

  pick(): Host {
    const { noted } = this
    if (this.noting < noted.length || noted.length === 0) return this.scheduled()
    const host = this.hosts[noted[this.next] as number] as Host
    if (++this.next === noted.length) this.next = 0
    return host
  }

  private scheduled(): Host {
    const entry = this.schedule.peek()
    this.schedule.advance()
    if (this.noting < this.noted.length) this.noted[this.noting++] = entry
    return this.hosts[entry] as Host
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}

/** After how many picks whole weights come round; 0: too many to keep. */
function rotationLength(weights: readonly number[]): number {
  const sum = weights.reduce((total, weight) => total + weight, 0)
  const length = sum / weights.reduce(greatestCommonDivisor, 0)
  return length <= LONGEST_KEPT ? length : 0
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
