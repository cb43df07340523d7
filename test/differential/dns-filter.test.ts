// The DNS filter, asked by a real resolver and by hand. PROXY_UNDER_TEST holds the same against a real Envoy.
import assert from 'node:assert/strict'
import { Resolver } from 'node:dns/promises'
import { after, before, test } from 'node:test'
import { bootstrap, freePorts, ProxyProcess, staticCluster, UdpPeer } from '../harness/index.ts'

const addresses = (name: string, ...address: string[]): object => ({ name, endpoint: { address_list: { address } } })
const MANY = Array.from({ length: 12 }, (_, i) => `10.1.0.${i + 1}`)
const DOMAINS = [
  { ...addresses('www.one.test', '10.0.0.1', '10.0.0.2'), answer_ttl: '60s' },
  addresses('both.one.test', '10.0.0.3', '2001:db8::3'),
  addresses('many.one.test', ...MANY),
  addresses('*.wild.test', '10.0.0.4'),
  addresses('*.deep.wild.test', '10.0.0.5'),
  addresses('twice.one.test', '10.0.0.6'),
  addresses('twice.one.test', '10.0.0.7'),
  { name: 'cluster.one.test', endpoint: { cluster_name: 'c' } },
  { name: 'absent.one.test', endpoint: { cluster_name: 'absent' } },
]

let proxy: ProxyProcess
let client: UdpPeer
let port: number
const resolver = new Resolver({ timeout: 2000, tries: 1 })

before(async () => {
  const [free] = await freePorts(1)
  port = free!
  const hosts = ['10.9.0.1', '10.9.0.2'].map(address => ({
    endpoint: { address: { socket_address: { address, port_value: 80 } } },
  }))
  const listener = {
    name: 'dns',
    address: { socket_address: { protocol: 'UDP', address: '127.0.0.1', port_value: port } },
    listener_filters: [
      {
        name: 'dns',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.filters.udp.dns_filter.v3.DnsFilterConfig',
          stat_prefix: 'd',
          server_config: { inline_dns_table: { virtual_domains: DOMAINS } },
        },
      },
    ],
  }
  const cluster = staticCluster('c', 0, {
    load_assignment: { cluster_name: 'c', endpoints: [{ lb_endpoints: hosts }] },
  })
  proxy = await ProxyProcess.start(bootstrap([listener], [cluster]))
  client = await UdpPeer.open()
  resolver.setServers([`127.0.0.1:${port}`])
})

after(async () => {
  await proxy?.stop()
  client?.close()
})

const missing = (error: unknown): boolean => (error as { code?: string }).code === 'ENOTFOUND'

test('addresses of names, wildcards and clusters', async () => {
  const found = async (name: string) =>
    (await resolver.resolve4(name, { ttl: true })).toSorted((a, b) => (a.address < b.address ? -1 : 1))
  const at = (ttl: number, ...all: string[]) => all.map(address => ({ address, ttl }))
  assert.deepEqual(await found('www.one.test'), at(60, '10.0.0.1', '10.0.0.2'))
  assert.deepEqual(await found('both.one.test'), at(300, '10.0.0.3'))
  assert.deepEqual(await resolver.resolve6('both.one.test'), ['2001:db8::3'])
  assert.deepEqual(await found('twice.one.test'), at(300, '10.0.0.6', '10.0.0.7'))
  assert.deepEqual(await found('x.wild.test'), at(300, '10.0.0.4'))
  assert.deepEqual(await found('x.y.wild.test'), at(300, '10.0.0.4'))
  assert.deepEqual(await found('deep.wild.test'), at(300, '10.0.0.4'))
  assert.deepEqual(await found('x.y.deep.wild.test'), at(300, '10.0.0.5'))
  assert.deepEqual(await found('cluster.one.test'), at(300, '10.9.0.1', '10.9.0.2'))
  const some = await resolver.resolve4('many.one.test')
  assert.equal(some.length, 8)
  for (const address of some) assert.ok(MANY.includes(address))
})

test('what is not there: other names, other types', async () => {
  for (const name of ['nope.one.test', 'nope.example', 'wild.test', 'absent.one.test']) {
    await assert.rejects(resolver.resolve4(name), missing, name)
  }
  await assert.rejects(resolver.resolve6('www.one.test'), missing)
  await assert.rejects(resolver.resolveSrv('www.one.test'), missing)
  await assert.rejects(resolver.resolveTxt('www.one.test'), { code: 'ENOTIMP' })
})

const header = (flags: number, ...counts: number[]): Buffer => {
  const bytes = Buffer.alloc(12)
  ;[0x1234, flags, ...counts].forEach((value, i) => {
    bytes.writeUInt16BE(value, i * 2)
  })
  return bytes
}
const nameOf = (name: string): Buffer =>
  Buffer.concat([
    ...name.split('.').flatMap(label => [Buffer.from([label.length]), Buffer.from(label)]),
    Buffer.alloc(1),
  ])
const question = (name: string, type = 1, cls = 1): Buffer =>
  Buffer.concat([nameOf(name), Buffer.from([0, type, 0, cls])])

test('queries that are none get a format error; what is unusual and right gets its answer', async () => {
  const www = question('www.one.test')
  const bad: Readonly<Record<string, Buffer>> = {
    'no question': header(0x100, 0, 0, 0, 0),
    'two questions': Buffer.concat([header(0x100, 2, 0, 0, 0), www, www]),
    'an answer in it': Buffer.concat([header(0x100, 1, 1, 0, 0), www]),
    'cut short': Buffer.concat([header(0x100, 1, 0, 0, 0), www]).subarray(0, -3),
    'another class': Buffer.concat([header(0x100, 1, 0, 0, 0), question('www.one.test', 1, 3)]),
    'the root': Buffer.concat([header(0x100, 1, 0, 0, 0), Buffer.from([0, 0, 1, 0, 1])]),
    'a pointer to itself': Buffer.concat([header(0x100, 1, 0, 0, 0), Buffer.from([0xc0, 12, 0, 1, 0, 1])]),
    'a name of 304 bytes': Buffer.concat([
      header(0x100, 1, 0, 0, 0),
      question(Array(5).fill('a'.repeat(60)).join('.')),
    ]),
  }
  for (const [what, query] of Object.entries(bad)) {
    const answer = Buffer.from(await client.ask(query.toString('latin1'), port), 'latin1')
    assert.equal(answer.toString('hex'), '123481010000000000000000', what)
  }
  const good = [
    Buffer.concat([header(0x100, 1, 0, 0, 0), www, Buffer.from('behind it')]),
    Buffer.concat([header(0x100, 1, 0, 0, 1), www, Buffer.from([0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 0])]),
    Buffer.concat([header(0x03f0, 1, 0, 0, 0), www]),
  ]
  for (const query of good) {
    const answer = Buffer.from(await client.ask(query.toString('latin1'), port), 'latin1')
    assert.equal(answer.subarray(0, 12).toString('hex'), '123481000001000200000000')
  }
})

test('letters count', async () => {
  const query = Buffer.concat([header(0x100, 1, 0, 0, 0), question('WWW.one.test')])
  const answer = Buffer.from(await client.ask(query.toString('latin1'), port), 'latin1')
  assert.equal(answer.toString('hex'), `1234810300010000${'0'.repeat(8)}${question('WWW.one.test').toString('hex')}`)
})

test('stats', async () => {
  const stats = await proxy.stats('^dns_filter')
  const used = Object.fromEntries(
    [...stats].filter(([, value]) => value > 0).map(([name, value]) => [name.slice(13), value]),
  )
  assert.deepEqual(used, {
    a_record_queries: 17,
    aaaa_record_queries: 2,
    cluster_a_record_answers: 2,
    downstream_rx_invalid_queries: 8,
    downstream_rx_queries: 29,
    downstream_tx_responses: 29,
    known_domain_queries: 20,
    local_a_record_answers: 27,
    local_aaaa_record_answers: 1,
    queries_with_additional_rrs: 1,
    queries_with_ans_or_authority_rrs: 1,
    query_parsing_failure: 5,
    srv_record_queries: 1,
    unanswered_queries: 8,
    unsupported_queries: 1,
  })
})

test('no answer to answers, nor to what is no message', {
  skip: process.env['PROXY_UNDER_TEST'] !== undefined,
}, async () => {
  const before = client.received.length
  client.send(Buffer.concat([header(0x8100, 1, 0, 0, 0), question('www.one.test')]).toString('latin1'), port)
  client.send('abc', port)
  client.send('', port)
  await proxy.untilStat('dns_filter.d.downstream_rx_invalid_queries', 11)
  await resolver.resolve4('www.one.test')
  assert.equal(client.received.length, before)
})
