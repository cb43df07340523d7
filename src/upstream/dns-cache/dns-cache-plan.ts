import type { ClusterJson } from '#api/envoy/config/cluster/v3/cluster_pb.ts'
import type { CidrRangeJson } from '#api/envoy/config/core/v3/address_pb.ts'
import type { DnsCacheConfigJson } from '#api/envoy/extensions/common/dynamic_forward_proxy/v3/dns_cache_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport, durationMs } from '../../config/index.ts'
import { type Cidr, parseCidr, parseIp } from '../../net/index.ts'
import type { DnsPlan } from '../cluster-plan.ts'
import { type DnsFields, dnsPlan } from '../compile/dns.ts'
import { type HostAndPort, hostAndPort } from './host-key.ts'

const API = 'envoy.extensions.common.dynamic_forward_proxy.v3'
const DEFAULT_REFRESH = '60s'
const DEFAULT_MIN_REFRESH_MS = 5000
const DEFAULT_HOST_TTL_MS = 300_000
const DEFAULT_MAX_HOSTS = 1024
const DEFAULT_MAX_PENDING = 1024
const DEFAULT_QUERY_TIMEOUT_MS = 5000
const UDP_OR_TCP = 'the resolver asks over UDP, and over TCP what UDP cut short'

declareSupport(`${API}.DnsCacheConfig`, {
  supported: [
    'name',
    'dns_lookup_family',
    'dns_refresh_rate',
    'dns_min_refresh_rate',
    'host_ttl',
    'max_hosts',
    'dns_failure_refresh_rate',
    'dns_cache_circuit_breaker',
    'typed_dns_resolver_config',
    'dns_resolution_config',
    'preresolve_hostnames',
    'dns_query_timeout',
    'disable_dns_refresh_on_failure',
    'resolved_address_filter',
  ],
  refused: {
    key_value_config: 'key-value stores, to keep the cache over restarts, are not part of this release',
  },
  accepted: { use_tcp_for_dns_lookups: UDP_OR_TCP },
})
declareSupport(`${API}.DnsCacheCircuitBreakers`, { supported: ['max_pending_requests'] })

/** A cache of resolved names; the same name means the same cache, for all clusters and filters. */
export interface DnsCachePlan {
  readonly name: string
  readonly dns: DnsPlan
  /** Hosts that nobody has used for so long are forgotten. */
  readonly hostTtlMs: number
  readonly maxHosts: number
  /** Most requests that wait for an answer, over all workers. */
  readonly maxPendingRequests: number
  readonly queryTimeoutMs: number
  /** False: a name that could not be resolved is forgotten, and asked for again by the next request. */
  readonly refreshesFailures: boolean
  readonly preresolve: readonly HostAndPort[]
  /** Addresses that no host may have; null: any will do. */
  readonly denies: ((address: string) => boolean) | null
}

export function compileDnsCache(
  json: DnsCacheConfigJson | undefined,
  context: CompileContext,
  path: ConfigPath,
): DnsCachePlan {
  const config = json ?? {}
  const fields = { dnsRefreshRate: DEFAULT_REFRESH, ...config }
  return {
    name: config.name ?? '',
    dns: {
      ...dnsPlan(fields as DnsFields, config as ClusterJson, context, path),
      minRefreshRateMs: durationMs(config.dnsMinRefreshRate, DEFAULT_MIN_REFRESH_MS),
      respectTtl: true,
    },
    hostTtlMs: durationMs(config.hostTtl, DEFAULT_HOST_TTL_MS),
    maxHosts: config.maxHosts ?? DEFAULT_MAX_HOSTS,
    maxPendingRequests: config.dnsCacheCircuitBreaker?.maxPendingRequests ?? DEFAULT_MAX_PENDING,
    queryTimeoutMs: durationMs(config.dnsQueryTimeout, DEFAULT_QUERY_TIMEOUT_MS),
    refreshesFailures: config.disableDnsRefreshOnFailure !== true,
    preresolve: (config.preresolveHostnames ?? []).map(({ address = '', portValue = 0 }) =>
      hostAndPort(`${address}:${portValue}`, portValue),
    ),
    denies: compileFilter(config.resolvedAddressFilter),
  }
}

function compileFilter(json: DnsCacheConfigJson['resolvedAddressFilter']): DnsCachePlan['denies'] {
  if (json === undefined) return null
  const ranges = (json.ranges ?? [])
    .map(range => parseCidr(range as CidrRangeJson))
    .filter((range): range is Cidr => range !== null)
  const inverted = json.invertMatch === true
  return address => {
    const ip = parseIp(address)
    return ip !== null && ranges.some(range => range.contains(ip)) !== inverted
  }
}
