import type { ClusterJson } from '#api/envoy/config/cluster/v3/cluster_pb.ts'
import type { RedisClusterConfigJson } from '#api/envoy/extensions/clusters/redis/v3/redis_cluster_pb.ts'
import { declareSupport, durationMs, typeName } from '../../config/index.ts'

export const REDIS_CLUSTER = 'envoy.extensions.clusters.redis.v3.RedisClusterConfig'

const POLLED =
  'hosts are asked every cluster_refresh_rate; until then redirections are followed where that is switched on'

declareSupport(REDIS_CLUSTER, {
  supported: ['cluster_refresh_rate', 'cluster_refresh_timeout'],
  refused: { enable_zone_discovery: 'CLUSTER SHARDS is not asked for zones; leave it out' },
  accepted: {
    redirect_refresh_interval: POLLED,
    redirect_refresh_threshold: POLLED,
    failure_refresh_threshold: POLLED,
    host_degraded_refresh_threshold: POLLED,
  },
})

export interface RedisClusterPlan {
  readonly refreshMs: number
  readonly timeoutMs: number
}

/** Null for another kind of cluster. */
export function compileRedisCluster(cluster: ClusterJson): RedisClusterPlan | null {
  const config = (cluster.clusterType?.typedConfig ?? {}) as RedisClusterConfigJson & { '@type'?: string }
  if (typeName(config) !== REDIS_CLUSTER) return null
  return {
    refreshMs: durationMs(config.clusterRefreshRate, 5000),
    timeoutMs: durationMs(config.clusterRefreshTimeout, 3000),
  }
}
