// envoy.clusters.dynamic_forward_proxy: a cluster whose hosts are the names that requests ask for.
import type { ClusterJson } from '#api/envoy/config/cluster/v3/cluster_pb.ts'
import type { ClusterConfigJson } from '#api/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport, typeName } from '../../config/index.ts'
import type { UpstreamTransportSocketPlan } from '../../net/index.ts'
import type { DynamicHostPlan } from '../balancer-plan.ts'
import type { ServerNamePlan } from '../cluster-plan.ts'
import { compileDnsCache } from '../dns-cache/dns-cache-plan.ts'

export const DYNAMIC_FORWARD_PROXY = 'envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig'
const HTTP = 80
const HTTPS = 443
const COALESCED = 'connections belong to one name each; leave it out'

declareSupport(DYNAMIC_FORWARD_PROXY, {
  supported: ['dns_cache_config', 'allow_insecure_cluster_options', 'allow_coalesced_connections'],
  refused: {
    sub_clusters_config:
      'a cluster per name, made while traffic runs, is not part of this release; use dns_cache_config',
  },
  values: { allow_coalesced_connections: { true: COALESCED } },
})

function configOf(cluster: ClusterJson): ClusterConfigJson | null {
  const config = (cluster.clusterType?.typedConfig ?? {}) as ClusterConfigJson & { '@type'?: string }
  return typeName(config) === DYNAMIC_FORWARD_PROXY ? config : null
}

/** Null for another kind of cluster. */
export function compileDynamicHosts(
  cluster: ClusterJson,
  transport: UpstreamTransportSocketPlan | null,
  context: CompileContext,
  path: ConfigPath,
): DynamicHostPlan | null {
  const config = configOf(cluster)
  if (config === null) return null
  const at = path.field('cluster_type').field('typed_config').field('dns_cache_config')
  if (config.dnsCacheConfig === undefined) context.diagnostics.error(at, 'a dynamic forward proxy needs a DNS cache')
  if (cluster.loadAssignment !== undefined) {
    context.diagnostics.error(path.field('load_assignment'), 'the hosts are those that requests name')
  }
  return {
    kind: 'dynamic_host',
    cache: compileDnsCache(config.dnsCacheConfig, context, at),
    defaultPort: transport?.secure === true ? HTTPS : HTTP,
  }
}

/** As Envoy: certificates are held against the name that was asked for, unless the configuration insists otherwise. */
export function serverNamesOf(
  cluster: ClusterJson,
  configured: ServerNamePlan,
  context: CompileContext,
  path: ConfigPath,
): ServerNamePlan {
  const config = configOf(cluster)
  if (config === null) return configured
  const fromMessage =
    cluster.upstreamHttpProtocolOptions !== undefined ||
    cluster.typedExtensionProtocolOptions?.['envoy.extensions.upstreams.http.v3.HttpProtocolOptions'] !== undefined
  if (!fromMessage) return { ...configured, autoSni: true, autoSanValidation: true }
  if (config.allowInsecureClusterOptions !== true && !(configured.autoSni && configured.autoSanValidation)) {
    context.diagnostics.error(path, 'a dynamic forward proxy needs auto_sni and auto_san_validation', {
      expected: 'both true, or allow_insecure_cluster_options',
    })
  }
  return configured
}
