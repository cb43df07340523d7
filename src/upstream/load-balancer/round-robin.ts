// HOT FILE (docs/hot-path.md): round robin, plain for equal weights and by earliest deadline for unequal ones.
import type { Host } from '../host.ts'
import { EdfSchedule } from './edf-schedule.ts'
import { type HostPicker, NO_HOST } from './load-balancer.ts'

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

  constructor(hosts: readonly Host[], random: () => number) {
    this.hosts = hosts
    this.schedule = new EdfSchedule(hosts.map(host => host.weight))
    for (let skip = Math.floor(random() * hosts.length); skip > 0; skip--) this.pick()
  }

  pick(): Host {
    const entry = this.schedule.peek()
    this.schedule.advance()
    return this.hosts[entry] as Host
  }
}

export function equalWeights(hosts: readonly Host[]): boolean {
  return hosts.every(host => host.weight === (hosts[0] as Host).weight)
}

export function roundRobin(hosts: readonly Host[], random: () => number): HostPicker {
  if (hosts.length === 0) return NO_HOST
  return equalWeights(hosts) ? new Rotation(hosts, random) : new WeightedRotation(hosts, random)
}
