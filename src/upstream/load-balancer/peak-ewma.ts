// HOT FILE (docs/hot-path.md): the cheaper of two hosts, by what their responses have lately taken times what they have
// to do.
import type { Clock } from '../../base/index.ts'
import type { PeakEwmaPlan } from '../balancer-plan.ts'
import type { Host } from '../host.ts'
import { HOST_RQ_ACTIVE } from '../stats.ts'
import { type HostPicker, NO_HOST } from './load-balancer.ts'

/** The moving average of one host: up at once, down by the decay time. */
export function observeResponseTime(host: Host, ms: number, nowMs: number, decayTimeMs: number): void {
  const kept = Math.exp(-Math.max(0, nowMs - host.ewmaAtMs) / decayTimeMs)
  const decayed = host.ewmaMs * kept
  host.ewmaMs = ms > host.ewmaMs ? ms : decayed + ms * (1 - kept)
  host.ewmaAtMs = nowMs
}

class Cheaper implements HostPicker {
  private readonly hosts: readonly Host[]
  private readonly plan: PeakEwmaPlan
  private readonly random: () => number
  private readonly clock: Clock

  constructor(hosts: readonly Host[], plan: PeakEwmaPlan, random: () => number, clock: Clock) {
    this.hosts = hosts
    this.plan = plan
    this.random = random
    this.clock = clock
  }

  pick(): Host {
    const { hosts, random } = this
    const count = hosts.length
    const first = Math.floor(random() * count)
    if (count === 1) return hosts[0] as Host
    const second = (first + 1 + Math.floor(random() * (count - 1))) % count
    const a = hosts[first] as Host
    const b = hosts[second] as Host
    const { now } = this.clock
    return this.cost(a, now) <= this.cost(b, now) ? a : b
  }

  private cost(host: Host, now: number): number {
    const active = host.cells[HOST_RQ_ACTIVE] as number
    if (host.ewmaMs === 0) return active > 0 ? this.plan.penalty + active : this.plan.defaultRttMs
    // What nobody has confirmed for a while counts for less, so that a host is tried again after a bad time.
    return host.ewmaMs * Math.exp(-Math.max(0, now - host.ewmaAtMs) / this.plan.decayTimeMs) * (active + 1)
  }
}

export function peakEwma(hosts: readonly Host[], plan: PeakEwmaPlan, random: () => number, clock: Clock): HostPicker {
  return hosts.length === 0 ? NO_HOST : new Cheaper(hosts, plan, random, clock)
}
