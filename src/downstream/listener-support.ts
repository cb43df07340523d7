import { declareSupport } from '../config/index.ts'

const NO_SOCKET_OPTIONS = 'Node.js offers no way to set socket options; set the equivalent sysctl, or leave it out'
const IPTABLES = 'needs the original destination of a redirected connection, which Node.js cannot ask the kernel for'

declareSupport('envoy.config.listener.v3.Listener', {
  supported: [
    'name',
    'address',
    'additional_addresses',
    'stat_prefix',
    'filter_chains',
    'default_filter_chain',
    'per_connection_buffer_limit_bytes',
    'drain_type',
    'listener_filters',
    'listener_filters_timeout',
    'continue_on_listener_filters_timeout',
    'traffic_direction',
    'enable_reuse_port',
    'access_log',
    'tcp_backlog_size',
    'bind_to_port',
    'deprecated_v1',
    'ignore_global_conn_limit',
    'tcp_keepalive',
    'socket_options',
    'filter_chain_matcher',
    'connection_balance_config',
    'metadata',
    'udp_listener_config',
  ],
  refused: {
    transparent: NO_SOCKET_OPTIONS,
    freebind: NO_SOCKET_OPTIONS,
    tcp_fast_open_queue_length: NO_SOCKET_OPTIONS,
    use_original_dst: IPTABLES,
    api_listener: 'an API listener serves an embedding application, and there is none',
    internal_listener: 'internal listeners are not part of this release; use a pipe address',
    enable_mptcp: NO_SOCKET_OPTIONS,
    bypass_overload_manager:
      'the overload manager of this release is for all listeners; the admin interface is never under it',
    per_connection_buffer_high_watermark_timeout: 'not part of this release; use idle timeouts',
    stats_matcher: 'per-listener stats matchers are not part of this release',
    fcds_config: 'filter chain discovery is not part of this release',
  },
  values: { use_original_dst: { true: IPTABLES } },
  accepted: {
    reuse_port: 'deprecated: enable_reuse_port decides, and it is on unless it says otherwise',
    max_connections_to_accept_per_socket_event: 'the event loop of Node.js accepts in batches of its own size',
  },
})

declareSupport('envoy.config.listener.v3.Listener.ConnectionBalanceConfig', {
  supported: ['exact_balance'],
  refused: {
    extend_balance: 'balancers are hardware that Node.js cannot use; leave it out',
    cpu_locality_balance: 'Node.js can neither pin threads nor ask which CPU has a connection; leave it out',
  },
})
declareSupport('envoy.config.listener.v3.Listener.ConnectionBalanceConfig.ExactBalance', { supported: [] })
declareSupport('envoy.config.listener.v3.Listener.DeprecatedV1', { supported: ['bind_to_port'] })

declareSupport('envoy.config.listener.v3.AdditionalAddress', {
  supported: ['address', 'socket_options', 'tcp_keepalive'],
})
declareSupport('envoy.config.core.v3.SocketOptionsOverride', { supported: ['socket_options'] })

declareSupport('envoy.config.listener.v3.FilterChain', {
  supported: [
    'filter_chain_match',
    'filters',
    'transport_socket',
    'transport_socket_connect_timeout',
    'name',
    'metadata',
  ],
  refused: {
    use_proxy_proto: 'deprecated; put the listener filter envoy.filters.listener.proxy_protocol in front',
    on_demand_configuration: 'filter chains are always compiled ahead; leave it out',
  },
})

declareSupport('envoy.config.listener.v3.FilterChainMatch', {
  supported: [
    'destination_port',
    'prefix_ranges',
    'server_names',
    'transport_protocol',
    'application_protocols',
    'direct_source_prefix_ranges',
    'source_type',
    'source_prefix_ranges',
    'source_ports',
  ],
  refused: {
    address_suffix: 'Envoy does not implement it either; use prefix_ranges',
    suffix_len: 'Envoy does not implement it either; use prefix_ranges',
  },
})

declareSupport('envoy.config.listener.v3.Filter', {
  supported: ['name', 'typed_config'],
  refused: { config_discovery: 'extension config discovery (ECDS) is not part of this release; use typed_config' },
})

declareSupport('envoy.config.listener.v3.ListenerFilter', {
  supported: ['name', 'typed_config', 'filter_disabled'],
  refused: { config_discovery: 'extension config discovery (ECDS) is not part of this release; use typed_config' },
})

declareSupport('envoy.config.listener.v3.ListenerFilterChainMatchPredicate', {
  supported: ['or_match', 'and_match', 'not_match', 'any_match', 'destination_port_range'],
})
declareSupport('envoy.config.listener.v3.ListenerFilterChainMatchPredicate.MatchSet', { supported: ['rules'] })
