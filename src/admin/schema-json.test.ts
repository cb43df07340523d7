import assert from 'node:assert/strict'
import { test } from 'node:test'
import { schemaTable } from '../config/index.ts'
import { printJson } from './json-list.ts'
import { SchemaJson } from './schema-json.ts'
import { SENSITIVE_FIELDS } from './sensitive-fields.ts'

test('every sensitive field is one of the API', () => {
  for (const path of SENSITIVE_FIELDS) {
    const dot = path.lastIndexOf('.')
    const field = schemaTable()
      .message(path.slice(0, dot))
      ?.byKey.get(path.slice(dot + 1))
    assert.equal(field?.name, path.slice(dot + 1), path)
  }
})

test('names of fields change, keys of maps and contents of Structs do not', () => {
  const listener = {
    name: 'l',
    perConnectionBufferLimitBytes: 1024,
    metadata: { filterMetadata: { 'my.Key': { camelCase: { innerKey: 1 } } } },
    filterChains: [{ filterChainMatch: { prefixRanges: [{ addressPrefix: '10.0.0.0', prefixLen: 8 }] } }],
    accessLog: [
      {
        typedConfig: {
          '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
          logFormat: { jsonFormat: { userAgent: '%REQ(user-agent)%' } },
        },
      },
    ],
  }
  const dumped = new SchemaJson(schemaTable()).message(listener, 'envoy.config.listener.v3.Listener')
  assert.deepEqual(dumped, {
    name: 'l',
    per_connection_buffer_limit_bytes: 1024,
    metadata: { filter_metadata: { 'my.Key': { camelCase: { innerKey: 1 } } } },
    filter_chains: [{ filter_chain_match: { prefix_ranges: [{ address_prefix: '10.0.0.0', prefix_len: 8 }] } }],
    access_log: [
      {
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
          log_format: { json_format: { userAgent: '%REQ(user-agent)%' } },
        },
      },
    ],
  })
})

test('a long list prints an item at a time, to the same text', () => {
  const clusters = Array.from({ length: 100 }, (_, i) => ({ name: `c${i}`, connectTimeout: '1s' }))
  const bootstrap = { node: { id: 'n' }, staticResources: { clusters } }
  const dumped = new SchemaJson(schemaTable()).message(bootstrap, 'envoy.config.bootstrap.v3.Bootstrap')
  const pieces = [...printJson(dumped, 0)]
  const expected = {
    node: { id: 'n' },
    static_resources: { clusters: clusters.map(({ name }) => ({ name, connect_timeout: '1s' })) },
  }
  assert.equal(pieces.join(''), JSON.stringify(expected, null, 1))
  assert.ok(pieces.length > 100)
})

test('paths are known to the schema', () => {
  const schema = new SchemaJson(schemaTable())
  const known = (path: string) => schema.hasPath('envoy.admin.v3.ClustersConfigDump.StaticCluster', path.split('.'))
  assert.deepEqual(['cluster', 'cluster.name', 'last_updated', 'bogus', 'lastUpdated'].map(known), [
    true,
    true,
    true,
    false,
    false,
  ])
})
