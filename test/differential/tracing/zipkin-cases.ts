// Requests through connection managers that trace with Zipkin, each with settings of its own.
import { type Manager, type TracingCase, TYPE } from './listeners.ts'

const provider = (extra: object = {}): object => ({
  name: 'envoy.tracers.zipkin',
  typed_config: {
    '@type': `${TYPE}.config.trace.v3.ZipkinConfig`,
    collector_cluster: 'collector',
    collector_endpoint: '/api/v2/spans',
    collector_endpoint_version: 'HTTP_JSON',
    ...extra,
  },
})

const metadataTag = (tag: string, key: string): object => ({
  tag,
  metadata: { kind: { route: {} }, metadata_key: { key: 'a', path: [{ key }] } },
})

const TAGS = [
  { tag: 'literal', literal: { value: 'manager' } },
  { tag: 'literal', literal: { value: 'again' } },
  { tag: 'component', literal: { value: 'mine' } },
  { tag: 'none', request_header: { name: 'x-none' } },
  { tag: 'header', request_header: { name: 'x-tag', default_value: 'unsaid' } },
  { tag: 'variable', environment: { name: 'NO_SUCH_VARIABLE', default_value: 'unset' } },
  { tag: 'format', value: '%RESPONSE_CODE%-%REQ(x-tag)%' },
  ...['number', 'text', 'struct', 'list', 'flag', 'nothing'].map(key => metadataTag(key, key)),
]

export const MANAGERS = {
  ingress: { tracing: { provider: provider(), custom_tags: TAGS, verbose: true, spawn_upstream_span: true } },
  inbound: { direction: 'INBOUND', tracing: { provider: provider() } },
  egress: { direction: 'OUTBOUND', tracing: { provider: provider() } },
  egress_spawning: { direction: 'OUTBOUND', tracing: { provider: provider(), spawn_upstream_span: true } },
  egress_named: {
    direction: 'OUTBOUND',
    tracing: {
      provider: provider(),
      operation: 'op-%RESPONSE_CODE%-%REQ(x-none)%',
      upstream_operation: 'up-%RESPONSE_CODE%-%REQ(:path)%',
      spawn_upstream_span: true,
    },
  },
  silent: { tracing: { provider: provider(), no_context_propagation: true } },
  unshared: { tracing: { provider: provider({ shared_span_context: false, trace_id_128bit: true }) } },
  w3c: { tracing: { provider: provider({ trace_context_option: 'USE_B3_WITH_W3C_PROPAGATION' }) } },
  split: { direction: 'OUTBOUND', tracing: { provider: provider({ split_spans_for_request: true }) } },
  child: { direction: 'OUTBOUND', tracing: { provider: provider() }, router: { start_child_span: true } },
  rare: {
    tracing: {
      provider: provider({ timestamp_trace_ids: true, trace_id_128bit: true }),
      random_sampling: { value: 0 },
    },
  },
  all: {
    tracing: { provider: provider() },
    hcm: {
      request_id_extension: {
        typed_config: {
          '@type': `${TYPE}.extensions.request_id.uuid.v3.UuidRequestIdConfig`,
          use_request_id_for_trace_sampling: false,
        },
      },
    },
  },
} satisfies Record<string, Manager>

const JOINED = { 'x-b3-traceid': '0000000000000abc', 'x-b3-spanid': '0000000000000def', 'x-b3-sampled': '1' }
const W3C = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331'
const DECORATION = 'x-envoy-decorator-operation'

const at = (
  manager: keyof typeof MANAGERS,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): TracingCase => ({ manager, path, headers })

/** The origin answers with the status `x-status`, says `x-says` as its operation, and nothing at all to `x-mute`. */
export const CASES: readonly TracingCase[] = [
  ...['/', '/decorated', '/named', '/untraced', '/refused', '/unknown', '/direct', '/health'].map(p =>
    at('ingress', p),
  ),
  at('ingress', '/tags', { 'x-tag': 'told' }),
  at('ingress', '/again', { 'x-status': '503' }),
  at('ingress', '/slow', { 'x-mute': '1' }),
  at('ingress', '/slow-try', { 'x-mute': '1' }),
  at('ingress', '/missing', { 'x-status': '404', 'user-agent': 'agent', 'x-envoy-downstream-service-cluster': 'shop' }),
  at('ingress', '/broken', { 'x-status': '500', 'x-client-trace-id': 'mine' }),
  at('ingress', '/shop.Api/List', { 'content-type': 'application/grpc', te: 'trailers', 'grpc-timeout': '1S' }),
  at('ingress', `/long?${'q'.repeat(400)}`),
  at('ingress', '/rewritten?q=1'),
  ...['', 'given'].map(name => at('inbound', '/decorated', { [DECORATION]: name })),
  at('inbound', '/decorated', { 'x-says': 'origin' }),
  at('inbound', '/discreet'),
  at('inbound', '/', { 'x-envoy-force-trace': '1' }),
  at('egress', '/'),
  at('egress', '/', { [DECORATION]: 'given' }),
  at('egress', '/decorated', { [DECORATION]: 'given' }),
  at('egress', '/decorated', { 'x-says': 'origin' }),
  at('egress', '/discreet', { 'x-says': 'origin' }),
  at('egress_spawning', '/decorated', { 'x-says': 'origin' }),
  at('egress_named', '/decorated', { 'x-says': 'origin', [DECORATION]: 'given' }),
  at('egress_named', '/named'),
  at('silent', '/'),
  at('silent', '/', JOINED),
  at('unshared', '/'),
  at('unshared', '/', JOINED),
  at('w3c', '/'),
  at('w3c', '/', { traceparent: `${W3C}-01`, tracestate: 'a=b' }),
  at('w3c', '/', { traceparent: `${W3C}-00` }),
  at('w3c', '/', { traceparent: 'nonsense' }),
  at('split', '/'),
  at('split', '/', JOINED),
  at('child', '/'),
  at('child', '/', JOINED),
  at('rare', '/'),
  at('rare', '/health'),
  at('rare', '/', { 'x-client-trace-id': 'mine' }),
  at('all', '/'),
  at('egress', '/', JOINED),
  at('inbound', '/', { ...JOINED, 'x-b3-traceid': '0af7651916cd43dd8448eb211c80319c', 'x-b3-parentspanid': 'abc' }),
  at('egress', '/', { 'x-b3-traceid': 'abc', 'x-b3-spanid': 'def' }),
  at('egress', '/', { 'x-b3-traceid': 'xyz', 'x-b3-spanid': 'def' }),
  at('inbound', '/', { traceparent: `${W3C}-01` }),
  ...['0', '1'].map(flag => at('inbound', '/', { 'x-b3-sampled': flag })),
  ...['0', '1', 'd', 'x'].map(b3 => at('inbound', '/', { b3 })),
  ...['', '-0', '-1', '-d', '-1-0000000000000aaa', '-2'].map(rest =>
    at('inbound', '/', { b3: `0000000000000abc-0000000000000def${rest}` }),
  ),
]
