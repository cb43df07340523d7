// Filter chains found by a matcher tree. PROXY_UNDER_TEST holds the same against a real Envoy.
import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import { after, before, test } from 'node:test'
import { connect } from 'node:tls'
import { bootstrap, exchange, freePorts, ProxyProcess, socketAddress } from '../harness/index.ts'

const TYPE = 'type.googleapis.com/envoy.extensions'
const XDS = 'type.googleapis.com/xds.type.matcher.v3'
const typed = (type: string, config: object = {}): object => ({ name: 'n', typed_config: { '@type': type, ...config } })
const input = (name: string): object => typed(`${TYPE}.matching.common_inputs.network.v3.${name}Input`)
const chain = (name: string): object => ({
  action: { name: 'chain', typed_config: { '@type': 'type.googleapis.com/google.protobuf.StringValue', value: name } },
})
const exact = (name: string, map: object): object => ({
  matcher_tree: { input: input(name), exact_match_map: { map } },
})
const ranges = (name: string): object => ({
  matcher_tree: {
    input: input(name),
    custom_match: typed(`${XDS}.IPMatcher`, {
      range_matchers: [
        { ranges: [{ address_prefix: '10.0.0.0', prefix_len: 8 }], on_match: chain('a') },
        { ranges: [{ address_prefix: '10.1.0.0', prefix_len: 16 }], on_match: chain('b') },
        { ranges: [{ address_prefix: '2001:db8::', prefix_len: 32 }], on_match: chain('c') },
      ],
    }),
  },
})
const single = (name: string, valueMatch: object): object => ({
  single_predicate: { input: input(name), value_match: valueMatch },
})

const TREES: Readonly<Record<string, object>> = {
  sourceIp: ranges('SourceIP'),
  destinationIp: ranges('DestinationIP'),
  directIp: ranges('DirectSourceIP'),
  sourcePort: exact('SourcePort', { 1111: chain('a'), 2222: chain('b') }),
  destinationPort: { ...exact('DestinationPort', { 443: chain('a') }), on_no_match: chain('c') },
  sourceType: exact('SourceType', { local: chain('a') }),
  transport: exact('TransportProtocol', { tls: chain('a'), raw_buffer: chain('b') }),
  protocols: exact('ApplicationProtocol', { "'h2','http/1.1'": chain('a'), "'http/1.1'": chain('b') }),
  serverName: {
    matcher_tree: {
      input: input('ServerName'),
      custom_match: typed(`${XDS}.ServerNameMatcher`, {
        domain_matchers: [
          { domains: ['a.test'], on_match: chain('a') },
          { domains: ['*.b.test'], on_match: { matcher: exact('SourcePort', { 1111: chain('b') }) } },
        ],
      }),
    },
  },
  conditions: {
    matcher_list: {
      matchers: [
        {
          predicate: {
            and_matcher: {
              predicate: [
                single('ServerName', { suffix: '.test' }),
                { not_matcher: single('TransportProtocol', { exact: 'raw_buffer' }) },
              ],
            },
          },
          on_match: chain('a'),
        },
        {
          predicate: {
            or_matcher: { predicate: [single('SourcePort', { prefix: '11' }), single('SourcePort', { exact: '5' })] },
          },
          on_match: chain('b'),
        },
      ],
    },
  },
}
/** This one has no default filter chain. */
const LONELY = 'lonely'
const LISTENERS = [...Object.keys(TREES), LONELY]

let proxy: ProxyProcess
let ports: readonly number[]

/** What a client says first in TLS. */
function hello(servername: string, ...ALPNProtocols: string[]): Promise<Buffer> {
  return new Promise(resolve => {
    const socket = new Duplex({ read: () => {}, write: (bytes: Buffer) => resolve(bytes) })
    connect({ socket, servername, ...(ALPNProtocols.length === 0 ? {} : { ALPNProtocols }) }).on('error', () => {})
  })
}

before(async () => {
  ports = await freePorts(LISTENERS.length)
  const answering = (name: string): object => ({
    name,
    filters: [typed(`${TYPE}.filters.network.direct_response.v3.Config`, { response: { inline_string: name } })],
  })
  const listeners = LISTENERS.map((name, i) => ({
    name,
    address: socketAddress(ports[i]!),
    listener_filters: [
      typed(`${TYPE}.filters.listener.proxy_protocol.v3.ProxyProtocol`, {
        allow_requests_without_proxy_protocol: true,
      }),
      typed(`${TYPE}.filters.listener.tls_inspector.v3.TlsInspector`),
    ],
    filter_chains: ['a', 'b', 'c'].map(answering),
    filter_chain_matcher: TREES[name] ?? exact('SourcePort', { 1111: chain('a') }),
    ...(name === LONELY ? {} : { default_filter_chain: answering('default') }),
  }))
  proxy = await ProxyProcess.start(bootstrap(listeners, []))
})

after(async () => {
  await proxy?.stop()
})

const from = (source: string, sourcePort: number, destination: string, destinationPort: number): string =>
  `PROXY ${source.includes(':') ? 'TCP6' : 'TCP4'} ${source} ${destination} ${sourcePort} ${destinationPort}\r\n`
const found = (listener: string, bytes: string | Uint8Array): Promise<string> =>
  exchange(ports[LISTENERS.indexOf(listener)]!, bytes)

const CASES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  sourceIp: {
    [from('10.2.0.1', 1, '10.1.0.1', 2)]: 'a',
    [from('10.1.0.1', 1, '10.2.0.1', 2)]: 'b',
    [from('2001:db8::1', 1, '::2', 2)]: 'c',
    [from('192.0.2.1', 1, '10.1.0.1', 2)]: 'default',
  },
  destinationIp: { [from('10.2.0.1', 1, '10.1.0.1', 2)]: 'b', [from('10.1.0.1', 1, '10.2.0.1', 2)]: 'a' },
  directIp: { [from('10.2.0.1', 1, '10.1.0.1', 2)]: 'default' },
  sourcePort: { [from('10.0.0.1', 1111, '10.0.0.2', 1)]: 'a', [from('10.0.0.1', 2222, '10.0.0.2', 1)]: 'b' },
  destinationPort: { [from('10.0.0.1', 1111, '10.0.0.2', 443)]: 'a', [from('10.0.0.1', 1, '10.0.0.2', 80)]: 'c' },
  sourceType: {
    [from('10.0.0.1', 1, '10.0.0.2', 1)]: 'default',
    [from('10.0.0.1', 1, '10.0.0.1', 2)]: 'a',
    [from('127.0.0.1', 1, '10.0.0.1', 2)]: 'a',
    [from('127.0.0.2', 1, '10.0.0.1', 2)]: 'default',
    'no header at all': 'a',
  },
  transport: { 'plain text': 'b' },
  conditions: {
    [from('10.0.0.1', 1111, '10.0.0.2', 1)]: 'b',
    [from('10.0.0.1', 5, '10.0.0.2', 1)]: 'b',
    'a word': 'default',
  },
  lonely: { [from('10.0.0.1', 1111, '10.0.0.2', 1)]: 'a', [from('10.0.0.1', 2222, '10.0.0.2', 1)]: '' },
}

for (const [listener, cases] of Object.entries(CASES)) {
  for (const [bytes, expected] of Object.entries(cases)) {
    test(`${listener}: ${bytes.trim()}`, async () => {
      // Enough for every inspector to see that it is no TLS.
      assert.equal(await found(listener, `${bytes}something else`), expected)
    })
  }
}

test('what TLS says before it begins', async () => {
  assert.equal(await found('transport', await hello('a.test')), 'a')
  assert.equal(await found('protocols', await hello('a.test', 'h2', 'http/1.1')), 'a')
  assert.equal(await found('protocols', await hello('a.test', 'http/1.1')), 'b')
  assert.equal(await found('protocols', await hello('a.test')), 'default')
  assert.equal(await found('serverName', await hello('a.test')), 'a')
  assert.equal(await found('serverName', await hello('x.y.b.test')), 'default')
  const header = Buffer.from(from('10.0.0.1', 1111, '10.0.0.2', 443))
  assert.equal(await found('serverName', Buffer.concat([header, await hello('x.y.b.test')])), 'b')
  assert.equal(await found('serverName', await hello('b.test')), 'default')
  assert.equal(await found('conditions', await hello('b.test')), 'a')
})
