// Immutable views of a cluster's hosts; a new one is made whenever anything changes.
import { Degraded, Healthy, isExcluded } from '../health.ts'
import type { Host, Locality } from '../host.ts'

/** The hosts of one locality within one priority. */
export interface LocalityHosts {
  readonly locality: Locality
  /** LocalityLbEndpoints.load_balancing_weight; 0: not given. */
  readonly weight: number
  readonly hosts: readonly Host[]
  readonly healthy: readonly Host[]
  readonly degraded: readonly Host[]
}

/** The hosts of one priority. */
export interface PriorityHosts {
  readonly hosts: readonly Host[]
  readonly healthy: readonly Host[]
  readonly degraded: readonly Host[]
  readonly excluded: number
  readonly localities: readonly LocalityHosts[]
}

export interface HostSet {
  readonly priorities: readonly PriorityHosts[]
  readonly overprovisioningFactor: number
  readonly weightedPriorityHealth: boolean
}

/** Hosts of one locality and priority, before they are sorted by health. */
export interface HostGroup {
  readonly locality: Locality
  readonly weight: number
  readonly priority: number
  readonly hosts: readonly Host[]
}

function usable(hosts: readonly Host[], health: typeof Healthy | typeof Degraded): Host[] {
  return hosts.filter(host => host.health === health && !isExcluded(host.healthFlags))
}

function priorityHosts(groups: readonly HostGroup[]): PriorityHosts {
  const hosts = groups.flatMap(group => group.hosts)
  return {
    hosts,
    healthy: usable(hosts, Healthy),
    degraded: usable(hosts, Degraded),
    excluded: hosts.filter(host => isExcluded(host.healthFlags)).length,
    localities: groups.map(group => ({
      locality: group.locality,
      weight: group.weight,
      hosts: group.hosts,
      healthy: usable(group.hosts, Healthy),
      degraded: usable(group.hosts, Degraded),
    })),
  }
}

/** Builds the view; there is always a priority 0, and priorities without hosts stay in their place. */
export function hostSet(
  groups: readonly HostGroup[],
  options: { readonly overprovisioningFactor: number; readonly weightedPriorityHealth: boolean },
): HostSet {
  const count = groups.reduce((highest, group) => Math.max(highest, group.priority), 0) + 1
  const priorities = Array.from({ length: count }, (_, priority) =>
    priorityHosts(groups.filter(group => group.priority === priority)),
  )
  return {
    priorities,
    overprovisioningFactor: options.overprovisioningFactor,
    weightedPriorityHealth: options.weightedPriorityHealth,
  }
}
