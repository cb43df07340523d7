import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startAdmin, TestSources } from '../test-sources.ts'

const CLUSTER = {
  '@type': 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  name: 'c',
  type: 'STATIC',
  connect_timeout: '0.250s',
}

test('every section is there, in Envoys order', async () => {
  await using admin = await startAdmin(new TestSources())
  const dump = JSON.parse(await (await admin.get('/config_dump')).text())
  const types = dump.configs.map((section: { '@type': string }) => section['@type'].split('.').at(-1))
  assert.deepEqual(types, [
    'BootstrapConfigDump',
    'ClustersConfigDump',
    'ListenersConfigDump',
    'ScopedRoutesConfigDump',
    'RoutesConfigDump',
    'SecretsConfigDump',
  ])
  assert.deepEqual(dump.configs[1].static_clusters, [{ cluster: CLUSTER, last_updated: '2026-01-02T03:04:05.006Z' }])
  assert.deepEqual(Object.keys(dump.configs[4]), ['@type'])
})

test('include_eds adds the endpoints', async () => {
  await using admin = await startAdmin(new TestSources())
  const dump = JSON.parse(await (await admin.get('/config_dump?include_eds')).text())
  assert.equal(dump.configs[2].static_endpoint_configs[0].endpoint_config.clusterName, 'c')
})

test('resource, mask and name_regex', async () => {
  await using admin = await startAdmin(new TestSources())
  const get = async (query: string) => (await (await admin.get(`/config_dump?${query}`)).json()) as unknown
  const element = {
    '@type': 'type.googleapis.com/envoy.admin.v3.ClustersConfigDump.StaticCluster',
    cluster: CLUSTER,
    last_updated: '2026-01-02T03:04:05.006Z',
  }
  assert.deepEqual(await get('resource=static_clusters'), { configs: [element] })
  const named = { '@type': element['@type'], cluster: { '@type': CLUSTER['@type'], name: 'c' } }
  assert.deepEqual(await get('resource=static_clusters&mask=cluster.name'), { configs: [named] })
  assert.deepEqual(await get('resource=dynamic_listeners'), {})
  assert.deepEqual(await get('resource=static_listeners&name_regex=l'), {})
  const bootstrap = (await get('mask=bootstrap.node.id')) as { configs: object[] }
  assert.deepEqual(bootstrap.configs, [
    { '@type': 'type.googleapis.com/envoy.admin.v3.BootstrapConfigDump', bootstrap: { node: { id: 'nid' } } },
  ])
})

test('what cannot be dumped is refused in Envoys words', async () => {
  await using admin = await startAdmin(new TestSources())
  const cases: readonly (readonly [string, number, string])[] = [
    ['resource=bogus', 404, 'bogus not found in config dump'],
    ['resource=bootstrap', 400, 'bootstrap is not a repeated field. Use ?mask=bootstrap to get only this field'],
    [
      'mask=static_clusters.cluster.name',
      400,
      'FieldMask static_clusters.cluster.name could not be successfully applied to any configs.',
    ],
    ['name_regex=%5B', 400, 'INVALID_ARGUMENT: Error while parsing name_regex from [: missing ]: ['],
  ]
  for (const [query, status, text] of cases) {
    const answer = await admin.get(`/config_dump?${query}`)
    assert.deepEqual([answer.status, await answer.text()], [status, text])
    assert.equal(answer.headers.get('content-type'), 'text/plain')
  }
})

test('secrets never leave, texts and bytes alike, inside an Any too', async () => {
  const sources = new TestSources()
  const typedConfig = {
    '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.TlsCertificate',
    privateKey: { inlineString: 'SECRET', inlineBytes: 'U0VDUkVU' },
    certificateChain: { filename: 'chain.pem' },
  }
  sources.clusterResources = [{ name: 'c', transportSocket: { name: 'tls', typedConfig } }]
  await using admin = await startAdmin(sources)
  const text = await (await admin.get('/config_dump?resource=static_clusters')).text()
  assert.doesNotMatch(text, /SECRET|U0VDUkVU/)
  const tls = JSON.parse(text).configs[0].cluster.transport_socket.typed_config
  assert.deepEqual(tls.private_key, { inline_string: '[redacted]', inline_bytes: 'W3JlZGFjdGVkXQ==' })
  assert.deepEqual(tls.certificate_chain, { filename: 'chain.pem' })
})
