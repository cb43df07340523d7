// Requests through connection managers that trace with OpenTelemetry over HTTP, each with settings of its own.
import { type Manager, type TracingCase, TYPE } from './listeners.ts'

const TRACERS = `${TYPE}.extensions.tracers.opentelemetry`

const provider = (extra: object = {}): object => ({
  name: 'envoy.tracers.opentelemetry',
  typed_config: {
    '@type': `${TYPE}.config.trace.v3.OpenTelemetryConfig`,
    http_service: { http_uri: { uri: 'http://collector.test/v1/traces', cluster: 'collector', timeout: '1s' } },
    service_name: 'shop',
    ...extra,
  },
})

const sampler = (type: string, fields: object = {}): object => ({
  name: 'sampler',
  typed_config: { '@type': `${TRACERS}.samplers.v3.${type}`, ...fields },
})
const ALWAYS = sampler('AlwaysOnSamplerConfig')
const ratio = (numerator: number): object =>
  sampler('TraceIdRatioBasedSamplerConfig', { sampling_percentage: { numerator } })
const withParent = (wrapped: object): object => sampler('ParentBasedSamplerConfig', { wrapped_sampler: wrapped })
const STATIC = {
  name: 'static',
  typed_config: {
    '@type': `${TRACERS}.resource_detectors.v3.StaticConfigResourceDetectorConfig`,
    attributes: { place: 'here', 'service.name': 'detected' },
  },
}
const typed = (tag: string, value: string, valueType: string): object => ({ tag, value, value_type: valueType })
const NEVER = { random_sampling: { value: 0 } }

export const MANAGERS = {
  ingress: { tracing: { provider: provider(), verbose: true } },
  egress: { direction: 'OUTBOUND', tracing: { provider: provider() } },
  spawning: { tracing: { provider: provider(), spawn_upstream_span: true } },
  egress_spawning: { direction: 'OUTBOUND', tracing: { provider: provider(), spawn_upstream_span: true } },
  rare: { tracing: { provider: provider(), ...NEVER } },
  rare_always: { tracing: { provider: provider({ sampler: ALWAYS }), ...NEVER } },
  rare_parent: { tracing: { provider: provider({ sampler: withParent(ALWAYS) }), ...NEVER } },
  always: { tracing: { provider: provider({ sampler: ALWAYS }) } },
  parent: { tracing: { provider: provider({ sampler: withParent(ratio(0)) }) } },
  half: { tracing: { provider: provider({ sampler: ratio(50) }) } },
  off: { tracing: { provider: provider(), overall_sampling: { value: 0 } } },
  bare: {
    tracing: {
      provider: provider({
        set_telemetry_sdk_resource_attributes: false,
        set_service_name_resource_attribute: false,
        set_instrumentation_scope: false,
      }),
    },
  },
  detected: { tracing: { provider: provider({ resource_detectors: [STATIC], service_name: '' }) } },
  unnamed: {
    tracing: {
      provider: provider({ service_name: '' }),
      custom_tags: [
        typed('int', '%RESPONSE_CODE%', 'INT'),
        typed('no-int', 'a%RESPONSE_CODE%', 'INT'),
        typed('double', '1.5', 'DOUBLE'),
        typed('no-double', 'x', 'DOUBLE'),
        typed('bool', 'true', 'BOOL'),
        typed('no-bool', '1', 'BOOL'),
        typed('string', '5', 'STRING'),
        typed('negative', '-7', 'INT'),
      ],
    },
  },
} satisfies Record<string, Manager>

const W3C = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331'
const SAMPLED = { traceparent: `${W3C}-01`, tracestate: 'a=b' }
const UNSAMPLED = { traceparent: `${W3C}-00`, tracestate: 'a=b' }

const at = (
  manager: keyof typeof MANAGERS,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): TracingCase => ({ manager, path, headers })

const ALL = Object.keys(MANAGERS) as (keyof typeof MANAGERS)[]

export const CASES: readonly TracingCase[] = [
  ...ALL.filter(name => name !== 'half').map(name => at(name, '/')),
  ...ALL.map(name => at(name, '/', SAMPLED)),
  ...ALL.map(name => at(name, '/', UNSAMPLED)),
  at('half', '/', { traceparent: '00-65000000000000008448eb211c80319c-b7ad6b7169203331-01' }),
  at('half', '/', { traceparent: '00-31000000000000008448eb211c80319c-b7ad6b7169203331-01' }),
  at('ingress', '/', { tracestate: 'a=b' }),
  at('ingress', '/', { traceparent: 'nonsense', tracestate: 'a=b' }),
  at('ingress', '/', { traceparent: `ff-${W3C.slice(3)}-01` }),
  at('ingress', '/', { traceparent: `00-${'0'.repeat(32)}-b7ad6b7169203331-01` }),
  at('ingress', '/', { traceparent: `${W3C.toUpperCase()}-01` }),
  at('ingress', '/decorated'),
  at('egress', '/decorated', { 'x-says': 'origin' }),
  ...['404', '500'].map(status => at('spawning', '/', { 'x-status': status })),
  at('spawning', '/refused'),
  at('spawning', '/again', { 'x-status': '503' }),
  at('rare', '/', { 'x-envoy-force-trace': '1' }),
  at('ingress', '/health'),
  at('ingress', '/shop.Api/List', { 'content-type': 'application/grpc', te: 'trailers' }),
]
