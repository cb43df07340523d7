import { declareSupport } from '../../../config/index.ts'

const API = 'envoy.extensions.filters.http.jwt_authn.v3'

declareSupport(`${API}.JwtAuthentication`, {
  supported: [
    'providers',
    'rules',
    'bypass_cors_preflight',
    'requirement_map',
    'strip_failure_response',
    'stat_prefix',
    'filter_state_rules',
  ],
})
declareSupport(`${API}.JwtProvider`, {
  supported: [
    'issuer',
    'audiences',
    'subjects',
    'require_expiration',
    'max_lifetime',
    'remote_jwks',
    'local_jwks',
    'forward',
    'from_headers',
    'from_params',
    'from_cookies',
    'forward_payload_header',
    'pad_forward_payload_header',
    'payload_in_metadata',
    'normalize_payload_in_metadata',
    'header_in_metadata',
    'failed_status_in_metadata',
    'clock_skew_seconds',
    'claim_to_headers',
    'clear_route_cache',
    'jwt_cache_config',
  ],
})
declareSupport(`${API}.ExtractOnlyWithoutValidation`, {
  supported: [],
  refused: {
    verification_status_header: 'use failed_status_in_metadata of the provider, which tells the same to later filters',
  },
})
declareSupport(`${API}.FilterStateRule`, { supported: ['name', 'requires'] })
declareSupport(`${API}.JwtCacheConfig`, { supported: ['jwt_cache_size', 'jwt_max_token_size'] })
declareSupport(`${API}.JwtProvider.NormalizePayload`, { supported: ['space_delimited_claims'] })
declareSupport(`${API}.RemoteJwks`, {
  supported: ['http_uri', 'cache_duration', 'async_fetch', 'retry_policy'],
})
declareSupport(`${API}.JwksAsyncFetch`, {
  supported: ['failed_refetch_duration'],
  accepted: { fast_listener: 'listeners never wait for keys; requests that come first do' },
})
declareSupport(`${API}.JwtHeader`, { supported: ['name', 'value_prefix'] })
declareSupport(`${API}.JwtClaimToHeader`, { supported: ['header_name', 'claim_name', 'claim_path'] })
declareSupport(`${API}.JwtClaimToHeader.PathSegment`, { supported: ['key'] })
declareSupport(`${API}.ProviderWithAudiences`, { supported: ['provider_name', 'audiences'] })
declareSupport(`${API}.JwtRequirement`, {
  supported: [
    'provider_name',
    'provider_and_audiences',
    'requires_any',
    'requires_all',
    'allow_missing_or_failed',
    'allow_missing',
    'extract_only_without_validation',
  ],
})
declareSupport(`${API}.JwtRequirementOrList`, { supported: ['requirements'] })
declareSupport(`${API}.JwtRequirementAndList`, { supported: ['requirements'] })
declareSupport(`${API}.RequirementRule`, { supported: ['match', 'requires', 'requirement_name'] })
declareSupport(`${API}.PerRouteConfig`, { supported: ['disabled', 'requirement_name'] })
declareSupport('google.protobuf.Empty', { supported: [] })
