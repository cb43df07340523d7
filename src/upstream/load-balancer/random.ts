// HOT FILE (docs/hot-path.md): uniform over the hosts; weights are ignored, as in Envoy.
import type { Host } from '../host.ts'
import { type HostPicker, NO_HOST } from './load-balancer.ts'

class RandomPicker implements HostPicker {
  private readonly hosts: readonly Host[]
  private readonly random: () => number

  constructor(hosts: readonly Host[], random: () => number) {
    this.hosts = hosts
    this.random = random
  }

  pick(): Host {
    return this.hosts[Math.floor(this.random() * this.hosts.length)] as Host
  }
}

export function randomChoice(hosts: readonly Host[], random: () => number): HostPicker {
  return hosts.length === 0 ? NO_HOST : new RandomPicker(hosts, random)
}
