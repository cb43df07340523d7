// Is enough of each of the clusters healthy?
import type { ClusterManager } from '../../../upstream/index.ts'
import { FAILED_CLUSTER_EMPTY, FAILED_CLUSTER_NOT_FOUND, FAILED_CLUSTER_UNHEALTHY } from './stats.ts'

export interface ClusterMinimum {
  readonly cluster: string
  /** Healthy or degraded hosts, in whole percent of all. */
  readonly percent: number
}

export interface ClusterVerdict {
  /** The stat of what is wrong; -1: nothing. */
  readonly slot: number
  readonly details: string
}

const HEALTHY: ClusterVerdict = { slot: -1, details: 'health_check_ok_cluster_healthy' }
const NOT_FOUND: ClusterVerdict = { slot: FAILED_CLUSTER_NOT_FOUND, details: 'health_check_failed_no_cluster_found' }
const EMPTY: ClusterVerdict = { slot: FAILED_CLUSTER_EMPTY, details: 'health_check_failed_cluster_empty' }
const UNHEALTHY: ClusterVerdict = { slot: FAILED_CLUSTER_UNHEALTHY, details: 'health_check_failed_cluster_unhealthy' }

export function clusterVerdict(minimums: readonly ClusterMinimum[], clusters: ClusterManager): ClusterVerdict {
  for (const { cluster: name, percent } of minimums) {
    const cluster = clusters.get(name)
    if (cluster === undefined) return NOT_FOUND
    let total = 0
    let usable = 0
    for (const priority of cluster.hostSet.priorities) {
      total += priority.hosts.length
      usable += priority.healthy.length + priority.degraded.length
    }
    if (total === 0 && percent > 0) return EMPTY
    if (usable * 100 < total * percent) return UNHEALTHY
  }
  return HEALTHY
}
