import { declareSupport } from '../../../config/index.ts'

const REDIS_PROXY = 'envoy.extensions.filters.network.redis_proxy.v3.RedisProxy'

declareSupport(REDIS_PROXY, {
  supported: [
    'stat_prefix',
    'settings',
    'latency_in_micros',
    'prefix_routes',
    'downstream_auth_password',
    'downstream_auth_passwords',
    'downstream_auth_username',
    'external_auth_provider',
    'faults',
    'custom_commands',
    'protocol_version',
  ],
})
declareSupport(`${REDIS_PROXY}.ConnPoolSettings`, {
  supported: [
    'op_timeout',
    'enable_hashtagging',
    'enable_redirection',
    'max_upstream_unknown_connections',
    'enable_command_stats',
    'read_policy',
    'connection_rate_limit',
  ],
  refused: {
    dns_cache_config:
      'MOVED and ASK with a host name are told to clients; let hosts announce addresses (cluster-announce-ip)',
  },
  accepted: {
    max_buffer_size_before_flush: 'what one turn of the event loop brings for a host leaves in one write anyway',
    buffer_flush_timeout: 'what one turn of the event loop brings for a host leaves in one write anyway',
  },
})
declareSupport(`${REDIS_PROXY}.ConnectionRateLimit`, { supported: ['connection_rate_limit_per_sec'] })
declareSupport(`${REDIS_PROXY}.PrefixRoutes`, { supported: ['routes', 'case_insensitive', 'catch_all_route'] })
declareSupport(`${REDIS_PROXY}.PrefixRoutes.Route`, {
  supported: ['prefix', 'remove_prefix', 'cluster', 'request_mirror_policy', 'key_formatter', 'read_command_policy'],
})
declareSupport(`${REDIS_PROXY}.PrefixRoutes.Route.RequestMirrorPolicy`, {
  supported: ['cluster', 'runtime_fraction', 'exclude_read_commands'],
})
declareSupport(`${REDIS_PROXY}.PrefixRoutes.Route.ReadCommandPolicy`, { supported: ['cluster'] })
declareSupport(`${REDIS_PROXY}.RedisFault`, { supported: ['fault_type', 'fault_enabled', 'delay', 'commands'] })
declareSupport('envoy.extensions.filters.network.redis_proxy.v3.RedisExternalAuthProvider', {
  supported: ['grpc_service', 'enable_auth_expiration'],
})
