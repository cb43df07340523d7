import { isIP } from 'node:net'
import type { MetadataJson } from '#api/envoy/config/core/v3/base_pb.ts'
import type {
  Endpoint_HealthCheckConfigJson,
  LbEndpointJson,
  LocalityLbEndpointsJson,
} from '#api/envoy/config/endpoint/v3/endpoint_components_pb.ts'
import type { ClusterLoadAssignmentJson } from '#api/envoy/config/endpoint/v3/endpoint_pb.ts'
import { type ConfigPath, type Diagnostics, durationMs, fractionalPercent } from '../../config/index.ts'
import { parseAddress } from '../../net/index.ts'
import type { AssignmentPlan, DiscoveryType, LocalityPlan } from '../cluster-plan.ts'
import { edsHealthFlags } from '../health.ts'
import type { EndpointHealthCheck, EndpointPlan } from '../host.ts'

const DEFAULT_OVERPROVISIONING = 140
const LB_METADATA = 'envoy.lb'

export function filterMetadata(json: MetadataJson | undefined): Readonly<Record<string, object>> | null {
  return (json?.filterMetadata as Readonly<Record<string, object>> | undefined) ?? null
}

/** One endpoint; its address may still be a host name. */
export function compileEndpoint(json: LbEndpointJson): EndpointPlan {
  const metadata = filterMetadata(json.metadata)
  const address = parseAddress(json.endpoint?.address ?? {})
  return {
    address,
    additionalAddresses: (json.endpoint?.additionalAddresses ?? []).map(({ address: other }) =>
      parseAddress(other ?? {}),
    ),
    hostname: json.endpoint?.hostname ?? '',
    weight: json.loadBalancingWeight ?? 1,
    healthFlags: edsHealthFlags(json.healthStatus),
    canary: (metadata?.[LB_METADATA] as { canary?: unknown } | undefined)?.canary === true,
    metadata,
    healthCheck: compileEndpointHealthCheck(json.endpoint?.healthCheckConfig),
  }
}

function compileEndpointHealthCheck(json: Endpoint_HealthCheckConfigJson | undefined): EndpointHealthCheck | null {
  if (json === undefined) return null
  return {
    address: json.address === undefined ? null : parseAddress(json.address),
    port: json.portValue ?? 0,
    hostname: json.hostname ?? '',
    disabled: json.disableActiveHealthCheck ?? false,
  }
}

function compileLocality(json: LocalityLbEndpointsJson): LocalityPlan {
  return {
    locality: {
      region: json.locality?.region ?? '',
      zone: json.locality?.zone ?? '',
      subZone: json.locality?.subZone ?? '',
    },
    // As in Envoy, only a locality that has a name can have a weight.
    weight: json.locality === undefined ? 0 : (json.loadBalancingWeight ?? 0),
    priority: json.priority ?? 0,
    endpoints: (json.lbEndpoints ?? []).map(compileEndpoint),
  }
}

/** Compiles envoy.config.endpoint.v3.ClusterLoadAssignment; addresses may still be host names. */
export function compileAssignment(json: ClusterLoadAssignmentJson | undefined): AssignmentPlan {
  return {
    localities: (json?.endpoints ?? []).map(compileLocality),
    overprovisioningFactor: json?.policy?.overprovisioningFactor ?? DEFAULT_OVERPROVISIONING,
    dropOverload: dropOverload(json),
    endpointStaleAfterMs: durationMs(json?.policy?.endpointStaleAfter, 0),
    weightedPriorityHealth: json?.policy?.weightedPriorityHealth ?? false,
  }
}

function dropOverload(json: ClusterLoadAssignmentJson | undefined): number {
  const [first] = json?.policy?.dropOverloads ?? []
  const { numerator, denominator } = fractionalPercent(first?.dropPercentage)
  return Math.min(numerator / denominator, 1)
}

/** 'fe80::1%eth0' is an IPv6 address too. */
export function isIpAddress(host: string): boolean {
  return isIP(host) !== 0
}

/** Checks that the endpoints of a cluster suit the way it finds its hosts. */
export function checkAssignment(
  json: ClusterLoadAssignmentJson | undefined,
  discovery: DiscoveryType,
  diagnostics: Diagnostics,
  path: ConfigPath,
): void {
  const localities = json?.endpoints ?? []
  const endpoints = localities.flatMap(locality => locality.lbEndpoints ?? [])
  if (discovery === 'LOGICAL_DNS' && (localities.length !== 1 || endpoints.length !== 1)) {
    diagnostics.error(path, `a LOGICAL_DNS cluster has exactly one endpoint`, {
      expected: 'one locality with one endpoint',
      found: `${localities.length} localities with ${endpoints.length} endpoints`,
    })
  }
  if (discovery !== 'EDS' && json?.policy?.endpointStaleAfter !== undefined) {
    diagnostics.error(path.field('policy').field('endpoint_stale_after'), 'only discovered hosts grow stale')
  }
  if ((json?.policy?.dropOverloads?.length ?? 0) > 1) {
    diagnostics.error(
      path.field('policy').field('drop_overloads'),
      'load is dropped for one category at most, as in Envoy',
    )
  }
  localities.forEach((locality, i) => {
    ;(locality.lbEndpoints ?? []).forEach((endpoint, j) => {
      const at = path.field('endpoints').index(i).field('lb_endpoints').index(j).field('endpoint')
      checkEndpoint(endpoint, discovery, diagnostics, at.field('address'))
      checkAdditional(endpoint, discovery, diagnostics, at.field('additional_addresses'))
    })
  })
}

function checkEndpoint(
  endpoint: LbEndpointJson,
  discovery: DiscoveryType,
  diagnostics: Diagnostics,
  path: ConfigPath,
): void {
  const address = endpoint.endpoint?.address
  if (address === undefined) {
    diagnostics.error(path, 'an endpoint needs an address')
    return
  }
  if (address.pipe !== undefined) {
    if (discovery !== 'STATIC' && discovery !== 'EDS')
      diagnostics.error(path.field('pipe'), `a ${discovery} cluster resolves host names`)
    return
  }
  const host = address.socketAddress?.address ?? ''
  if ((discovery === 'STATIC' || discovery === 'EDS') && !isIpAddress(host)) {
    diagnostics.error(path.field('socket_address').field('address'), `'${host}' is not an IP address`, {
      expected: 'an IP address, or type STRICT_DNS or LOGICAL_DNS for host names',
      found: host,
    })
  }
}

/** An endpoint with several addresses has them all by number. */
function checkAdditional(
  { endpoint }: LbEndpointJson,
  discovery: DiscoveryType,
  diagnostics: Diagnostics,
  path: ConfigPath,
): void {
  const additional = endpoint?.additionalAddresses ?? []
  if (additional.length === 0) return
  if (discovery !== 'STATIC' && discovery !== 'EDS') {
    diagnostics.error(path, `a ${discovery} cluster resolves host names`, { expected: 'type STATIC or EDS' })
  } else if (endpoint?.address?.pipe !== undefined) diagnostics.error(path, 'a pipe has no further addresses')
  additional.forEach(({ address }, index) => {
    const host = address?.socketAddress?.address ?? ''
    if (isIpAddress(host)) return
    diagnostics.error(path.index(index).field('address'), `'${host}' is not an IP address`, {
      expected: 'an IP address',
      found: host,
    })
  })
}
