// What this release does with every field of envoy.config.core.v3.HealthCheck.
import { declareSupport } from '../../config/index.ts'

const CORE = 'envoy.config.core.v3'

declareSupport(`${CORE}.HealthCheck`, {
  supported: [
    'timeout',
    'interval',
    'initial_jitter',
    'interval_jitter',
    'interval_jitter_percent',
    'unhealthy_threshold',
    'healthy_threshold',
    'reuse_connection',
    'http_health_check',
    'tcp_health_check',
    'grpc_health_check',
    'custom_health_check',
    'no_traffic_interval',
    'no_traffic_healthy_interval',
    'unhealthy_interval',
    'unhealthy_edge_interval',
    'healthy_edge_interval',
    'event_log_path',
    'event_logger',
    'always_log_health_check_failures',
    'always_log_health_check_success',
    'tls_options',
    'transport_socket_match_criteria',
    'name',
  ],
  refused: { event_service: 'Envoy has never read it either; use event_logger' },
  accepted: {
    alt_port: 'Envoy does not read it either; a port of its own is health_check_config.port_value of the endpoint',
  },
})
declareSupport(`${CORE}.HealthCheck.TlsOptions`, { supported: ['alpn_protocols'] })
declareSupport(`${CORE}.HealthCheck.Payload`, { supported: ['text', 'binary'] })
declareSupport(`${CORE}.HealthCheck.HttpHealthCheck`, {
  supported: [
    'host',
    'path',
    'send',
    'receive',
    'response_buffer_size',
    'request_headers_to_add',
    'request_headers_to_remove',
    'expected_statuses',
    'retriable_statuses',
    'codec_client_type',
    'service_name_matcher',
    'method',
    'use_alpn_protocol',
  ],
  values: { codec_client_type: { HTTP3: 'HTTP/3 is not supported' } },
})
declareSupport(`${CORE}.HealthCheck.TcpHealthCheck`, {
  supported: ['send', 'receive', 'proxy_protocol_config'],
})
declareSupport(`${CORE}.HealthCheck.GrpcHealthCheck`, {
  supported: ['service_name', 'authority', 'initial_metadata'],
})
declareSupport(`${CORE}.HealthCheck.CustomHealthCheck`, { supported: ['name', 'typed_config'] })
