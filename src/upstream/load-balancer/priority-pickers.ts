// HOT FILE (docs/hot-path.md): the pickers of one priority, each made at its first use.
import type { Host } from '../host.ts'
import type { PriorityHosts } from '../host-set/host-set.ts'
import type { HostPicker } from './load-balancer.ts'
import { localityPicker } from './locality-picker.ts'

/** Makes the picker of a policy for one list of hosts. */
export type MakePicker = (hosts: readonly Host[]) => HostPicker

export class PriorityPickers {
  private readonly priority: PriorityHosts
  private readonly make: MakePicker
  private allPicker: HostPicker | null = null
  private healthyPicker: HostPicker | null = null
  private degradedPicker: HostPicker | null = null
  private readonly healthyByLocality: (HostPicker | null)[]
  private readonly degradedByLocality: (HostPicker | null)[]
  private readonly weightedHealthy: HostPicker | null
  private readonly weightedDegraded: HostPicker | null

  /** `weighted`: localities by their weights, where they have any. */
  constructor(
    priority: PriorityHosts,
    make: MakePicker,
    weighted: { readonly overprovisioningFactor: number; readonly random: () => number } | null,
  ) {
    this.priority = priority
    this.make = make
    this.healthyByLocality = priority.localities.map(() => null)
    this.degradedByLocality = priority.localities.map(() => null)
    const byWeight = (usable: 'healthy' | 'degraded'): HostPicker | null =>
      weighted === null
        ? null
        : localityPicker(priority, usable, weighted.overprovisioningFactor, make, weighted.random())
    this.weightedHealthy = byWeight('healthy')
    this.weightedDegraded = byWeight('degraded')
  }

  /** In panic. */
  all(): HostPicker {
    return (this.allPicker ??= this.make(this.priority.hosts))
  }

  /** Null where localities do not count by weight, or none has any. */
  byLocalityWeight(degraded: boolean): HostPicker | null {
    return degraded ? this.weightedDegraded : this.weightedHealthy
  }

  /** By locality weights where they count, else among all that can be used. */
  usable(degraded: boolean): HostPicker {
    const weighted = this.byLocalityWeight(degraded)
    if (weighted !== null) return weighted
    if (degraded) return (this.degradedPicker ??= this.make(this.priority.degraded))
    return (this.healthyPicker ??= this.make(this.priority.healthy))
  }

  inLocality(index: number, degraded: boolean): HostPicker {
    const pickers = degraded ? this.degradedByLocality : this.healthyByLocality
    const known = pickers[index] ?? null
    if (known !== null) return known
    const locality = this.priority.localities[index]
    const made = this.make((degraded ? locality?.degraded : locality?.healthy) ?? [])
    pickers[index] = made
    return made
  }
}
