import { declareSupport } from '../../../config/index.ts'

const API = 'envoy.extensions.filters.http.ext_authz.v3'
const TYPED = 'typed metadata is not part of this release; use metadata_context_namespaces'
const SPANS = 'that of the filter holds'

declareSupport(`${API}.ExtAuthz`, {
  supported: [
    'grpc_service',
    'http_service',
    'failure_mode_allow',
    'failure_mode_allow_header_add',
    'with_request_body',
    'clear_route_cache',
    'status_on_error',
    'validate_mutations',
    'metadata_context_namespaces',
    'route_metadata_context_namespaces',
    'filter_enabled',
    'filter_enabled_metadata',
    'deny_at_disable',
    'stat_prefix',
    'allowed_headers',
    'disallowed_headers',
    'charge_cluster_response_stats',
    'enable_dynamic_metadata_ingestion',
    'max_denied_response_body_bytes',
    'shadow_mode',
    'include_peer_certificate',
    'include_tls_session',
    'encode_raw_headers',
    'emit_client_span',
  ],
  refused: {
    typed_metadata_context_namespaces: TYPED,
    route_typed_metadata_context_namespaces: TYPED,
    bootstrap_metadata_labels_key: 'labels are not sent in this release',
    decoder_header_mutation_rules: 'mutation rules are not part of this release; the service is trusted',
    filter_metadata: 'filter metadata is not part of this release',
    emit_filter_state_stats: 'not part of this release; the service cluster has the same figures',
    enforce_response_header_limits: 'not part of this release; max_response_headers_kb of the service cluster holds',
    clear_route_cache_headers: 'use clear_route_cache',
  },
  accepted: { transport_api_version: 'there is only v3' },
})
declareSupport(`${API}.BufferSettings`, {
  supported: ['max_request_bytes', 'allow_partial_message', 'pack_as_bytes'],
})
declareSupport(`${API}.HttpService`, {
  supported: [
    'server_uri',
    'path_prefix',
    'path_override',
    'authorization_request',
    'authorization_response',
    'retry_policy',
  ],
})
declareSupport(`${API}.AuthorizationRequest`, { supported: ['allowed_headers', 'headers_to_add'] })
declareSupport(`${API}.AuthorizationResponse`, {
  supported: [
    'allowed_upstream_headers',
    'allowed_upstream_headers_to_append',
    'allowed_client_headers',
    'allowed_client_headers_on_success',
    'dynamic_metadata_from_headers',
  ],
})
declareSupport(`${API}.ExtAuthzPerRoute`, { supported: ['disabled', 'check_settings'] })
declareSupport(`${API}.CheckSettings`, {
  supported: [
    'context_extensions',
    'disable_request_body_buffering',
    'with_request_body',
    'grpc_service',
    'http_service',
  ],
  accepted: { emit_client_span: SPANS },
})
declareSupport('envoy.config.core.v3.HttpUri', { supported: ['uri', 'cluster', 'timeout'] })
