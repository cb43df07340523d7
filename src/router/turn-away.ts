// HOT FILE (docs/hot-path.md): requests that a cluster takes none of, before a host is chosen.
import { HeaderName, X_ENVOY_OVERLOADED } from '../http/index.ts'
import { ResponseFlag } from '../observability/index.ts'
import { CLUSTER_SLOTS as C, type Cluster } from '../upstream/index.ts'

export interface TurnedAway {
  readonly flag: number
  readonly body: string
  readonly details: string
  readonly header: HeaderName
}

const MAINTENANCE: TurnedAway = {
  flag: ResponseFlag.UpstreamOverflow,
  body: 'maintenance mode',
  details: 'maintenance_mode',
  header: X_ENVOY_OVERLOADED,
}
const DROPPED: TurnedAway = {
  flag: ResponseFlag.DropOverload,
  body: 'drop overload',
  details: 'drop_overload',
  header: HeaderName.of('x-envoy-drop-overload'),
}

/** How this request is turned away; null: it is not. */
export function turnedAway(cluster: Cluster): TurnedAway | null {
  if (cluster.inMaintenance()) {
    cluster.stats.cells[C.upstream_rq_maintenance_mode]! += 1
    cluster.noteDropped(false)
    return MAINTENANCE
  }
  if (!cluster.dropsOverload()) return null
  cluster.noteDropped(true)
  return DROPPED
}
