// What this release does with every field of the messages a cluster consists of.
import { declareSupport } from '../../config/index.ts'

const CLUSTER = 'envoy.config.cluster.v3'
const ENDPOINT = 'envoy.config.endpoint.v3'
const CORE = 'envoy.config.core.v3'
const LATER = 'comes in a later release'
const NOT_IN_ENVOY = 'Envoy does not implement it either; name the endpoint where it is used'
const NO_LEDS =
  'endpoints come with their cluster load assignment (EDS), not locality by locality (LEDS); use lb_endpoints'
const NO_SOCKET_OPTIONS = 'Node.js offers no way to set socket options; leave it out'
const NO_ORIGINAL_DST =
  'the original destination of a redirected connection cannot be read by Node.js (SO_ORIGINAL_DST)'

declareSupport(`${CLUSTER}.Cluster`, {
  supported: [
    'name',
    'alt_stat_name',
    'type',
    'cluster_type',
    'connect_timeout',
    'per_connection_buffer_limit_bytes',
    'lb_policy',
    'load_assignment',
    'max_requests_per_connection',
    'circuit_breakers',
    'common_http_protocol_options',
    'http_protocol_options',
    'http2_protocol_options',
    'protocol_selection',
    'typed_extension_protocol_options',
    'dns_refresh_rate',
    'dns_failure_refresh_rate',
    'respect_dns_ttl',
    'dns_jitter',
    'dns_lookup_family',
    'dns_resolvers',
    'typed_dns_resolver_config',
    'dns_resolution_config',
    'wait_for_warm_on_init',
    'upstream_bind_config',
    'ring_hash_lb_config',
    'maglev_lb_config',
    'least_request_lb_config',
    'round_robin_lb_config',
    'lb_subset_config',
    'common_lb_config',
    'load_balancing_policy',
    'transport_socket',
    'transport_socket_matches',
    'upstream_http_protocol_options',
    'metadata',
    'upstream_connection_options',
    'health_checks',
    'outlier_detection',
    'close_connections_on_host_health_failure',
    'ignore_health_on_host_removal',
    'eds_cluster_config',
  ],
  values: {
    type: { ORIGINAL_DST: NO_ORIGINAL_DST },
  },
  refused: {
    transport_socket_matcher: 'the matcher tree is not offered here; use transport_socket_matches',
    use_tcp_for_dns_lookups: 'the resolver chooses UDP or TCP by itself; leave it out',
    original_dst_lb_config: NO_ORIGINAL_DST,
    filters: `upstream network filters ${LATER}`,
    lrs_server: 'Envoy does not read it either; use cluster_manager.load_stats_config',
    lrs_report_endpoint_metrics: 'reports have counts of requests, no metrics of hosts; leave it out',
    upstream_config: 'the kind of upstream connection follows from the listener; leave it out',
    preconnect_policy: 'connections are opened when requests need them; leave it out',
    connection_pool_per_downstream_connection: 'connections to upstream hosts are always shared; leave it out',
    per_connection_buffer_high_watermark_timeout: `buffer timeouts ${LATER}`,
    stats_matcher: 'stats matchers are not supported by this release; filter when reading with /stats?filter=',
    queuing_policies: 'requests that wait for a connection are served in the order they came; leave it out',
    track_timeout_budgets: `timeout budget histograms ${LATER}`,
    track_cluster_stats: `these histograms ${LATER}`,
  },
  accepted: {
    cleanup_interval: 'only original destination clusters clean up',
  },
})
declareSupport(`${CLUSTER}.Cluster.CustomClusterType`, { supported: ['name', 'typed_config'] })
declareSupport(`${CLUSTER}.Cluster.TransportSocketMatch`, { supported: ['name', 'match', 'transport_socket'] })
declareSupport(`${CLUSTER}.Cluster.RefreshRate`, { supported: ['base_interval', 'max_interval'] })
declareSupport(`${CLUSTER}.Cluster.CommonLbConfig`, {
  supported: [
    'healthy_panic_threshold',
    'locality_weighted_lb_config',
    'close_connections_on_host_set_change',
    'consistent_hashing_lb_config',
    'update_merge_window',
    'ignore_new_hosts_until_first_hc',
    'zone_aware_lb_config',
    'override_host_status',
  ],
})
declareSupport(`${CLUSTER}.Cluster.CommonLbConfig.ZoneAwareLbConfig`, {
  supported: ['routing_enabled', 'min_cluster_size', 'fail_traffic_on_panic'],
})
declareSupport(`${CORE}.HealthStatusSet`, { supported: ['statuses'] })
declareSupport(`${CLUSTER}.Cluster.CommonLbConfig.LocalityWeightedLbConfig`, { supported: [] })
declareSupport(`${CLUSTER}.Cluster.CommonLbConfig.ConsistentHashingLbConfig`, {
  supported: ['use_hostname_for_hashing', 'hash_balance_factor'],
})
declareSupport(`${CLUSTER}.UpstreamConnectionOptions`, {
  supported: ['tcp_keepalive', 'happy_eyeballs_config'],
  refused: {
    set_local_interface_name_on_upstream_connections: 'Node.js does not tell the name of the interface',
  },
})
declareSupport(`${CLUSTER}.UpstreamConnectionOptions.HappyEyeballsConfig`, {
  supported: ['first_address_family_version', 'first_address_family_count'],
})
declareSupport(`${ENDPOINT}.Endpoint.AdditionalAddress`, { supported: ['address'] })
declareSupport(`${CORE}.BindConfig`, {
  supported: ['source_address'],
  refused: {
    freebind: NO_SOCKET_OPTIONS,
    socket_options: NO_SOCKET_OPTIONS,
    extra_source_addresses: 'one source address per cluster is supported',
    additional_source_addresses: 'one source address per cluster is supported',
    local_address_selector: 'one source address per cluster is supported',
    validate_network_namespaces: 'Node.js cannot open sockets in another network namespace',
  },
})

declareSupport(`${ENDPOINT}.ClusterLoadAssignment`, {
  supported: ['cluster_name', 'endpoints', 'policy'],
  refused: { named_endpoints: NOT_IN_ENVOY },
})
declareSupport(`${ENDPOINT}.ClusterLoadAssignment.Policy`, {
  supported: ['overprovisioning_factor', 'weighted_priority_health', 'endpoint_stale_after', 'drop_overloads'],
})
declareSupport(`${ENDPOINT}.ClusterLoadAssignment.Policy.DropOverload`, {
  supported: ['drop_percentage'],
  accepted: { category: 'nothing counts drops by category' },
})
declareSupport(`${ENDPOINT}.LocalityLbEndpoints`, {
  supported: ['locality', 'lb_endpoints', 'load_balancing_weight', 'priority'],
  refused: { load_balancer_endpoints: 'use lb_endpoints', leds_cluster_locality_config: NO_LEDS },
  accepted: { metadata: 'nothing in this release reads locality metadata', proximity: 'not read by Envoy either' },
})
declareSupport(`${ENDPOINT}.LbEndpoint`, {
  supported: ['endpoint', 'health_status', 'metadata', 'load_balancing_weight'],
  refused: { endpoint_name: NOT_IN_ENVOY },
})
declareSupport(`${ENDPOINT}.Endpoint`, {
  supported: ['address', 'hostname', 'health_check_config', 'additional_addresses'],
  refused: {
    observability_name: 'endpoints have no stats of their own by name; /clusters shows them by address',
  },
})
declareSupport(`${ENDPOINT}.Endpoint.HealthCheckConfig`, {
  supported: ['port_value', 'hostname', 'address', 'disable_active_health_check'],
})

declareSupport(`${CLUSTER}.CircuitBreakers`, {
  supported: ['thresholds', 'per_host_thresholds'],
})
declareSupport(`${CLUSTER}.CircuitBreakers.Thresholds`, {
  supported: [
    'priority',
    'max_connections',
    'max_pending_requests',
    'max_requests',
    'max_retries',
    'retry_budget',
    'track_remaining',
  ],
  refused: { max_connection_pools: 'a host has one pool per worker and priority; there is nothing to limit' },
})
declareSupport(`${CLUSTER}.CircuitBreakers.Thresholds.RetryBudget`, {
  supported: ['budget_percent', 'min_retry_concurrency', 'budget_interval'],
})
