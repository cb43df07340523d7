// HOT FILE (docs/hot-path.md): hosts that have just become healthy get their load step by step.
import type { Clock } from '../../base/index.ts'
import type { SlowStartPlan } from '../balancer-plan.ts'
import { Healthy } from '../health.ts'
import type { Host } from '../host.ts'

export class SlowStart {
  private readonly clock: Clock
  private readonly windowMs: number
  private readonly exponent: number
  private readonly minWeight: number

  constructor(plan: SlowStartPlan, aggression: number, clock: Clock) {
    this.clock = clock
    this.windowMs = plan.windowMs
    this.exponent = aggression > 0 ? 1 / aggression : 1
    this.minWeight = plan.minWeight
  }

  /** Whether a host of the list has not got its full weight yet. */
  appliesTo(hosts: readonly Host[]): boolean {
    const since = this.clock.now - this.windowMs
    return hosts.some(host => host.healthySinceMs > since && host.health === Healthy)
  }

  /** 0 to 1, by the time since the host became healthy. */
  factor(host: Host): number {
    const ageMs = this.clock.now - host.healthySinceMs
    if (ageMs >= this.windowMs || host.health !== Healthy) return 1
    return Math.max((Math.max(ageMs, 1) / this.windowMs) ** this.exponent, this.minWeight)
  }
}
