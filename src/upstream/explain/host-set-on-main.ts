// The hosts of a cluster as workers see them, put together on main where somebody asks why.
import type { ClusterMembers } from '../cluster-members.ts'
import type { AssignmentPlan } from '../cluster-plan.ts'
import { Host, HostKeys, type Locality } from '../host.ts'
import { HOST_ROW_CELLS } from '../host-rows.ts'
import { type HostSet, hostSet } from '../host-set/host-set.ts'
import { HOST_CELLS } from '../stats.ts'

export function hostSetOnMain(
  name: string,
  assignment: AssignmentPlan,
  members: ClusterMembers,
  here: Locality | null,
): HostSet {
  const keys = new HostKeys()
  const groups = assignment.localities.map(({ endpoints, ...place }) => ({
    ...place,
    hosts: endpoints.map(endpoint => {
      const key = keys.next(endpoint)
      const row = members.get(key)?.row ?? new Int32Array(HOST_ROW_CELLS)
      return new Host(name, key, endpoint, place.locality, place.priority, new Float64Array(HOST_CELLS), row, 0)
    }),
  }))
  return hostSet(groups, assignment, here)
}

/** An aggregate cluster: the priorities of its clusters that have hosts, one after the other. */
export function aggregateSet(sets: readonly HostSet[]): HostSet {
  const [first] = sets
  return {
    overprovisioningFactor: first?.overprovisioningFactor ?? 140,
    weightedPriorityHealth: first?.weightedPriorityHealth ?? false,
    priorities: sets.flatMap(({ priorities }) => priorities.filter(({ hosts }) => hosts.length > 0)),
  }
}
