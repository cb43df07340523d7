import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadBootstrap } from '../load/load-bootstrap.ts'
import { loadResource } from '../load/load-resource.ts'
import { parseYaml } from '../yaml/parse-yaml.ts'

const CLUSTER = 'envoy.config.cluster.v3.Cluster'

function load(type: string, yaml: string) {
  return loadResource(type, { json: parseYaml(yaml).value }, { checkSupport: false })
}

function resource(type: string, yaml: string): unknown {
  const result = load(type, yaml)
  assert.deepEqual(result.diagnostics.list, [], yaml)
  return result.resource
}

function codes(type: string, yaml: string): readonly string[] {
  return load(type, yaml).diagnostics.list.map(diagnostic => `${diagnostic.path}: ${diagnostic.code}`)
}

test('what Envoy accepts comes out in canonical form', () => {
  const cases: readonly (readonly [yaml: string, expected: object])[] = [
    ['{name: c, type: strict_dns}', { name: 'c', type: 'STRICT_DNS' }],
    ['{name: c, type: 2}', { name: 'c', type: 'LOGICAL_DNS' }],
    ['{name: c, type: "2"}', { name: 'c', type: 'LOGICAL_DNS' }],
    ['{name: c, type: STATIC}', { name: 'c', type: 'STATIC' }],
    ['{name: c, lb_policy: ROUND_ROBIN}', { name: 'c' }],
    ['{name: c, connect_timeout: 0.25s}', { name: 'c', connectTimeout: '0.250s' }],
    ['{name: c, connectTimeout: 5s}', { name: 'c', connectTimeout: '5s' }],
    ['{name: c, connect_timeout: {seconds: 15}}', { name: 'c', connectTimeout: '15s' }],
    ['{name: c, connect_timeout: {seconds: "1", nanos: 500000}}', { name: 'c', connectTimeout: '1.000500s' }],
    ['{name: c, per_connection_buffer_limit_bytes: "2"}', { name: 'c', perConnectionBufferLimitBytes: 2 }],
    ['{name: c, per_connection_buffer_limit_bytes: 1e3}', { name: 'c', perConnectionBufferLimitBytes: 1000 }],
    ['{name: c, per_connection_buffer_limit_bytes: "0x20"}', { name: 'c', perConnectionBufferLimitBytes: 32 }],
    ['{name: c, per_connection_buffer_limit_bytes: 2.0}', { name: 'c', perConnectionBufferLimitBytes: 2 }],
    ['{name: c, per_connection_buffer_limit_bytes: 0}', { name: 'c', perConnectionBufferLimitBytes: 0 }],
    [
      '{name: c, per_connection_buffer_limit_bytes: 3000000000}',
      { name: 'c', perConnectionBufferLimitBytes: 3000000000 },
    ],
    ['{name: c, respect_dns_ttl: yes}', { name: 'c', respectDnsTtl: true }],
    ['{name: c, respect_dns_ttl: "true"}', { name: 'c', respectDnsTtl: true }],
    ['{name: c, respect_dns_ttl: "1"}', { name: 'c', respectDnsTtl: true }],
    ['{name: c, respect_dns_ttl: false}', { name: 'c' }],
    ['{name: c, alt_stat_name: ~}', { name: 'c' }],
    // A text of one zero is no number: `x-xss-protection: 0` says something.
    ['{name: c, alt_stat_name: "0"}', { name: 'c', altStatName: '0' }],
    ['{name: c, alt_stat_name: ""}', { name: 'c' }],
    [
      '{name: c, metadata: {filter_metadata: {x: {a: [1, ~]}}}}',
      { name: 'c', metadata: { filterMetadata: { x: { a: [1, null] } } } },
    ],
    ['{name: c, dns_jitter: 1s}', { name: 'c', dnsJitter: '1s' }],
  ]
  for (const [yaml, expected] of cases) assert.deepEqual(resource(CLUSTER, yaml), expected, yaml)
})

test('one element stands for a list, lists in lists are joined, null items are empty', () => {
  const host = 'envoy.config.route.v3.VirtualHost'
  assert.deepEqual(resource(host, '{name: h, domains: x}'), { name: 'h', domains: ['x'] })
  assert.deepEqual(resource(host, '{name: h, domains: [[a], [b, c]]}'), { name: 'h', domains: ['a', 'b', 'c'] })
  assert.deepEqual(resource('envoy.config.core.v3.Node', 'client_features: [~]'), { clientFeatures: [''] })
})

test('64-bit integers, bytes and floats keep every digit', () => {
  const wrappers = 'envoy.config.core.v3.RuntimeDouble'
  assert.deepEqual(resource(wrappers, '{runtime_key: k, default_value: 1.5}'), { runtimeKey: 'k', defaultValue: 1.5 })
  assert.deepEqual(resource(wrappers, '{runtime_key: k, default_value: Infinity}'), {
    runtimeKey: 'k',
    defaultValue: 'Infinity',
  })
  assert.deepEqual(resource('envoy.config.core.v3.DataSource', 'inline_bytes: aGk'), { inlineBytes: 'aGk=' })
  assert.deepEqual(resource('envoy.config.core.v3.DataSource', 'inline_bytes: "-_-_"'), { inlineBytes: '+/+/' })
  const ring = resource(CLUSTER, '{name: c, ring_hash_lb_config: {maximum_ring_size: 8388608}}')
  assert.deepEqual(ring, { name: 'c', ringHashLbConfig: { maximumRingSize: '8388608' } })
})

test('what Envoy refuses is refused at its path', () => {
  const cases: readonly (readonly [yaml: string, found: readonly string[]])[] = [
    ['{name: 5}', ['name: type', 'name: required'].slice(0, 1)],
    ['{name: c, connect_timeout: 5}', ['connect_timeout: type']],
    ['{name: c, connect_timeout: 500ms}', ['connect_timeout: type']],
    ['{name: c, connect_timeout: {second: 5}}', ['connect_timeout: type']],
    ['{name: c, connect_timeout: 400000000000s}', ['connect_timeout: type']],
    ['{name: c, per_connection_buffer_limit_bytes: 1_000}', ['per_connection_buffer_limit_bytes: type']],
    ['{name: c, per_connection_buffer_limit_bytes: -1}', ['per_connection_buffer_limit_bytes: type']],
    ['{name: c, per_connection_buffer_limit_bytes: 1.5}', ['per_connection_buffer_limit_bytes: type']],
    ['{name: c, per_connection_buffer_limit_bytes: 4294967296}', ['per_connection_buffer_limit_bytes: type']],
    ['{name: c, type: SOMETHING}', ['type: enum']],
    ['{name: c, type: 77}', ['type: enum']],
    ['{name: c, load_assignment: []}', ['load_assignment: type']],
    ['{name: c, altStatName: a, alt_stat_name: b}', ['alt_stat_name: duplicate-key']],
    ['{name: c, type: STATIC, cluster_type: {name: x}}', ['cluster_type: oneof']],
    ['{name: c, nmae: d}', ['nmae: unknown-field']],
  ]
  for (const [yaml, found] of cases) assert.deepEqual(codes(CLUSTER, yaml), found, yaml)
})

test('an Any needs a type URL with a slash and a known type; a Struct stands under value', () => {
  const config = 'envoy.config.core.v3.TypedExtensionConfig'
  const any = (body: string) => `{name: x, typed_config: ${body}}`
  const router = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router'
  assert.deepEqual(resource(config, any(`{"@type": ${router}, suppress_envoy_headers: true}`)), {
    name: 'x',
    typedConfig: { '@type': router, suppressEnvoyHeaders: true },
  })
  const typedStruct = `{"@type": type.googleapis.com/xds.type.v3.TypedStruct, type_url: ${router}, value: {suppress_envoy_headers: true}}`
  assert.deepEqual(resource(config, any(typedStruct)), {
    name: 'x',
    typedConfig: { '@type': router, suppressEnvoyHeaders: true },
  })
  assert.deepEqual(codes(config, any('{"@type": envoy.extensions.filters.http.router.v3.Router}')), [
    'typed_config.@type: any',
  ])
  assert.deepEqual(codes(config, any('{a: 1}')), ['typed_config.@type: any'])
  assert.deepEqual(codes(config, any(`{"@type": ${router}x}`)), ['typed_config.@type: any'])
  assert.deepEqual(codes(config, any(`{"@type": ${router}, strict: 1}`)), ['typed_config.strict: unknown-field'])
  const struct = '{"@type": type.googleapis.com/google.protobuf.Struct, value: {a: 1}}'
  assert.deepEqual(resource(config, any(struct)), {
    name: 'x',
    typedConfig: { '@type': 'type.googleapis.com/google.protobuf.Struct', value: { a: 1 } },
  })
})

test('required fields and oneofs are reported where they are missing', () => {
  assert.deepEqual(codes('envoy.config.core.v3.Address', '{}'), [': required'])
  assert.deepEqual(codes('envoy.config.core.v3.SocketAddress', '{}'), ['address: required', ': required'])
  assert.deepEqual(codes(CLUSTER, '{}'), ['name: required'])
  assert.deepEqual(codes('envoy.config.route.v3.VirtualHost', '{name: h}'), ['domains: required'])
})

test('unknown fields are warnings where the user said so', () => {
  const files = [{ path: 'a.yaml', content: 'nodee: {}\n' }]
  const result = loadBootstrap({ files, options: { allowUnknownStaticFields: true } })
  assert.deepEqual(
    result.diagnostics.list.map(diagnostic => diagnostic.severity),
    ['warning'],
  )
  assert.deepEqual(result.bootstrap, {})
})
