import { type AdminResponse, type Endpoint, JSON_TYPE, TEXT, text } from '../endpoint.ts'
import { jsonList } from '../json-list.ts'
import { compileNameFilter } from '../name-filter.ts'
import type { AdminSources, CircuitBreakerLimits, ClusterStatus, HostStatus } from '../sources.ts'

type Predicate = (name: string) => boolean

function* clustersText(sources: AdminSources, wanted: Predicate): Generator<string> {
  for (const cluster of sources.clusters()) {
    if (!wanted(cluster.name)) continue
    yield clusterText(cluster)
    for (const host of cluster.hosts) yield hostText(`${cluster.name}::${host.address}::`, host)
  }
}

function clusterText(cluster: ClusterStatus): string {
  const { name, outlier } = cluster
  let out = `${name}::observability_name::${cluster.observabilityName}\n`
  if (outlier !== null) {
    out += `${name}::outlier::success_rate_average::${outlier.successRateAverage}\n`
    out += `${name}::outlier::success_rate_ejection_threshold::${outlier.successRateEjectionThreshold}\n`
    out += `${name}::outlier::local_origin_success_rate_average::${outlier.localOriginSuccessRateAverage}\n`
    out += `${name}::outlier::local_origin_success_rate_ejection_threshold::${outlier.localOriginSuccessRateEjectionThreshold}\n`
  }
  out += limitsText(`${name}::default_priority::`, cluster.defaultPriority)
  out += limitsText(`${name}::high_priority::`, cluster.highPriority)
  out += `${name}::added_via_api::${cluster.addedViaApi}\n`
  return cluster.edsServiceName === '' ? out : `${out}${name}::eds_service_name::${cluster.edsServiceName}\n`
}

function limitsText(prefix: string, limits: CircuitBreakerLimits): string {
  return (
    `${prefix}max_connections::${limits.maxConnections}\n${prefix}max_pending_requests::${limits.maxPendingRequests}\n` +
    `${prefix}max_requests::${limits.maxRequests}\n${prefix}max_retries::${limits.maxRetries}\n`
  )
}

function hostText(prefix: string, host: HostStatus): string {
  const stats: Record<string, number> = { ...host.counters, ...host.gauges }
  let out = ''
  for (const name of Object.keys(stats).sort()) out += `${prefix}${name}::${stats[name]}\n`
  out += `${prefix}hostname::${host.hostname}\n`
  out += `${prefix}health_flags::${host.healthFlags === '' ? 'healthy' : host.healthFlags}\n`
  out += `${prefix}weight::${host.weight}\n${prefix}region::${host.region}\n${prefix}zone::${host.zone}\n`
  out += `${prefix}sub_zone::${host.subZone}\n${prefix}canary::${host.canary}\n${prefix}priority::${host.priority}\n`
  out += `${prefix}success_rate::${host.successRate}\n`
  return `${out}${prefix}local_origin_success_rate::${host.localOriginSuccessRate}\n`
}

// The JSON form leaves out what has its proto default, as Envoy's printer does.

function limitsMessage(limits: CircuitBreakerLimits, priority: object): object {
  return {
    ...priority,
    ...(limits.maxConnections === 0 ? {} : { max_connections: limits.maxConnections }),
    ...(limits.maxPendingRequests === 0 ? {} : { max_pending_requests: limits.maxPendingRequests }),
    ...(limits.maxRequests === 0 ? {} : { max_requests: limits.maxRequests }),
    ...(limits.maxRetries === 0 ? {} : { max_retries: limits.maxRetries }),
  }
}

/** HostHealthStatus fields by the flag that /clusters text shows. */
const HEALTH_FIELDS: Readonly<Record<string, string>> = {
  failed_active_hc: 'failed_active_health_check',
  failed_outlier_check: 'failed_outlier_check',
  degraded_active_hc: 'failed_active_degraded_check',
  pending_dynamic_removal: 'pending_dynamic_removal',
  pending_active_hc: 'pending_active_hc',
  excluded_via_immediate_hc_fail: 'excluded_via_immediate_hc_fail',
  active_hc_timeout: 'active_hc_timeout',
  degraded_outlier_detection: 'failed_degraded_outlier_detection',
}

function hostMessage(host: HostStatus): object {
  const address =
    host.ip === null
      ? { pipe: { path: host.address } }
      : { socket_address: { address: host.ip.host, port_value: host.ip.port } }
  const value = (count: number) => (count === 0 ? {} : { value: String(count) })
  const counters = Object.entries(host.counters).map(([name, count]) => ({ ...value(count), name }))
  const gauges = Object.entries(host.gauges).map(([name, count]) => ({ type: 'GAUGE', ...value(count), name }))
  const flags = host.healthFlags
    .split('/')
    .flatMap(flag => (flag in HEALTH_FIELDS ? [[HEALTH_FIELDS[flag], true]] : []))
  const rate = (name: string, percent: number) => (percent === -1 ? {} : { [name]: { value: percent } })
  const locality = {
    ...(host.region === '' ? {} : { region: host.region }),
    ...(host.zone === '' ? {} : { zone: host.zone }),
    ...(host.subZone === '' ? {} : { sub_zone: host.subZone }),
  }
  return {
    address,
    stats: [...counters, ...gauges],
    health_status: { ...Object.fromEntries(flags), eds_health_status: host.edsHealthStatus },
    ...rate('success_rate', host.successRate),
    ...(host.weight === 0 ? {} : { weight: host.weight }),
    ...(host.hostname === '' ? {} : { hostname: host.hostname }),
    ...(host.priority === 0 ? {} : { priority: host.priority }),
    ...rate('local_origin_success_rate', host.localOriginSuccessRate),
    locality,
  }
}

function clusterMessage(cluster: ClusterStatus): object {
  const { outlier } = cluster
  const percent = (name: string, value: number) => (value < 0 ? {} : { [name]: { value } })
  const hosts = Array.from(cluster.hosts, hostMessage)
  return {
    name: cluster.name,
    ...(cluster.addedViaApi ? { added_via_api: true } : {}),
    ...(outlier === null ? {} : percent('success_rate_ejection_threshold', outlier.successRateEjectionThreshold)),
    ...(hosts.length === 0 ? {} : { host_statuses: hosts }),
    ...(outlier === null
      ? {}
      : percent('local_origin_success_rate_ejection_threshold', outlier.localOriginSuccessRateEjectionThreshold)),
    circuit_breakers: {
      thresholds: [
        limitsMessage(cluster.defaultPriority, {}),
        limitsMessage(cluster.highPriority, { priority: 'HIGH' }),
      ],
    },
    observability_name: cluster.observabilityName,
    ...(cluster.edsServiceName === '' ? {} : { eds_service_name: cluster.edsServiceName }),
  }
}

function* clusterMessages(sources: AdminSources, wanted: Predicate): Generator<object> {
  for (const cluster of sources.clusters()) if (wanted(cluster.name)) yield clusterMessage(cluster)
}

export const clusters: Endpoint = {
  path: '/clusters',
  help: 'upstream cluster status',
  params: [{ name: 'filter', help: 'Regular expression (Google re2) for filtering clusters by name' }],
  handle: ({ params }, sources): AdminResponse => {
    const filter = params.get('filter') ?? ''
    const wanted = filter === '' ? () => true : compileNameFilter(filter)
    if (typeof wanted !== 'function') return text('Invalid re2 regex', 400)
    if (params.get('format') !== 'json') return { status: 200, contentType: TEXT, body: clustersText(sources, wanted) }
    return { status: 200, contentType: JSON_TYPE, body: jsonList('cluster_statuses', clusterMessages(sources, wanted)) }
  },
}
