// What main can tell of one of its clusters and their hosts.
import type { RuntimeSnapshot } from '../../config/index.ts'
import { assignmentOf, type DirectoryEntry, resourceOf } from '../directory-entry.ts'
import type { Locality } from '../host.ts'
import type { HostSet } from '../host-set/host-set.ts'
import { explainBalancing } from './explain-balancing.ts'
import { breakerRoom, type ClusterExplanation, explainHost } from './explain-cluster.ts'
import { aggregateSet, hostSetOnMain } from './host-set-on-main.ts'

const PANIC_KEY = 'upstream.healthy_panic_threshold'

export interface ExplainedClusters {
  readonly entries: ReadonlyMap<string, DirectoryEntry>
  readonly runtime: { readonly snapshot: RuntimeSnapshot }
  /** Where this proxy is. */
  readonly here: Locality | null
  /** The cluster that it is a host of itself. */
  readonly localClusterName: string | null
}

/** Why each host of a cluster is picked or not; undefined for an unknown cluster. */
export function explainEntry(name: string, clusters: ExplainedClusters): ClusterExplanation | undefined {
  const { entries, runtime, localClusterName } = clusters
  const entry = entries.get(name)
  if (entry === undefined) return undefined
  const { balancer: plan, healthyPanicThreshold } = entry
  const panicThreshold = runtime.snapshot.getNumber(PANIC_KEY, healthyPanicThreshold)
  const set =
    plan.kind === 'aggregate'
      ? aggregateSet(plan.clusters.flatMap(part => hostSetOf(part, clusters) ?? []))
      : (hostSetOf(name, clusters) as HostSet)
  const local = localClusterName === null || localClusterName === name ? null : hostSetOf(localClusterName, clusters)
  const balancing = explainBalancing({ plan, set, local, panicThreshold })
  const outliers = entry.watch?.outliers ?? null
  return {
    ...balancing,
    name,
    breakers: breakerRoom(entry.limitsPlan, entry.limits, runtime),
    outliers:
      outliers === null
        ? null
        : {
            hosts: outliers.hosts.size,
            ejected: outliers.ejected,
            maxEjectionPercent: outliers.maxEjectionPercent,
          },
    hosts: balancing.hosts.map(host => {
      const own = entries.get(host.cluster)
      return explainHost(
        host,
        own?.members.get(host.key),
        own?.watch?.outliers ?? null,
        own?.hostLimits ?? [null, null],
      )
    }),
  }
}

function hostSetOf(name: string, { entries, here }: ExplainedClusters): HostSet | null {
  const entry = entries.get(name)
  return entry === undefined ? null : hostSetOnMain(name, assignmentOf(entry, resourceOf(entry)), entry.members, here)
}
