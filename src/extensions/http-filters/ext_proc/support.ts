import { declareSupport } from '../../../config/index.ts'

const API = 'envoy.extensions.filters.http.ext_proc.v3'
const CODE = 'extensions of this filter are native code'
const TYPED = 'typed metadata is not part of this release; use untyped'
const SPANS = 'that of the filter holds'
const GRPC_MODE = { GRPC: 'messages of gRPC bodies are not cut apart in this release; use STREAMED' }

declareSupport(`${API}.ExternalProcessor`, {
  supported: [
    'grpc_service',
    'failure_mode_allow',
    'processing_mode',
    'request_attributes',
    'response_attributes',
    'message_timeout',
    'stat_prefix',
    'mutation_rules',
    'max_message_timeout',
    'forward_rules',
    'allow_mode_override',
    'allowed_override_modes',
    'disable_immediate_response',
    'metadata_options',
    'observability_mode',
    'disable_clear_route_cache',
    'route_cache_action',
    'deferred_close_timeout',
    'status_on_error',
    'emit_client_span',
  ],
  refused: {
    http_service: 'processors are spoken to by gRPC: use grpc_service',
    filter_metadata: 'filter metadata is not part of this release',
    send_body_without_waiting_for_header_response: 'use FULL_DUPLEX_STREAMED, where bodies do not wait',
    allow_content_length_header: 'a length that the body does not keep would let bytes pass for another message',
    on_processing_response: CODE,
    processing_request_modifier: CODE,
  },
})
declareSupport(`${API}.ProcessingMode`, {
  supported: [
    'request_header_mode',
    'response_header_mode',
    'request_body_mode',
    'response_body_mode',
    'request_trailer_mode',
    'response_trailer_mode',
  ],
  values: { request_body_mode: GRPC_MODE, response_body_mode: GRPC_MODE },
})
declareSupport(`${API}.MetadataOptions`, {
  supported: ['forwarding_namespaces', 'receiving_namespaces'],
  refused: { cluster_metadata_forwarding_namespaces: 'the metadata of clusters is not sent in this release' },
})
declareSupport(`${API}.MetadataOptions.MetadataNamespaces`, { supported: ['untyped'], refused: { typed: TYPED } })
declareSupport(`${API}.HeaderForwardingRules`, { supported: ['allowed_headers', 'disallowed_headers'] })
declareSupport(`${API}.ExtProcPerRoute`, { supported: ['disabled', 'overrides'] })
declareSupport(`${API}.ExtProcOverrides`, {
  supported: ['processing_mode', 'grpc_service', 'metadata_options', 'grpc_initial_metadata', 'failure_mode_allow'],
  refused: {
    async_mode: 'use observability_mode of the filter',
    processing_request_modifier: CODE,
  },
  accepted: {
    emit_client_span: SPANS,
    request_attributes: 'those of the filter are sent; Envoy ignores these as well',
    response_attributes: 'those of the filter are sent; Envoy ignores these as well',
  },
})
