// local_cluster_rate_limit: a limit that all proxies of one cluster share. Passes against a real Envoy too.
import assert from 'node:assert/strict'
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ConfigPath } from '../../../src/config/index.ts'
import { localRateLimitFactory } from '../../../src/extensions/http-filters/local_ratelimit/index.ts'
import { testContext } from '../../../src/upstream/testing.ts'
import { bootstrap, freePorts, httpListener, ProxyProcess } from '../../harness/index.ts'

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http'
const ALL = { default_value: { numerator: 100, denominator: 'HUNDRED' } }
let [proxy, port, folder]: [ProxyProcess?, number?, string?] = []

/** The discovery file of the proxies' own cluster. */
async function setProxies(count: number): Promise<void> {
  const lb_endpoints = Array.from({ length: count }, (_, i) => ({
    endpoint: { address: { socket_address: { address: `127.0.3.${i + 1}`, port_value: 1 } } },
  }))
  const type = 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment'
  const resources = [{ '@type': type, cluster_name: 'me', endpoints: [{ lb_endpoints }] }]
  await writeFile(join(folder!, 'next'), JSON.stringify({ version_info: String(count), resources }))
  await rename(join(folder!, 'next'), join(folder!, 'eds.json'))
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shared-limit-'))
  ;[port] = (await freePorts(1)) as [number]
  await setProxies(4)
  const local = {
    '@type': `${TYPE}.local_ratelimit.v3.LocalRateLimit`,
    stat_prefix: 'shared',
    token_bucket: { max_tokens: 60, fill_interval: '3600s' },
    filter_enabled: ALL,
    filter_enforced: ALL,
    local_cluster_rate_limit: {},
  }
  const http_filters = [
    { name: 'envoy.filters.http.local_ratelimit', typed_config: local },
    { name: 'envoy.filters.http.router', typed_config: { '@type': `${TYPE}.router.v3.Router` } },
  ]
  const routes = [{ match: { prefix: '/' }, direct_response: { status: 200 } }]
  const me = {
    name: 'me',
    type: 'EDS',
    eds_cluster_config: { eds_config: { path_config_source: { path: join(folder, 'eds.json') } } },
  }
  const config = bootstrap([httpListener({ port, routes, hcm: { http_filters } })], [me], {
    cluster_manager: { local_cluster_name: 'me' },
  })
  proxy = await ProxyProcess.start(config)
})
after(async () => {
  await proxy?.stop()
  await rm(folder!, { recursive: true })
})

async function passing(count: number): Promise<number> {
  let passed = 0
  for (let i = 0; i < count; i++) {
    const { status } = await fetch(`http://127.0.0.1:${port}/`)
    if (status === 200) passed++
    else assert.equal(status, 429)
  }
  return passed
}

test('each proxy lets its equal share through, as many as there are at the moment', async () => {
  // 60 tokens, 4 proxies: 40 of them are gone after 10 requests.
  assert.equal(await passing(10), 10)
  await setProxies(10)
  await proxy!.untilStat('cluster.me.membership_total', 10)
  assert.equal(await passing(5), 2)
})

test('it needs a cluster to be a host of, and buckets that can be shared', () => {
  const context = { ...testContext(), localClusterName: null }
  const json = { statPrefix: 'x', localClusterRateLimit: {}, localRateLimitPerDownstreamConnection: true }
  localRateLimitFactory.compile(json, context, ConfigPath.root)
  assert.equal(context.diagnostics.list.length, 2)
})
