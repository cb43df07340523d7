import type { Route } from '#api/envoy/extensions/filters/udp/udp_proxy/v3/route_pb.ts'
import type { UdpProxyConfigJson } from '#api/envoy/extensions/filters/udp/udp_proxy/v3/udp_proxy_pb.ts'
import type { TypedExtensionConfigJson } from '#api/xds/core/v3/extension_pb.ts'
import { xxHash64 } from '../../../base/index.ts'
import { type CompileContext, type ConfigPath, durationMs, typeName } from '../../../config/index.ts'
import {
  compileAccessLogs,
  type MatcherTree,
  maxRxDatagramBytes,
  type NetworkSubject,
  networkInput,
  TreeCompiler,
} from '../../../net/index.ts'
import type { UdpProxyPlan } from './udp-proxy-plan.ts'

const DEFAULT_IDLE_TIMEOUT_MS = 60_000
const ROUTE = 'envoy.extensions.filters.udp.udp_proxy.v3.Route'

const INPUTS = ['DestinationIPInput', 'DestinationPortInput', 'SourceIPInput', 'SourcePortInput'].map(
  name => `envoy.extensions.matching.common_inputs.network.v3.${name}`,
)

/** Compiles a UdpProxyConfig message. */
export function compileUdpProxy(resource: object, context: CompileContext, path: ConfigPath): UdpProxyPlan {
  const config = resource as UdpProxyConfigJson
  const clusters: string[] = []
  return Object.freeze({
    statPrefix: config.statPrefix ?? '',
    route: compileRoute(config, clusters, context, path),
    clusters,
    idleTimeoutMs: durationMs(config.idleTimeout, DEFAULT_IDLE_TIMEOUT_MS),
    hash: compileHash(config),
    maxRxDatagramBytes: maxRxDatagramBytes(config.upstreamSocketConfig, true),
    perPacket: config.usePerPacketLoadBalancing ?? false,
    sessionLogs: compileAccessLogs(config.accessLog, context, path.field('access_log')),
    proxyLogs: compileAccessLogs(config.proxyAccessLog, context, path.field('proxy_access_log')),
    logIntervalMs: durationMs(config.accessLogOptions?.accessLogFlushInterval, 0),
  })
}

function compileHash({ hashPolicies: [policy] = [] }: UdpProxyConfigJson): UdpProxyPlan['hash'] {
  if (policy?.key !== undefined) return { by: 'key', hash: xxHash64(policy.key) }
  return policy?.sourceIp === true ? { by: 'source_ip' } : null
}

function compileRoute(
  config: UdpProxyConfigJson,
  clusters: string[],
  context: CompileContext,
  path: ConfigPath,
): MatcherTree<NetworkSubject, string> {
  const found = (name: string, at: ConfigPath): string => {
    // As Envoy: its datagrams are dropped until there is one.
    if (!context.hasCluster(name)) {
      context.diagnostics.warn(at, `no cluster is named ${name}: datagrams will be dropped until one is`, {
        code: 'unknown-cluster',
      })
    }
    clusters.push(name)
    return name
  }
  if (config.matcher === undefined) {
    const only = found(config.cluster ?? '', path.field('cluster'))
    return { find: () => only }
  }
  const parts = {
    input: (type: string, input: object) => (INPUTS.includes(type) ? networkInput(type, input) : undefined),
    inputNames: INPUTS,
    action: ({ typedConfig }: TypedExtensionConfigJson, at: ConfigPath): string | undefined => {
      const action = (typedConfig ?? {}) as Partial<Route> & { readonly '@type'?: string }
      const where = at.field('typed_config')
      if (typeName(action) === ROUTE) return found(action.cluster ?? '', where.field('cluster'))
      context.diagnostics.error(where, 'does not name a cluster', { expected: ROUTE, found: typeName(action) })
      return undefined
    },
  }
  return new TreeCompiler<NetworkSubject, string>(parts, context).compile(config.matcher, path.field('matcher'))
}
