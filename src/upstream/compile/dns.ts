import type { ClusterJson } from '#api/envoy/config/cluster/v3/cluster_pb.ts'
import type { AddressJson } from '#api/envoy/config/core/v3/address_pb.ts'
import type { TypedExtensionConfigJson } from '#api/envoy/config/core/v3/extension_pb.ts'
import type { CaresDnsResolverConfigJson } from '#api/envoy/extensions/network/dns_resolver/cares/v3/cares_dns_resolver_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport, durationMs, typeName } from '../../config/index.ts'
import { formatHostPort } from '../../net/index.ts'
import type { DnsLookupFamily, DnsPlan, DnsResolverPlan } from '../cluster-plan.ts'
import { isIpAddress } from './assignment.ts'

export const DNS_CLUSTER = 'envoy.extensions.clusters.dns.v3.DnsCluster'
const CARES = 'envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig'
const GETADDRINFO = 'envoy.extensions.network.dns_resolver.getaddrinfo.v3.GetAddrInfoDnsResolverConfig'
const DEFAULT_REFRESH_MS = 5000
/** Defaults of Envoy's c-ares: 5 s a try, 4 tries. */
const QUERY = { tryMs: 5000, tries: 4 }
const UDP_OR_TCP = 'the resolver asks over UDP, and over TCP what UDP cut short'
const SEARCH = 'names are looked up as they stand, without search domains; leave it out'

declareSupport(DNS_CLUSTER, {
  supported: [
    'dns_refresh_rate',
    'dns_failure_refresh_rate',
    'respect_dns_ttl',
    'dns_jitter',
    'typed_dns_resolver_config',
    'dns_lookup_family',
    'all_addresses_in_single_endpoint',
    'dns_min_refresh_rate',
  ],
})
declareSupport(`${DNS_CLUSTER}.RefreshRate`, { supported: ['base_interval', 'max_interval'] })
declareSupport(CARES, {
  supported: ['resolvers', 'dns_resolver_options', 'query_timeout_seconds', 'query_tries'],
  refused: {
    use_resolvers_as_fallback: 'the listed resolvers replace those of the system; leave it out',
    filter_unroutable_families: 'choose the family with dns_lookup_family',
    udp_max_queries: 'there is no limit on queries per socket; leave it out',
    rotate_nameservers: 'name servers are asked in their order',
    edns0_max_payload_size: 'the resolver chooses it by itself; leave it out',
    max_udp_channel_duration: 'sockets are not kept between queries; leave it out',
    qcache_max_ttl: 'answers are not kept between lookups; leave it out',
    reinit_channel_on_timeout: 'sockets are not kept between queries; leave it out',
  },
})
declareSupport(GETADDRINFO, {
  supported: [],
  refused: {
    num_retries: 'a failed lookup is repeated at the failure refresh rate',
    num_resolver_threads: 'set UV_THREADPOOL_SIZE',
  },
})
declareSupport('envoy.config.core.v3.DnsResolverOptions', {
  supported: [],
  accepted: { no_default_search_domain: SEARCH, use_tcp_for_dns_lookups: UDP_OR_TCP },
})
declareSupport('envoy.config.core.v3.DnsResolutionConfig', { supported: ['resolvers', 'dns_resolver_options'] })

interface RefreshRate {
  readonly baseInterval?: string
  readonly maxInterval?: string
}

/** Fields that Cluster and DnsCluster have in common. */
export interface DnsFields {
  readonly dnsRefreshRate?: string
  readonly dnsFailureRefreshRate?: RefreshRate
  readonly respectDnsTtl?: boolean
  readonly dnsJitter?: string
  readonly dnsLookupFamily?: string
  readonly dnsMinRefreshRate?: string
  readonly typedDnsResolverConfig?: TypedExtensionConfigJson
}

function servers(addresses: readonly AddressJson[] | undefined, context: CompileContext, path: ConfigPath): string[] {
  return (addresses ?? []).flatMap((address, index) => {
    const host = address.socketAddress?.address ?? ''
    if (!isIpAddress(host)) {
      context.diagnostics.error(path.index(index), 'a DNS resolver is an IP address and a port', { found: host })
      return []
    }
    return [formatHostPort(host, address.socketAddress?.portValue ?? 53)]
  })
}

function compileResolver(
  typed: TypedExtensionConfigJson | undefined,
  cluster: ClusterJson,
  context: CompileContext,
  path: ConfigPath,
): DnsResolverPlan {
  if (typed === undefined) {
    const deprecated = cluster.dnsResolutionConfig?.resolvers ?? cluster.dnsResolvers
    return { kind: 'cares', servers: servers(deprecated, context, path.field('dns_resolvers')), ...QUERY }
  }
  const at = path.field('typed_dns_resolver_config').field('typed_config')
  const type = typeName(typed.typedConfig ?? {})
  if (type === GETADDRINFO) return { kind: 'getaddrinfo', servers: [], ...QUERY }
  if (type !== CARES) {
    context.diagnostics.error(at, `no DNS resolver reads ${type}`, {
      expected: `${CARES} or ${GETADDRINFO}`,
      found: type,
    })
  }
  const config = typed.typedConfig as CaresDnsResolverConfigJson | undefined
  return {
    kind: 'cares',
    servers: servers(config?.resolvers, context, at.field('resolvers')),
    tryMs: config?.queryTimeoutSeconds === undefined ? QUERY.tryMs : Number(config.queryTimeoutSeconds) * 1000,
    tries: config?.queryTries ?? QUERY.tries,
  }
}

/** `fields`: of the cluster or of a DnsCluster. */
export function dnsPlan(fields: DnsFields, cluster: ClusterJson, context: CompileContext, path: ConfigPath): DnsPlan {
  const refreshRateMs = durationMs(fields.dnsRefreshRate, DEFAULT_REFRESH_MS)
  const failure = fields.dnsFailureRefreshRate
  const failureBaseMs = durationMs(failure?.baseInterval, refreshRateMs)
  const failureMaxMs = durationMs(failure?.maxInterval, failureBaseMs * 10)
  if (failureMaxMs < failureBaseMs) {
    context.diagnostics.error(path.field('dns_failure_refresh_rate').field('max_interval'), 'is below base_interval')
  }
  const family = fields.dnsLookupFamily
  return {
    lookupFamily: family === undefined || family === 'UNSPECIFIED' ? 'AUTO' : (family as DnsLookupFamily),
    refreshRateMs,
    minRefreshRateMs: durationMs(fields.dnsMinRefreshRate, 0),
    respectTtl: fields.respectDnsTtl ?? false,
    jitterMs: durationMs(fields.dnsJitter, 0),
    failureBaseMs,
    failureMaxMs,
    failureBackOff: failure !== undefined,
    resolver: compileResolver(fields.typedDnsResolverConfig, cluster, context, path),
  }
}
