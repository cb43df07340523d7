import type { ClusterJson } from '#api/envoy/config/cluster/v3/cluster_pb.ts'
import type { DnsClusterJson } from '#api/envoy/extensions/clusters/dns/v3/dns_cluster_pb.ts'
import {
  type CompileContext,
  type ConfigPath,
  compileConfigSource,
  declareSupport,
  typeName,
} from '../../config/index.ts'
import type { DiscoveryType, DnsPlan, EdsPlan } from '../cluster-plan.ts'
import { REDIS_CLUSTER } from '../redis-cluster/redis-cluster-plan.ts'
import { AGGREGATE_CLUSTER } from './aggregate.ts'
import { DNS_CLUSTER, type DnsFields, dnsPlan } from './dns.ts'
import { DYNAMIC_FORWARD_PROXY } from './dynamic-forward-proxy.ts'

declareSupport('envoy.config.cluster.v3.Cluster.EdsClusterConfig', { supported: ['eds_config', 'service_name'] })

export interface Discovery {
  readonly type: DiscoveryType
  readonly dns: DnsPlan | null
  readonly eds: EdsPlan | null
}

/** How a cluster finds its hosts: `type`, or `cluster_type` with a DnsCluster. */
export function compileDiscovery(cluster: ClusterJson, context: CompileContext, path: ConfigPath): Discovery {
  const { type, edsClusterConfig } = cluster
  if (edsClusterConfig !== undefined && (type !== 'EDS' || cluster.clusterType !== undefined)) {
    context.diagnostics.error(path.field('eds_cluster_config'), 'only clusters of type EDS have it', {
      expected: 'type: EDS',
    })
  }
  if (cluster.clusterType !== undefined) return compileClusterType(cluster, context, path)
  if (type === 'EDS') return { type, dns: null, eds: edsPlan(cluster, context, path) }
  if (type !== 'STRICT_DNS' && type !== 'LOGICAL_DNS') return { type: 'STATIC', dns: null, eds: null }
  return { type, dns: dnsPlan(cluster as DnsFields, cluster, context, path), eds: null }
}

function edsPlan(cluster: ClusterJson, context: CompileContext, path: ConfigPath): EdsPlan | null {
  const { edsClusterConfig: config, name = '' } = cluster
  if (cluster.loadAssignment !== undefined) {
    context.diagnostics.error(path.field('load_assignment'), 'the hosts of a cluster of type EDS are discovered')
  }
  if (config === undefined) {
    context.diagnostics.error(path, 'cannot create an EDS cluster without an EDS config', {
      expected: 'eds_cluster_config',
    })
    return null
  }
  const at = path.field('eds_cluster_config').field('eds_config')
  const source = compileConfigSource(config.edsConfig, context, at)
  if (source === null) return null
  return {
    serviceName: config.serviceName === undefined || config.serviceName === '' ? name : config.serviceName,
    source,
  }
}

function compileClusterType(cluster: ClusterJson, context: CompileContext, path: ConfigPath): Discovery {
  const typedConfig = cluster.clusterType?.typedConfig ?? {}
  const at = path.field('cluster_type').field('typed_config')
  const type = typeName(typedConfig as { '@type'?: string })
  if (type === AGGREGATE_CLUSTER) return { type: 'AGGREGATE', dns: null, eds: null }
  if (type === DYNAMIC_FORWARD_PROXY) return { type: 'DYNAMIC_FORWARD_PROXY', dns: null, eds: null }
  if (type === REDIS_CLUSTER) return { type: 'REDIS', dns: null, eds: null }
  if (type !== DNS_CLUSTER) {
    context.diagnostics.error(at, `no cluster type reads ${type}`, {
      expected: `${DNS_CLUSTER}, ${AGGREGATE_CLUSTER}, ${DYNAMIC_FORWARD_PROXY} or ${REDIS_CLUSTER}`,
      found: type,
    })
    return { type: 'STATIC', dns: null, eds: null }
  }
  const config = typedConfig as DnsClusterJson
  return {
    type: config.allAddressesInSingleEndpoint === true ? 'LOGICAL_DNS' : 'STRICT_DNS',
    dns: dnsPlan(config as DnsFields, cluster, context, at),
    eds: null,
  }
}
