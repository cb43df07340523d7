// HOT FILE (docs/hot-path.md): route.v3.RouteConfiguration, compiled: authority -> virtual host -> route.
import type { RouteConfigurationJson } from '#api/envoy/config/route/v3/route_pb.ts'
import { toWireText } from '../../base/index.ts'
import { type CompileContext, type ConfigPath, declareSupport } from '../../config/index.ts'
import { compileMutationLevel, type HeaderMap, HeaderName, type Route, type RouteTable } from '../../http/index.ts'
import type { StreamInfo } from '../../observability/index.ts'
import { ClusterCheck } from './cluster-check.ts'
import { namedPlugins } from './cluster-specifier.ts'
import { DomainIndex, withoutPort } from './domain-index.ts'
import { compilePerFilterConfigs } from './per-filter-config.ts'
import { compileShadowPolicies } from './shadow-policy.ts'
import { compileVirtualHost, type VirtualHost } from './virtual-host.ts'
import type { TableScope } from './virtual-host-scope.ts'

declareSupport('envoy.config.route.v3.RouteConfiguration', {
  supported: [
    'name',
    'virtual_hosts',
    'internal_only_headers',
    'response_headers_to_add',
    'response_headers_to_remove',
    'request_headers_to_add',
    'request_headers_to_remove',
    'most_specific_header_mutations_wins',
    'validate_clusters',
    'max_direct_response_body_size_bytes',
    'ignore_port_in_host_matching',
    'ignore_path_parameters_in_path_matching',
    'typed_per_filter_config',
    'vhost_header',
    'request_mirror_policies',
    'cluster_specifier_plugins',
  ],
  refused: {
    vhds: 'virtual hosts on demand are not part of this release; list them in virtual_hosts',
    route_specifiers: 'route specifier extensions are not available',
  },
  accepted: { metadata: 'shown by config dumps; nothing reads it' },
})

const DEFAULT_MAX_DIRECT_RESPONSE_BYTES = 4096

export class CompiledRouteTable implements RouteTable {
  readonly name: string
  readonly internalOnlyHeaders: readonly HeaderName[]
  private readonly domains: DomainIndex<VirtualHost>
  private readonly ignorePort: boolean
  /** Read instead of the authority. */
  private readonly hostHeader: HeaderName | null

  constructor(config: RouteConfigurationJson, domains: DomainIndex<VirtualHost>) {
    this.name = config.name ?? ''
    this.internalOnlyHeaders = (config.internalOnlyHeaders ?? []).map(name => HeaderName.of(name))
    this.domains = domains
    this.ignorePort = config.ignorePortInHostMatching === true
    this.hostHeader =
      config.vhostHeader === undefined || config.vhostHeader === '' ? null : HeaderName.of(config.vhostHeader)
    Object.freeze(this)
  }

  route(headers: HeaderMap, info: StreamInfo, random: number): Route | null {
    const host = this.virtualHost(headers)
    return host === null ? null : host.route(headers, info, random)
  }

  virtualHost(headers: HeaderMap): VirtualHost | null {
    const { hostHeader } = this
    if (this.domains.onlyFallback) return this.domains.catchAll
    const authority = hostHeader === null ? headers.authority : headers.get(hostHeader)
    // A request without the header that chooses has no virtual host, not even '*'.
    if (authority === undefined) return null
    return this.domains.find(this.ignorePort ? withoutPort(authority) : authority)
  }
}

/**
 * Compiles a RouteConfiguration resource into an immutable table. Mistakes (unknown clusters, domains that appear twice,
 * bad patterns and formats) are errors in `context.diagnostics`; the table is then not to be used. The cost of a match
 * does not grow with the number of path, prefix and exact-header routes.
 */
export function compileRouteConfiguration(
  resource: object,
  context: CompileContext,
  path: ConfigPath,
): CompiledRouteTable {
  const config = resource as RouteConfigurationJson
  // Envoy checks by default where the configuration is static; so do we, everywhere.
  const clusters = new ClusterCheck(config.validateClusters ?? true, context)
  const scope: TableScope = {
    context,
    clusters,
    shadowPolicies: compileShadowPolicies(
      config.requestMirrorPolicies,
      clusters,
      context,
      path.field('request_mirror_policies'),
    ),
    mutations: compileMutationLevel(config, context, path),
    mostSpecificWins: config.mostSpecificHeaderMutationsWins === true,
    ignorePathParameters: config.ignorePathParametersInPathMatching === true,
    maxDirectResponseBodyBytes: config.maxDirectResponseBodySizeBytes ?? DEFAULT_MAX_DIRECT_RESPONSE_BYTES,
    plugins: namedPlugins(config.clusterSpecifierPlugins, context, path.field('cluster_specifier_plugins')),
    filterConfigs: compilePerFilterConfigs(config.typedPerFilterConfig, null, context, path),
  }
  const domains = new DomainIndex<VirtualHost>()
  const names = new Set<string>()
  for (const [i, json] of (config.virtualHosts ?? []).entries()) {
    const at = path.field('virtual_hosts').index(i)
    const name = json.name ?? ''
    if (names.has(name))
      context.diagnostics.warn(at.field('name'), `two virtual hosts are named ${name}; their stats are one`)
    names.add(name)
    const host = compileVirtualHost(json, scope, at)
    for (const [d, domain] of (json.domains ?? []).entries()) {
      if (domains.add(toWireText(domain), host)) continue
      context.diagnostics.error(at.field('domains').index(d), `domain ${domain} appears twice`, {
        expected: 'every domain in one virtual host only, whatever its case',
        found: domain,
      })
    }
  }
  return new CompiledRouteTable(config, domains)
}
