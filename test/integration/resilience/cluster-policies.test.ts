// retry_policy and hash_policy of a cluster stand in for those of its routes. Passes against a real Envoy too.
import assert from 'node:assert/strict'
import { Agent, get } from 'node:http'
import { after, before, test } from 'node:test'
import { type Answer, Origins } from '../../differential/resilience/origins.ts'
import { bootstrap, freePorts, httpListener, ProxyProcess, staticCluster } from '../../harness/index.ts'

const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
const POLICIES = {
  '@type': `type.googleapis.com/${HTTP_OPTIONS}`,
  explicit_http_config: { http_protocol_options: {} },
  retry_policy: {
    retry_on: 'retriable-status-codes',
    retriable_status_codes: [503],
    num_retries: 2,
    per_try_timeout: '0.1s',
    retry_back_off: { base_interval: '0.001s', max_interval: '0.002s' },
  },
  hash_policy: [{ header: { header_name: 'x-key' } }],
}
const agent = new Agent({ keepAlive: true })
let [origins, proxy, port]: [Origins?, ProxyProcess?, number?] = []

before(async () => {
  origins = await Origins.start()
  ;[port] = (await freePorts(1)) as [number]
  const target = origins.port
  const lb_endpoints = [1, 2, 3].map(host => ({
    endpoint: { address: { socket_address: { address: `127.0.2.${host}`, port_value: target } } },
  }))
  const cluster = staticCluster('c', target, {
    lb_policy: 'RING_HASH',
    load_assignment: { cluster_name: 'c', endpoints: [{ lb_endpoints }] },
    typed_extension_protocol_options: { [HTTP_OPTIONS]: POLICIES },
  })
  const own = {
    retry_policy: { retry_on: '5xx', num_retries: 1 },
    hash_policy: [{ header: { header_name: 'x-other' } }],
  }
  const routes = [
    { match: { prefix: '/own' }, route: { cluster: 'c', ...own } },
    { match: { prefix: '/' }, route: { cluster: 'c' } },
  ]
  proxy = await ProxyProcess.start(bootstrap([httpListener({ port, routes })], [cluster]))
})
after(async () => {
  agent.destroy()
  await proxy?.stop()
  await origins?.stop()
})

/** The status, and which hosts were asked. */
async function ask(path: string, answer: Answer, headers: Record<string, string> = {}): Promise<[number, number[]]> {
  origins?.asked.clear()
  const plan = { 'x-plan': JSON.stringify({ attempts: [answer] }) }
  const status = await new Promise<number>((resolve, reject) => {
    get({ host: '127.0.0.1', port, path, agent, headers: { ...headers, ...plan } }, response => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0))
    }).on('error', reject)
  })
  return [status, (origins?.asked.get('127.0.2') ?? []).map(({ host }) => host)]
}

test('the retry policy of the cluster takes the place of the whole policy of the route', async () => {
  for (const path of ['/', '/own']) {
    const [status, asked] = await ask(path, { status: 503 })
    assert.deepEqual([status, asked.length], [503, 3], path)
    const [other, once] = await ask(path, { status: 500 })
    assert.deepEqual([other, once.length], [500, 1], path)
  }
})

test('but the time of a try is the business of routes', async () => {
  const [status, asked] = await ask('/', { waitMs: 300, status: 200 })
  assert.deepEqual([status, asked.length], [200, 1])
})

test('the hash policy of the cluster decides about the host', async () => {
  for (const path of ['/', '/own']) {
    const hosts = new Set<number>()
    for (let key = 0; key < 20; key++) {
      const seen = new Set<number>()
      for (const other of ['a', 'b', 'c']) {
        const [, [host]] = await ask(path, {}, { 'x-key': `key-${key}`, 'x-other': other })
        seen.add(host as number)
      }
      assert.equal(seen.size, 1, `key ${key}`)
      for (const host of seen) hosts.add(host)
    }
    assert.equal(hosts.size, 3)
  }
})
