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
