// A DNS server that knows nothing, fails, is silent, is gone, or says too much (E11): requests go to the hosts known last.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { NXDOMAIN, SERVFAIL, TestDnsServer } from '../../src/upstream/dns/testing.ts'
import { bootstrap, freePorts, httpListener, ProxyProcess, socketAddress } from '../harness/index.ts'

const CARES = 'type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig'
/** A cluster of this name asks for `<name>.test`; by it, what differs from a plain one. */
const CLUSTERS = {
  late: {},
  strict: {},
  logical: { type: 'LOGICAL_DNS' },
  many: {},
  hasty: { respect_dns_ttl: true },
} as const
type Name = keyof typeof CLUSTERS
const NAMES = Object.keys(CLUSTERS) as Name[]
const REFRESH_MS = 50
const MANY = 1000

let dns: TestDnsServer
let dnsGone = false
let origin: Server
let proxy: ProxyProcess
let ports: readonly number[]

before(async () => {
  dns = await TestDnsServer.start()
  dns.ttlS = 0
  dns.zone = { 'strict.test': ['127.0.1.1'], 'logical.test': ['127.0.1.1'], 'hasty.test': ['127.0.1.1'] }
  // Whichever address of loopback it was found by.
  origin = createServer((request, response) => response.end(request.socket.localAddress)).listen(0, '0.0.0.0')
  await once(origin, 'listening')
  ports = await freePorts(NAMES.length)
  const [address, port] = dns.address.split(':')
  const resolver = {
    '@type': CARES,
    resolvers: [socketAddress(Number(port), address)],
    query_timeout_seconds: 1,
    query_tries: 1,
  }
  const clusters = NAMES.map(name => {
    const endpoint = { address: socketAddress((origin.address() as AddressInfo).port, `${name}.test`) }
    return {
      name,
      type: 'STRICT_DNS',
      dns_lookup_family: 'V4_ONLY',
      dns_refresh_rate: `${REFRESH_MS / 1000}s`,
      typed_dns_resolver_config: { name: 'cares', typed_config: resolver },
      load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint }] }] },
      ...CLUSTERS[name],
    }
  })
  const listeners = NAMES.map((cluster, i) =>
    httpListener({ port: ports[i]!, routes: [{ match: { prefix: '/' }, route: { cluster } }] }),
  )
  proxy = await ProxyProcess.start(bootstrap(listeners, clusters))
})
after(async () => {
  await proxy?.stop()
  if (!dnsGone) dns.close()
  origin.closeAllConnections()
  origin.close()
})

async function ask(name: Name): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${ports[NAMES.indexOf(name)]}/`)
  return `${response.status} ${await response.text()}`
}

/** Resolves once a counter of the cluster has risen by `more`. */
async function rises(name: Name, counter: string, more = 2): Promise<void> {
  const stat = async (): Promise<number> => (await proxy.stats(`${name}.${counter}`)).get(`cluster.${name}.${counter}`)!
  const from = await stat()
  const deadline = Date.now() + 5000
  while ((await stat()) < from + more) assert.ok(Date.now() < deadline, `${counter} did not rise`)
}

const members = (name: Name, count: number): Promise<void> => proxy.untilStat(`cluster.${name}.membership_total`, count)

test('a name that nobody knows at the start: no host; then there is one', async () => {
  assert.match(await ask('late'), /^503 no healthy upstream/)
  await proxy.untilStat('cluster.late.upstream_cx_none_healthy', 1)
  dns.zone['late.test'] = ['127.0.1.9']
  await members('late', 1)
  assert.equal(await ask('late'), '200 127.0.1.9')
})

for (const name of ['strict', 'logical'] as const) {
  test(`later failures of the server leave the hosts of a ${name} cluster as they are`, async () => {
    for (const failure of [SERVFAIL, 5, 'silent'] as const) {
      dns.zone[`${name}.test`] = failure
      await rises(name, failure === 'silent' ? 'update_attempt' : 'update_failure', failure === 'silent' ? 1 : 2)
      assert.equal(await ask(name), '200 127.0.1.1', String(failure))
    }
    dns.zone[`${name}.test`] = ['127.0.1.2']
    while ((await ask(name)) !== '200 127.0.1.2');
  })
}

test('an empty answer is one: a strict cluster has no host then, a logical one keeps its last', async () => {
  for (const answer of [[], NXDOMAIN] as const) {
    dns.zone['strict.test'] = answer
    dns.zone['logical.test'] = answer
    await members('strict', 0)
    assert.match(await ask('strict'), /^503 no healthy upstream/)
    await rises('logical', 'update_failure')
    assert.equal(await ask('logical'), '200 127.0.1.2')
    dns.zone['strict.test'] = ['127.0.1.2']
    await members('strict', 1)
    assert.equal(await ask('strict'), '200 127.0.1.2')
  }
})

test('a thousand records are a thousand hosts', async () => {
  const addresses = Array.from({ length: MANY }, (_, i) => `127.1.${i >> 8}.${i & 255}`).map(text =>
    text.endsWith('.0') ? text.replace(/0$/, '254') : text,
  )
  dns.zone['many.test'] = addresses
  await members('many', new Set(addresses).size)
  const answers = new Set<string>()
  for (let i = 0; i < 20; i++) answers.add(await ask('many'))
  assert.equal(answers.size, 20)
  for (const answer of answers) assert.ok(addresses.includes(answer.slice('200 '.length)), answer)
})

test('records that live no time at all are asked for at the refresh rate, not in a loop', async () => {
  const asked = (): number => dns.questions.filter(question => question === 'A hasty.test').length
  const [before, startMs] = [asked(), performance.now()]
  await rises('hasty', 'update_success', 5)
  const rounds = (performance.now() - startMs) / REFRESH_MS
  assert.ok(asked() - before <= rounds + 2, `${asked() - before} questions in ${rounds} rounds`)
  assert.equal(await ask('hasty'), '200 127.0.1.1')
})

test('with the server gone traffic goes on', async () => {
  dns.close()
  dnsGone = true
  await rises('strict', 'update_failure', 2)
  assert.equal(await ask('strict'), '200 127.0.1.2')
  assert.equal(await ask('logical'), '200 127.0.1.2')
})
