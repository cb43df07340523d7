import { statTemplate } from '../observability/index.ts'

/** `http.<stat_prefix>.`, see Envoy's "HTTP connection manager statistics". */
export const HCM_STATS = statTemplate({
  counters: [
    'downstream_cx_total',
    'downstream_cx_ssl_total',
    'downstream_cx_http1_total',
    'downstream_cx_http2_total',
    'downstream_cx_http3_total',
    'downstream_cx_upgrades_total',
    'downstream_cx_destroy',
    'downstream_cx_destroy_remote',
    'downstream_cx_destroy_local',
    'downstream_cx_destroy_active_rq',
    'downstream_cx_destroy_local_active_rq',
    'downstream_cx_destroy_remote_active_rq',
    'downstream_cx_protocol_error',
    'downstream_cx_rx_bytes_total',
    'downstream_cx_tx_bytes_total',
    'downstream_cx_drain_close',
    'downstream_cx_idle_timeout',
    'downstream_cx_max_duration_reached',
    'downstream_cx_max_requests_reached',
    'downstream_cx_overload_disable_keepalive',
    'downstream_cx_delayed_close_timeout',
    'downstream_flow_control_paused_reading_total',
    'downstream_flow_control_resumed_reading_total',
    'downstream_rq_total',
    'downstream_rq_http1_total',
    'downstream_rq_http2_total',
    'downstream_rq_http3_total',
    'downstream_rq_rejected_via_ip_detection',
    'downstream_rq_response_before_rq_complete',
    'downstream_rq_rx_reset',
    'downstream_rq_tx_reset',
    'downstream_rq_non_relative_path',
    'downstream_rq_too_large',
    'downstream_rq_too_many_premature_resets',
    'downstream_rq_completed',
    'downstream_rq_failed_path_normalization',
    'downstream_rq_redirected_with_normalized_path',
    'downstream_rq_1xx',
    'downstream_rq_2xx',
    'downstream_rq_3xx',
    'downstream_rq_4xx',
    'downstream_rq_5xx',
    'downstream_rq_ws_on_non_ws_route',
    'downstream_rq_idle_timeout',
    'downstream_rq_max_duration_reached',
    'downstream_rq_timeout',
    'downstream_rq_header_timeout',
    'downstream_rq_overload_close',
    'rs_too_large',
    'no_route',
    'no_cluster',
    'rq_redirect',
    'rq_direct_response',
    'rq_total',
    'rq_reset_after_downstream_response_started',
    'rq_overload_local_reply',
    'passthrough_internal_redirect_bad_location',
    'passthrough_internal_redirect_no_route',
    'passthrough_internal_redirect_predicate',
    'passthrough_internal_redirect_too_many_redirects',
    'passthrough_internal_redirect_unsafe_scheme',
    'tracing.client_enabled',
    'tracing.health_check',
    'tracing.not_traceable',
    'tracing.random_sampling',
    'tracing.service_forced',
  ],
  gauges: [
    'downstream_cx_active',
    'downstream_cx_ssl_active',
    'downstream_cx_http1_active',
    'downstream_cx_http2_active',
    'downstream_cx_http3_active',
    'downstream_cx_upgrades_active',
    'downstream_cx_rx_bytes_buffered',
    'downstream_cx_tx_bytes_buffered',
    'downstream_rq_active',
  ],
  histograms: ['downstream_cx_length_ms', 'downstream_rq_time'],
})

const slot = (name: string): number => HCM_STATS.slot(name)

export const CX_TOTAL = slot('downstream_cx_total')
export const CX_HTTP1_TOTAL = slot('downstream_cx_http1_total')
export const CX_HTTP2_TOTAL = slot('downstream_cx_http2_total')
export const CX_UPGRADES_TOTAL = slot('downstream_cx_upgrades_total')
export const CX_DESTROY = slot('downstream_cx_destroy')
export const CX_DESTROY_REMOTE = slot('downstream_cx_destroy_remote')
export const CX_DESTROY_LOCAL = slot('downstream_cx_destroy_local')
export const CX_DESTROY_ACTIVE_RQ = slot('downstream_cx_destroy_active_rq')
export const CX_DESTROY_LOCAL_ACTIVE_RQ = slot('downstream_cx_destroy_local_active_rq')
export const CX_DESTROY_REMOTE_ACTIVE_RQ = slot('downstream_cx_destroy_remote_active_rq')
export const CX_PROTOCOL_ERROR = slot('downstream_cx_protocol_error')
export const CX_RX_BYTES = slot('downstream_cx_rx_bytes_total')
export const CX_TX_BYTES = slot('downstream_cx_tx_bytes_total')
export const CX_OVERLOAD_DISABLE_KEEPALIVE = slot('downstream_cx_overload_disable_keepalive')
export const RQ_OVERLOAD_CLOSE = slot('downstream_rq_overload_close')
export const CX_DRAIN_CLOSE = slot('downstream_cx_drain_close')
export const CX_IDLE_TIMEOUT = slot('downstream_cx_idle_timeout')
export const CX_MAX_DURATION_REACHED = slot('downstream_cx_max_duration_reached')
export const CX_DELAYED_CLOSE_TIMEOUT = slot('downstream_cx_delayed_close_timeout')
export const CX_MAX_REQUESTS_REACHED = slot('downstream_cx_max_requests_reached')
export const PAUSED_READING = slot('downstream_flow_control_paused_reading_total')
export const RESUMED_READING = slot('downstream_flow_control_resumed_reading_total')
export const RQ_TOTAL = slot('downstream_rq_total')
export const RQ_HTTP1_TOTAL = slot('downstream_rq_http1_total')
export const RQ_HTTP2_TOTAL = slot('downstream_rq_http2_total')
export const RQ_RESPONSE_BEFORE_COMPLETE = slot('downstream_rq_response_before_rq_complete')
export const RQ_RX_RESET = slot('downstream_rq_rx_reset')
export const RQ_REJECTED_VIA_IP_DETECTION = slot('downstream_rq_rejected_via_ip_detection')
export const RQ_TX_RESET = slot('downstream_rq_tx_reset')
export const RQ_NON_RELATIVE_PATH = slot('downstream_rq_non_relative_path')
export const RQ_TOO_MANY_PREMATURE_RESETS = slot('downstream_rq_too_many_premature_resets')
export const RQ_TOO_LARGE = slot('downstream_rq_too_large')
export const RQ_COMPLETED = slot('downstream_rq_completed')
export const RQ_FAILED_PATH_NORMALIZATION = slot('downstream_rq_failed_path_normalization')
export const RQ_REDIRECTED_PATH = slot('downstream_rq_redirected_with_normalized_path')
export const RQ_1XX = slot('downstream_rq_1xx')
export const RQ_WS_ON_NON_WS_ROUTE = slot('downstream_rq_ws_on_non_ws_route')
export const RQ_IDLE_TIMEOUT = slot('downstream_rq_idle_timeout')
export const RQ_MAX_DURATION_REACHED = slot('downstream_rq_max_duration_reached')
export const RQ_TIMEOUT = slot('downstream_rq_timeout')
export const RQ_HEADER_TIMEOUT = slot('downstream_rq_header_timeout')
export const RS_TOO_LARGE = slot('rs_too_large')
export const NO_ROUTE = slot('no_route')
export const NO_CLUSTER = slot('no_cluster')
export const RQ_DIRECT_RESPONSE = slot('rq_direct_response')
export const REDIRECT_BAD_LOCATION = slot('passthrough_internal_redirect_bad_location')
export const REDIRECT_NO_ROUTE = slot('passthrough_internal_redirect_no_route')
export const REDIRECT_PREDICATE = slot('passthrough_internal_redirect_predicate')
export const REDIRECT_TOO_MANY = slot('passthrough_internal_redirect_too_many_redirects')
export const REDIRECT_UNSAFE_SCHEME = slot('passthrough_internal_redirect_unsafe_scheme')
export const TRACING_HEALTH_CHECK = slot('tracing.health_check')
export const TRACING_CLIENT_ENABLED = slot('tracing.client_enabled')
export const TRACING_NOT_TRACEABLE = slot('tracing.not_traceable')
export const TRACING_RANDOM_SAMPLING = slot('tracing.random_sampling')
export const TRACING_SERVICE_FORCED = slot('tracing.service_forced')
export const ROUTER_RQ_TOTAL = slot('rq_total')
export const RQ_RESET_AFTER_DOWNSTREAM_RESPONSE_STARTED = slot('rq_reset_after_downstream_response_started')
export const CX_ACTIVE = slot('downstream_cx_active')
export const CX_SSL_TOTAL = slot('downstream_cx_ssl_total')
export const CX_SSL_ACTIVE = slot('downstream_cx_ssl_active')
export const CX_HTTP1_ACTIVE = slot('downstream_cx_http1_active')
export const CX_HTTP2_ACTIVE = slot('downstream_cx_http2_active')
export const CX_UPGRADES_ACTIVE = slot('downstream_cx_upgrades_active')
export const RQ_ACTIVE = slot('downstream_rq_active')
export const CX_LENGTH_MS = slot('downstream_cx_length_ms')
export const RQ_TIME = slot('downstream_rq_time')

/** `listener.<address>.http.<stat_prefix>.`. */
export const LISTENER_HTTP_STATS = statTemplate({
  counters: [
    'downstream_rq_completed',
    'downstream_rq_1xx',
    'downstream_rq_2xx',
    'downstream_rq_3xx',
    'downstream_rq_4xx',
    'downstream_rq_5xx',
  ],
  gauges: [],
  histograms: [],
})
export const LISTENER_RQ_COMPLETED = LISTENER_HTTP_STATS.slot('downstream_rq_completed')
export const LISTENER_RQ_1XX = LISTENER_HTTP_STATS.slot('downstream_rq_1xx')

/** `http1.`: the codec's own counters. */
export const HTTP1_STATS = statTemplate({
  counters: [
    'dropped_headers_with_underscores',
    'metadata_not_supported_error',
    'requests_rejected_with_underscores_in_headers',
    'response_flood',
  ],
  gauges: [],
  histograms: [],
})
export const HTTP1_DROPPED_UNDERSCORES = HTTP1_STATS.slot('dropped_headers_with_underscores')
export const HTTP1_REJECTED_UNDERSCORES = HTTP1_STATS.slot('requests_rejected_with_underscores_in_headers')
