// HOT FILE (docs/hot-path.md): locality-weighted balancing: a locality by weight, then a host inside it.
import type { Host } from '../host.ts'
import type { LocalityHosts, PriorityHosts } from '../host-set/host-set.ts'
import { EdfSchedule } from './edf-schedule.ts'
import type { HostPicker } from './load-balancer.ts'

class LocalityPicker implements HostPicker {
  private readonly pickers: readonly HostPicker[]
  private readonly schedule: EdfSchedule

  constructor(pickers: readonly HostPicker[], weights: readonly number[], phase: number) {
    this.pickers = pickers
    this.schedule = new EdfSchedule(weights, phase)
  }

  pick(): Host | null {
    const entry = this.schedule.peek()
    this.schedule.advance()
    return (this.pickers[entry] as HostPicker).pick()
  }
}

/** Weight of a locality scaled by how much of it may be used: min(1, factor x usable / all). */
export function effectiveLocalityWeight(
  locality: LocalityHosts,
  usable: 'healthy' | 'degraded',
  overprovisioningFactor: number,
): number {
  const counted = locality.hosts.length - locality.excluded
  if (counted === 0) return 0
  const share = (locality[usable].length / counted) * (overprovisioningFactor / 100)
  return locality.weight * Math.min(1, share)
}

/** The picker for the healthy or the degraded hosts of one priority; null where no locality has a weight. */
export function localityPicker(
  priority: PriorityHosts,
  usable: 'healthy' | 'degraded',
  overprovisioningFactor: number,
  makePicker: (hosts: readonly Host[]) => HostPicker,
  phase: number,
): HostPicker | null {
  const weighted = priority.localities
    .map(locality => ({ locality, weight: effectiveLocalityWeight(locality, usable, overprovisioningFactor) }))
    .filter(({ weight }) => weight > 0)
  if (weighted.length === 0) return null
  return new LocalityPicker(
    weighted.map(({ locality }) => makePicker(locality[usable])),
    weighted.map(({ weight }) => weight),
    phase,
  )
}
