// Tracing providers and clusters in their configured form.
import { staticCluster } from '../../harness/index.ts'

const TRACE = 'type.googleapis.com/envoy.config.trace.v3'
const HTTP_OPTIONS = 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions'

const provider = (name: string, type: string, fields: object): object => ({
  name: `envoy.tracers.${name}`,
  typed_config: { '@type': `${TRACE}.${type}`, ...fields },
})
const GRPC = { grpc_service: { envoy_grpc: { cluster_name: 'collector' }, timeout: '1s' } }

export const zipkin = (fields: object = {}): object =>
  provider('zipkin', 'ZipkinConfig', {
    collector_cluster: 'collector',
    collector_endpoint: '/api/v2/spans',
    collector_endpoint_version: 'HTTP_JSON',
    ...fields,
  })
export const openTelemetry = (fields: object = {}): object =>
  provider('opentelemetry', 'OpenTelemetryConfig', { ...GRPC, service_name: 'shop', ...fields })
export const skyWalking = (client: object = {}): object =>
  provider('skywalking', 'SkyWalkingConfig', {
    ...GRPC,
    client_config: { service_name: 'shop', instance_name: 'shop-1', ...client },
  })
export const datadog = (fields: object = {}): object =>
  provider('datadog', 'DatadogConfig', { collector_cluster: 'collector', service_name: 'shop', ...fields })

export const http2Cluster = (name: string, port: number): object =>
  staticCluster(name, port, {
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': HTTP_OPTIONS,
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
  })

export const flushEach = (tracer: string, spans: number): object => ({
  layered_runtime: {
    layers: [{ name: 'static', static_layer: { [`tracing.${tracer}.min_flush_spans`]: spans } }],
  },
})
