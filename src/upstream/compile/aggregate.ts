// envoy.clusters.aggregate: a cluster whose hosts are those of other clusters, in the order of the list.

import type { ClusterJson } from '#api/envoy/config/cluster/v3/cluster_pb.ts'
import type { ClusterConfigJson } from '#api/envoy/extensions/clusters/aggregate/v3/cluster_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport, nearestName, typeName } from '../../config/index.ts'
import type { AggregatePlan } from '../balancer-plan.ts'

export const AGGREGATE_CLUSTER = 'envoy.extensions.clusters.aggregate.v3.ClusterConfig'

declareSupport(AGGREGATE_CLUSTER, { supported: ['clusters'] })

/** Null for another kind of cluster. */
export function compileAggregate(
  cluster: ClusterJson,
  context: CompileContext,
  path: ConfigPath,
): AggregatePlan | null {
  const config = (cluster.clusterType?.typedConfig ?? {}) as ClusterConfigJson & { '@type'?: string }
  if (typeName(config) !== AGGREGATE_CLUSTER) return null
  const at = path.field('cluster_type').field('typed_config').field('clusters')
  const clusters = config.clusters ?? []
  clusters.forEach((name, index) => {
    if (name === cluster.name) context.diagnostics.error(at.index(index), 'a cluster cannot consist of itself')
    // One that comes later by discovery takes part from then on.
    else if (!context.hasCluster(name)) {
      const suggestion = nearestName(name, [...(context.clusterNames?.() ?? [])])
      context.diagnostics.warn(at.index(index), `there is no cluster ${name} yet`, {
        found: name,
        ...(suggestion === undefined ? {} : { suggestion }),
      })
    }
  })
  return { kind: 'aggregate', clusters }
}
