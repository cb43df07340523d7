import type { ClusterJson } from '#api/envoy/config/cluster/v3/cluster_pb.ts'
import type { TransportSocketJson } from '#api/envoy/config/core/v3/base_pb.ts'
import type { CompileContext, ConfigPath } from '../../config/index.ts'
import type { UpstreamTransportSocketPlan } from '../../net/index.ts'
import type { ClusterPlan, TransportSocketMatchPlan } from '../cluster-plan.ts'

function compileOne(
  json: TransportSocketJson | undefined,
  context: CompileContext,
  path: ConfigPath,
): UpstreamTransportSocketPlan | null {
  if (json === undefined) return null
  const factory = context.extensions.find('envoy.transport_sockets.upstream', json, context, path)
  if (factory === undefined) return null
  return factory.compile(json.typedConfig!, context, path.field('typed_config')) as UpstreamTransportSocketPlan | null
}

/** Compiles Cluster.transport_socket and transport_socket_matches. */
export function compileTransportSockets(
  cluster: ClusterJson,
  context: CompileContext,
  path: ConfigPath,
): Pick<ClusterPlan, 'transportSocket' | 'transportSocketMatches'> {
  const matchesPath = path.field('transport_socket_matches')
  const seen = new Set<string>()
  const matches = (cluster.transportSocketMatches ?? []).map((json, i): TransportSocketMatchPlan => {
    const name = json.name ?? ''
    if (seen.has(name)) {
      context.diagnostics.error(matchesPath.index(i).field('name'), `the name ${name} is used by an earlier match`)
    }
    seen.add(name)
    return {
      name,
      criteria: (json.match ?? {}) as Readonly<Record<string, unknown>>,
      transportSocket: compileOne(json.transportSocket, context, matchesPath.index(i).field('transport_socket')),
    }
  })
  return {
    transportSocket: compileOne(cluster.transportSocket, context, path.field('transport_socket')),
    transportSocketMatches: matches,
  }
}
