import { declareSupport } from '../config/index.ts'

const HCM = 'envoy.extensions.filters.network.http_connection_manager.v3'
const XDS = 'scoped routes are not part of this release: give the routes in route_config or by rds'

declareSupport(`${HCM}.Rds`, { supported: ['config_source', 'route_config_name'] })
declareSupport(`${HCM}.HttpConnectionManager`, {
  supported: [
    'codec_type',
    'stat_prefix',
    'route_config',
    'rds',
    'http_filters',
    'add_user_agent',
    'common_http_protocol_options',
    'http_protocol_options',
    'http2_protocol_options',
    'server_name',
    'server_header_transformation',
    'scheme_header_transformation',
    'proxy_status_config',
    'max_request_headers_kb',
    'stream_idle_timeout',
    'stream_flush_timeout',
    'request_timeout',
    'request_headers_timeout',
    'drain_timeout',
    'delayed_close_timeout',
    'access_log',
    'flush_access_log_on_new_request',
    'access_log_options',
    'use_remote_address',
    'xff_num_trusted_hops',
    'original_ip_detection_extensions',
    'internal_address_config',
    'skip_xff_append',
    'via',
    'generate_request_id',
    'preserve_external_request_id',
    'always_set_request_id_in_response',
    'proxy_100_continue',
    'upgrade_configs',
    'normalize_path',
    'merge_slashes',
    'path_with_escaped_slashes_action',
    'request_id_extension',
    'local_reply_config',
    'strip_matching_host_port',
    'strip_any_host_port',
    'stream_error_on_invalid_http_message',
    'strip_trailing_host_dot',
    'append_x_forwarded_port',
    'forward_client_cert_details',
    'set_current_client_cert_details',
    'access_log_flush_interval',
    'early_header_mutation_extensions',
    'drain_timeout_jitter',
    'http1_safe_max_connection_duration',
    'tracing',
  ],
  values: {
    codec_type: { HTTP3: 'HTTP/3 needs QUIC, which Node does not offer' },
  },
  refused: {
    scoped_routes: XDS,
    http3_protocol_options: 'HTTP/3 needs QUIC, which Node does not offer',
    forward_client_cert_matcher: 'the matcher tree is not offered here; use forward_client_cert_details',
    represent_ipv4_remote_address_as_ipv4_mapped_ipv6: 'addresses are always printed in their own family',
    path_normalization_options: 'hidden in Envoy as well: use normalize_path and merge_slashes',
    record_route_resolution_stats:
      'how long routes take to be found is not measured: it does not grow with their number; leave it out',
    typed_header_validation_config: 'there is one header validator, and it is strict',
    append_local_overload: 'answers of the overload manager carry no header of their own here; leave it out',
    add_proxy_protocol_connection_state:
      'upstream PROXY headers are made from the connection, and not from a state of requests; leave it out',
    forward_proto_config:
      'ports of PROXY headers do not change x-forwarded-proto here; set it with early_header_mutation_extensions',
  },
})
declareSupport(`${HCM}.HttpConnectionManager.HcmAccessLogOptions`, {
  supported: [
    'flush_access_log_on_new_request',
    'access_log_flush_interval',
    'flush_log_on_tunnel_successfully_established',
  ],
})
declareSupport(`${HCM}.HttpConnectionManager.ProxyStatusConfig`, {
  supported: [
    'remove_details',
    'remove_connection_termination_details',
    'remove_response_flags',
    'set_recommended_response_code',
    'use_node_id',
    'literal_proxy_name',
  ],
})
declareSupport(`${HCM}.HttpConnectionManager.InternalAddressConfig`, { supported: ['unix_sockets', 'cidr_ranges'] })
declareSupport(`${HCM}.HttpConnectionManager.UpgradeConfig`, { supported: ['upgrade_type', 'filters', 'enabled'] })
declareSupport(`${HCM}.HttpFilter`, {
  supported: ['name', 'typed_config', 'is_optional', 'disabled'],
  refused: { config_discovery: XDS },
})
declareSupport(`${HCM}.RequestIDExtension`, { supported: ['typed_config'] })
declareSupport('envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig', {
  supported: ['pack_trace_reason', 'use_request_id_for_trace_sampling'],
})
declareSupport(`${HCM}.LocalReplyConfig`, { supported: ['mappers', 'body_format'] })
declareSupport(`${HCM}.ResponseMapper`, {
  supported: ['filter', 'status_code', 'body', 'body_format_override', 'headers_to_add'],
})
declareSupport('envoy.config.core.v3.SchemeHeaderTransformation', {
  supported: ['scheme_to_overwrite', 'match_upstream'],
})
declareSupport('envoy.extensions.http.original_ip_detection.xff.v3.XffTrustedCidrs', { supported: ['cidrs'] })
declareSupport('envoy.extensions.http.original_ip_detection.xff.v3.XffConfig', {
  supported: ['xff_num_trusted_hops', 'skip_xff_append', 'xff_trusted_cidrs'],
})
declareSupport('envoy.extensions.http.original_ip_detection.custom_header.v3.CustomHeaderConfig', {
  supported: ['header_name', 'allow_extension_to_set_address_as_trusted', 'reject_with_status'],
})
