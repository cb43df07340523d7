// x-envoy-upstream-alt-stat-name: an internal client has its requests counted under a name of its choice as well.
import type { Cluster, ResponseCodeStats } from '../upstream/index.ts'

/** Of one cluster on one worker. Names come with requests, so their number is bounded; later ones are not counted. */
const MAX_NAMES = 256

const byCluster = new WeakMap<Cluster, Map<string, ResponseCodeStats>>()

/** The stats below `cluster.<name>.<alternative>.`; null where there are too many names already. */
export function alternativeStats(cluster: Cluster, name: string): ResponseCodeStats | null {
  let names = byCluster.get(cluster)
  if (names === undefined) byCluster.set(cluster, (names = new Map()))
  let stats = names.get(name)
  if (stats === undefined) {
    if (names.size >= MAX_NAMES || name === '') return null
    stats = cluster.codeStatsBelow(`${name}.`)
    names.set(name, stats)
  }
  return stats
}
