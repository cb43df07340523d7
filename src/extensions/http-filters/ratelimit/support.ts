import { declareSupport } from '../../../config/index.ts'

const API = 'envoy.extensions.filters.http.ratelimit.v3'

declareSupport(`${API}.RateLimit`, {
  supported: [
    'domain',
    'stage',
    'request_type',
    'timeout',
    'failure_mode_deny',
    'failure_mode_deny_percent',
    'rate_limited_as_resource_exhausted',
    'rate_limit_service',
    'enable_x_ratelimit_headers',
    'disable_x_envoy_ratelimited_header',
    'rate_limited_status',
    'response_headers_to_add',
    'status_on_error',
    'stat_prefix',
    'filter_enabled',
    'filter_enforced',
    'rate_limits',
    'metadata_namespace',
    'enable_retry_after_header',
  ],
})
declareSupport(`${API}.RateLimitPerRoute`, {
  supported: ['vh_rate_limits', 'domain', 'rate_limits'],
  accepted: { override_option: 'Envoy does not implement it either; vh_rate_limits says which limits count' },
})

// Shaped as envoy.config.route.v3.RateLimit, and compiled as one.
const CONFIG = `${API}.RateLimitConfig`
declareSupport(CONFIG, { supported: ['stage', 'disable_key', 'actions', 'limit'] })
declareSupport(`${CONFIG}.Action`, {
  supported: [
    'source_cluster',
    'destination_cluster',
    'request_headers',
    'remote_address',
    'generic_key',
    'header_value_match',
    'metadata',
  ],
  refused: { extension: 'descriptor extensions need CEL, which is not part of this release; use the other actions' },
})
declareSupport(`${CONFIG}.Action.SourceCluster`, { supported: [] })
declareSupport(`${CONFIG}.Action.DestinationCluster`, { supported: [] })
declareSupport(`${CONFIG}.Action.RemoteAddress`, { supported: [] })
declareSupport(`${CONFIG}.Action.RequestHeaders`, { supported: ['header_name', 'descriptor_key', 'skip_if_absent'] })
declareSupport(`${CONFIG}.Action.GenericKey`, { supported: ['descriptor_value', 'descriptor_key'] })
declareSupport(`${CONFIG}.Action.HeaderValueMatch`, { supported: ['descriptor_value', 'expect_match', 'headers'] })
declareSupport(`${CONFIG}.Action.MetaData`, {
  supported: ['descriptor_key', 'metadata_key', 'default_value', 'source', 'skip_if_absent'],
})
declareSupport(`${CONFIG}.Override`, { supported: ['dynamic_metadata'] })
declareSupport(`${CONFIG}.Override.DynamicMetadata`, { supported: ['metadata_key'] })
