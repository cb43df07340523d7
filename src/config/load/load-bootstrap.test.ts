import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { loadBootstrap } from './load-bootstrap.ts'
import { renderDiagnostics } from './render.ts'

const TESTDATA = new URL('../testdata/', import.meta.url)

function load(content: string, path = 'envoy.yaml', yamlOverlay?: string) {
  const overlay = yamlOverlay === undefined ? {} : { yamlOverlay }
  return loadBootstrap({ files: [{ path, content }], ...overlay, options: { checkSupport: false } })
}

test('every mistake of a file is shown at its place in one run', () => {
  const content = readFileSync(new URL('mistakes.yaml', TESTDATA), 'utf8')
  const { diagnostics, sources, bootstrap } = load(content, 'mistakes.yaml')
  assert.equal(bootstrap, undefined)
  assert.equal(
    renderDiagnostics(diagnostics.list, sources),
    readFileSync(new URL('mistakes.expected.txt', TESTDATA), 'utf8'),
  )
})

test('the JSON report carries file, line, column and path', () => {
  const { diagnostics, sources } = load('admin:\n  adress: {}\n')
  const report = JSON.parse(renderDiagnostics(diagnostics.list, sources, 'json')) as object
  assert.deepEqual(report, {
    errors: 1,
    warnings: 0,
    diagnostics: [
      {
        severity: 'error',
        path: 'admin.adress',
        message: "envoy.config.bootstrap.v3.Admin has no field 'adress'",
        suggestion: 'address',
        code: 'unknown-field',
        file: 'envoy.yaml',
        line: 2,
        column: 3,
      },
    ],
  })
})

test('what is misspelt is not missed as well', () => {
  const { diagnostics } = load('static_resources: {clusters: [{nmae: a}, {}]}\nadmin: {address: {socket_adress: {}}}\n')
  assert.deepEqual(
    diagnostics.list.map(({ path, code, suggestion }) => [path, code, suggestion]),
    [
      ['static_resources.clusters[0].nmae', 'unknown-field', 'name'],
      ['static_resources.clusters[1].name', 'required', undefined],
      ['admin.address.socket_adress', 'unknown-field', 'socket_address'],
    ],
  )
})

test('JSON with tabs is read, and its findings have places', () => {
  const { diagnostics } = load('{\n\t"node": {\n\t\t"id": 5\n\t}\n}\n', 'envoy.json')
  assert.deepEqual(
    diagnostics.list.map(({ path, line, column }) => [path, line, column]),
    [['node.id', 3, 9]],
  )
})

test('a syntax error has a line and does not bring others with it', () => {
  const { diagnostics } = load('node: {id: a\nadmin: {}\n')
  assert.equal(diagnostics.list.length, 1)
  assert.equal(diagnostics.list[0]?.code, 'syntax')
  assert.equal(diagnostics.list[0]?.line, 2)
})

test('--config-yaml is merged over the file: scalars replace, messages merge, lists are joined', () => {
  const base = 'node: {id: a, cluster: c}\nstatic_resources:\n  clusters:\n  - {name: x}\n'
  const { bootstrap } = load(base, 'envoy.yaml', 'node: {id: b}\nstaticResources: {clusters: {name: z}}\n')
  assert.deepEqual(bootstrap, {
    node: { id: 'b', cluster: 'c' },
    staticResources: { clusters: [{ name: 'x' }, { name: 'z' }] },
  })
})

test('a finding in the overlay is placed in the overlay', () => {
  const base = 'static_resources:\n  clusters:\n  - {name: x}\n  - {name: z, typ: 1}\n'
  const { diagnostics } = load(base, 'envoy.yaml', 'static_resources:\n  clusters:\n  - {name: w, nope: 1}\n')
  assert.deepEqual(
    diagnostics.list.map(({ path, file, line, column }) => [path, file, line, column]),
    [
      ['static_resources.clusters[1].typ', 'envoy.yaml', 4, 15],
      ['static_resources.clusters[2].nope', '--config-yaml', 3, 15],
    ],
  )
})

test('a binary bootstrap gives the same resource as its YAML', () => {
  const yaml =
    'node: {id: a, metadata: {k: [1, x]}}\nstatic_resources:\n  clusters:\n  - {name: x, type: STRICT_DNS, connect_timeout: 0.5s, dns_jitter: 2s}\n'
  const { bootstrap } = load(yaml)
  const require = createRequire(import.meta.url)
  const { createFileRegistry, fromBinary, fromJson, toBinary } =
    require('@bufbuild/protobuf') as typeof import('@bufbuild/protobuf')
  const { FileDescriptorSetSchema } = require('@bufbuild/protobuf/wkt') as typeof import('@bufbuild/protobuf/wkt')
  const registry = createFileRegistry(
    fromBinary(FileDescriptorSetSchema, readFileSync(new URL('../../../gen/descriptors.binpb', import.meta.url))),
  )
  const type = registry.getMessage('envoy.config.bootstrap.v3.Bootstrap')
  assert.ok(type)
  const bytes = toBinary(type, fromJson(type, bootstrap as never, { registry }))
  const binary = loadBootstrap({ files: [{ path: 'envoy.pb', content: bytes }], options: { checkSupport: false } })
  assert.deepEqual(binary.diagnostics.list, [])
  assert.deepEqual(binary.bootstrap, bootstrap)
  const unknown = Buffer.concat([bytes, Buffer.from([0xa2, 0x7d, 0x01, 0x41])])
  const refused = loadBootstrap({ files: [{ path: 'envoy.pb', content: unknown }], options: { checkSupport: false } })
  assert.deepEqual(
    refused.diagnostics.list.map(({ code, message }) => [code, message]),
    [['unknown-field', 'field number 2004 is unknown']],
  )
  const garbage = loadBootstrap({ files: [{ path: 'envoy.pb', content: Buffer.from('hello') }] })
  assert.equal(garbage.diagnostics.list[0]?.code, 'syntax')
})

test('a file without content is no configuration', () => {
  for (const text of ['', '# nothing yet\n', '---\n']) assert.equal(load(text).diagnostics.list[0]?.code, 'empty')
})

test('text protobufs are refused with the way out', () => {
  const { diagnostics } = load('node { id: "a" }', 'envoy.pb_text')
  assert.match(diagnostics.list[0]?.message ?? '', /use YAML, JSON or binary/)
})

test('what this release does not support is refused with its reason, unless it says the default', () => {
  const files = [
    { path: 'e.yaml', content: 'stats_sinks: [{}]\nenable_dispatcher_stats: false\nwatchdog: {}\nnode: {id: a}\n' },
  ]
  const { diagnostics } = loadBootstrap({ files })
  assert.deepEqual(
    diagnostics.list.map(({ severity, path, code, line }) => [severity, path, code, line]),
    [
      ['error', 'stats_sinks', 'unsupported', 1],
      ['warning', 'watchdog', 'no-effect', 3],
    ],
  )
})
