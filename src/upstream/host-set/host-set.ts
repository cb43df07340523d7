// Immutable views of a cluster's hosts; a new one is made whenever anything changes.
import { Degraded, Healthy, healthOf, isExcluded } from '../health.ts'
import type { Host, Locality } from '../host.ts'

/** The hosts of one locality within one priority. */
export interface LocalityHosts {
  readonly locality: Locality
  /** LocalityLbEndpoints.load_balancing_weight; 0: not given. */
  readonly weight: number
  readonly hosts: readonly Host[]
  readonly healthy: readonly Host[]
  readonly degraded: readonly Host[]
  readonly excluded: number
}

/** The hosts of one priority. */
export interface PriorityHosts {
  readonly hosts: readonly Host[]
  readonly healthy: readonly Host[]
  readonly degraded: readonly Host[]
  readonly excluded: number
  /** This proxy's own locality first, the others in the order of their names. */
  readonly localities: readonly LocalityHosts[]
  readonly hasLocalLocality: boolean
  /** Weights of localities count; false: these hosts are a subset without them, and hosts count by their own. */
  readonly knowsLocalityWeights: boolean
}

/** envoy.config.endpoint.v3.ClusterLoadAssignment.Policy. */
export interface HostSetPolicy {
  readonly overprovisioningFactor: number
  readonly weightedPriorityHealth: boolean
}

export interface HostSet extends HostSetPolicy {
  readonly priorities: readonly PriorityHosts[]
}

/** Hosts of one locality and priority, before they are sorted by health. */
export interface HostGroup {
  readonly locality: Locality
  readonly weight: number
  readonly priority: number
  readonly hosts: readonly Host[]
}

interface ByHealth {
  readonly hosts: readonly Host[]
  readonly healthy: readonly Host[]
  readonly degraded: readonly Host[]
  readonly excluded: number
}

/** One pass; lists in which nobody is missing are shared. */
function byHealth(hosts: readonly Host[]): ByHealth {
  const healthy: Host[] = []
  const degraded: Host[] = []
  let excluded = 0
  for (const host of hosts) {
    const flags = host.healthFlags
    const health = healthOf(flags)
    if (health === Healthy) healthy.push(host)
    else if (health === Degraded) degraded.push(host)
    if (isExcluded(flags)) excluded++
  }
  return { hosts, healthy: healthy.length === hosts.length ? hosts : healthy, degraded, excluded }
}

function sameLocality(a: Locality, b: Locality): boolean {
  return a.region === b.region && a.zone === b.zone && a.subZone === b.subZone
}

function compareLocalities(a: Locality, b: Locality): number {
  const left = `${a.region}\0${a.zone}\0${a.subZone}`
  const right = `${b.region}\0${b.zone}\0${b.subZone}`
  return left < right ? -1 : left > right ? 1 : 0
}

/** Groups of one locality become one; the last weight that is given counts. */
function mergeGroups(groups: readonly HostGroup[]): HostGroup[] {
  const merged: HostGroup[] = []
  for (const group of groups) {
    const at = merged.findIndex(({ locality }) => sameLocality(locality, group.locality))
    const before = merged[at]
    if (before === undefined) merged.push(group)
    else {
      const weight = group.weight === 0 ? before.weight : group.weight
      merged[at] = { ...before, weight, hosts: [...before.hosts, ...group.hosts] }
    }
  }
  return merged
}

function priorityHosts(groups: readonly HostGroup[], here: Locality | null): PriorityHosts {
  const merged = mergeGroups(groups)
  const isHere = (group: HostGroup): boolean => here !== null && sameLocality(group.locality, here)
  merged.sort((a, b) => Number(isHere(b)) - Number(isHere(a)) || compareLocalities(a.locality, b.locality))
  const localities = merged.map(({ locality, weight, hosts }) => ({ locality, weight, ...byHealth(hosts) }))
  const [only] = localities
  const hasLocalLocality = merged[0] !== undefined && isHere(merged[0])
  if (only !== undefined && localities.length === 1) {
    const { hosts, healthy, degraded, excluded } = only
    return { hosts, healthy, degraded, excluded, localities, hasLocalLocality, knowsLocalityWeights: true }
  }
  const all = byHealth(groups.flatMap(({ hosts }) => hosts))
  return { ...all, localities, hasLocalLocality, knowsLocalityWeights: true }
}

/**
 * Builds the view; there is always a priority 0, and priorities without hosts stay in their place. `here`: where this
 * proxy is; null: not known.
 */
export function hostSet(groups: readonly HostGroup[], policy: HostSetPolicy, here: Locality | null): HostSet {
  const count = groups.reduce((highest, group) => Math.max(highest, group.priority), 0) + 1
  const byPriority: HostGroup[][] = Array.from({ length: count }, () => [])
  for (const group of groups) byPriority[group.priority]?.push(group)
  return {
    priorities: byPriority.map(list => priorityHosts(list, here)),
    overprovisioningFactor: policy.overprovisioningFactor,
    weightedPriorityHealth: policy.weightedPriorityHealth,
  }
}

/** The part of a view that consists of `members`. `weightOf`: the weight of what is left of a locality; null: none has any. */
export function filterHostSet(
  set: HostSet,
  members: ReadonlySet<Host>,
  weightOf: ((locality: LocalityHosts, left: number) => number) | null,
): HostSet {
  const knowsLocalityWeights = weightOf !== null
  const isMember = (host: Host): boolean => members.has(host)
  const priorities = set.priorities.map((priority): PriorityHosts => {
    const localities = priority.localities.map(locality => {
      const hosts = locality.hosts.filter(isMember)
      return { locality: locality.locality, weight: weightOf?.(locality, hosts.length) ?? 0, ...byHealth(hosts) }
    })
    const { hasLocalLocality } = priority
    return { ...byHealth(priority.hosts.filter(isMember)), localities, hasLocalLocality, knowsLocalityWeights }
  })
  return { ...set, priorities }
}
