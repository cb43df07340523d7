// What listeners and their filters tell of a connection. PROXY_UNDER_TEST holds the same against a real Envoy.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import {
  bootstrap,
  freePorts,
  httpListener,
  ProxyProcess,
  RawClient,
  ScriptedOrigin,
  socketAddress,
  staticCluster,
} from '../harness/index.ts'

const TYPE = 'type.googleapis.com/envoy.extensions'
const TLV = 'envoy.network.proxy_protocol.tlv'
const FORMAT = [
  'metadata=%DYNAMIC_METADATA(envoy.filters.listener.proxy_protocol)%',
  'other=%DYNAMIC_METADATA(other)%',
  `state=%FILTER_STATE(${TLV})% field=%FILTER_STATE(${TLV}:FIELD:vpc)%`,
  'ja3=%TLS_JA3_FINGERPRINT% ja4=%TLS_JA4_FINGERPRINT%',
].join(' ')
const RULES = {
  rules: [
    { tlv_type: 0xea, on_tlv_present: { key: 'vpc' } },
    { tlv_type: 2, on_tlv_present: { metadata_namespace: 'other', key: 'first rule' } },
    { tlv_type: 2, on_tlv_present: { metadata_namespace: 'other', key: 'authority' } },
    { tlv_type: 0xeb, on_tlv_present: { key: 'broken' } },
    { tlv_type: 0xec, on_tlv_present: { key: 'encoded', value_string_encoding: 'BASE64' } },
  ],
}

let folder: string
let origin: ScriptedOrigin
let proxy: ProxyProcess
let ports: readonly number[]
const LISTENERS = ['metadata', 'state', 'httpState', 'httpMetadata', 'passing', 'hello', 'probed', 'probedToo', 'quiet']
const portOf = (name: string): number => ports[LISTENERS.indexOf(name)]!

const logFile = (name: string): string => join(folder, name)
const accessLog = (name: string): object => ({
  name: 'file',
  typed_config: {
    '@type': `${TYPE}.access_loggers.file.v3.FileAccessLog`,
    path: logFile(name),
    log_format: { text_format_source: { inline_string: `${FORMAT}\n` } },
  },
})

const proxyProtocol = (config: object): object => ({
  name: 'proxy_protocol',
  typed_config: { '@type': `${TYPE}.filters.listener.proxy_protocol.v3.ProxyProtocol`, ...config },
})

function tcpListener(name: string, listenerFilter: object | null, extra: object = {}, cluster = 'origin'): object {
  const tcp = {
    '@type': `${TYPE}.filters.network.tcp_proxy.v3.TcpProxy`,
    stat_prefix: name,
    cluster,
    access_log: [accessLog(name)],
  }
  return {
    name,
    address: socketAddress(portOf(name)),
    listener_filters: listenerFilter === null ? [] : [listenerFilter],
    filter_chains: [{ filters: [{ name: 'tcp', typed_config: tcp }] }],
    ...extra,
  }
}

const http = (name: string, listenerFilter: object): object => ({
  ...httpListener({ port: portOf(name), hcm: { access_log: [accessLog(name)] } }),
  listener_filters: [listenerFilter],
})

/** A cluster whose hosts are told whose connection it is. */
function tellingCluster(port: number): object {
  const config = {
    version: 'V2',
    pass_through_tlvs: { match_type: 'INCLUDE_ALL' },
    added_tlvs: [{ type: 0xe0, value: Buffer.from('own').toString('base64') }],
  }
  const inner = {
    name: 'raw',
    typed_config: { '@type': `${TYPE}.transport_sockets.raw_buffer.v3.RawBuffer` },
  }
  return staticCluster('telling', port, {
    transport_socket: {
      name: 'proxy_protocol',
      typed_config: {
        '@type': `${TYPE}.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport`,
        config,
        transport_socket: inner,
      },
    },
  })
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'listener-'))
  const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n'
  origin = await ScriptedOrigin.start(({ socket }) => socket.end(ok))
  ports = await freePorts(LISTENERS.length)
  const inspector = {
    name: 'tls_inspector',
    typed_config: {
      '@type': `${TYPE}.filters.listener.tls_inspector.v3.TlsInspector`,
      enable_ja3_fingerprinting: true,
      enable_ja4_fingerprinting: true,
    },
  }
  const probed = {
    tcp_keepalive: { keepalive_time: 50, keepalive_interval: 7, keepalive_probes: 2 },
    additional_addresses: [
      {
        address: socketAddress(portOf('probedToo')),
        tcp_keepalive: {},
        socket_options: {
          socket_options: [
            { level: 1, name: 9, int_value: 1, state: 'STATE_LISTENING' },
            { level: 6, name: 4, int_value: 20, state: 'STATE_LISTENING' },
          ],
        },
      },
    ],
  }
  const listeners = [
    tcpListener('metadata', proxyProtocol(RULES)),
    tcpListener('state', proxyProtocol({ ...RULES, tlv_location: 'FILTER_STATE' })),
    http('httpState', proxyProtocol({ ...RULES, tlv_location: 'FILTER_STATE' })),
    http('httpMetadata', proxyProtocol(RULES)),
    tcpListener(
      'passing',
      proxyProtocol({ pass_through_tlvs: { match_type: 'INCLUDE', tlv_type: [2] } }),
      {},
      'telling',
    ),
    tcpListener('hello', inspector),
    tcpListener('probed', null, probed),
    tcpListener('quiet', null),
  ]
  const clusters = [staticCluster('origin', origin.port), tellingCluster(origin.port)]
  proxy = await ProxyProcess.start(bootstrap(listeners, clusters))
})

after(async () => {
  await proxy?.stop()
  await origin?.close()
  await rm(folder, { recursive: true, force: true })
})

const tlv = (type: number, value: string | Buffer): Buffer =>
  Buffer.concat([Buffer.from([type, 0, value.length]), Buffer.from(value as string)])
const TLVS = [
  tlv(0xea, '\x01vpce-1'),
  tlv(2, 'one.test'),
  tlv(4, 'noop'),
  tlv(2, 'two.test'),
  tlv(0xeb, Buffer.from([0x41, 0xff, 0x42])),
  tlv(0xec, Buffer.from([0xff, 0x00])),
]

function header(): Buffer {
  const addresses = Buffer.from([10, 0, 0, 1, 10, 0, 0, 2, 0, 80, 1, 187])
  const body = Buffer.concat([addresses, ...TLVS])
  return Buffer.concat([
    Buffer.from('0d0a0d0a000d0a515549540a', 'hex'),
    Buffer.from([0x21, 0x11, body.length >> 8, body.length & 255]),
    body,
  ])
}

async function ask(name: string): Promise<void> {
  using client = await RawClient.connect(portOf(name))
  client.send(Buffer.concat([header(), Buffer.from('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n')]))
  await client.until(text => text.includes('\r\n\r\n'))
}

/** The last line of a log once it has `count` of them; files are flushed when they are opened anew. */
async function logged(name: string, count = 1): Promise<string> {
  const deadline = performance.now() + 12_000
  for (;;) {
    const lines = (await readFile(logFile(name), 'utf8').catch(() => '')).trim().split('\n')
    if ((lines[0] !== '' && lines.length >= count) || performance.now() > deadline) return lines.at(-1)!
    await proxy.admin('/reopen_logs', { method: 'POST' })
  }
}

describe('a PROXY header', () => {
  test('its TLVs become metadata of the connection', async () => {
    await ask('metadata')
    const metadata = '{"broken":"A!B","encoded":"/wA=","vpc":"\\u0001vpce-1"}'
    assert.equal(
      await logged('metadata'),
      `metadata=${metadata} other={"authority":"one.test"} state=- field=- ja3=- ja4=-`,
    )
  })

  test('or filter state, which streams see as well', async () => {
    for (const name of ['state', 'httpState']) {
      await ask(name)
      const [, state, field] = /state=(\S+) field=(\S+)/.exec(await logged(name))!
      const values = { authority: 'two.test', broken: 'A!B', encoded: '/wA=', vpc: '\x01vpce-1' }
      assert.deepEqual(JSON.parse(state!), values)
      assert.equal(field, values.vpc)
    }
    await ask('httpMetadata')
    assert.equal(await logged('httpMetadata'), 'metadata=- other=- state=- field=- ja3=- ja4=-')
  })

  test('those that may go on go upstream, behind the own ones', async () => {
    origin.reset()
    await ask('passing')
    const received = Buffer.from(origin.received, 'latin1')
    const tlvs = received.subarray(28, 16 + received.readUInt16BE(14))
    assert.equal(tlvs.toString('latin1'), Buffer.concat([tlv(0xe0, 'own'), TLVS[1]!, TLVS[3]!]).toString('latin1'))
  })
})

const u16 = (...values: number[]): Buffer => Buffer.concat(values.map(value => Buffer.from([value >> 8, value & 255])))
const short = (content: Buffer): Buffer => Buffer.concat([Buffer.from([content.length]), content])
const long = (content: Buffer): Buffer => Buffer.concat([u16(content.length), content])
const extension = (type: number, content: Buffer): Buffer => Buffer.concat([u16(type), long(content)])

function clientHello(version: number, ciphers: readonly number[], extensions: readonly Buffer[]): Buffer {
  const body = Buffer.concat([
    u16(version),
    Buffer.alloc(32, 7),
    short(Buffer.alloc(0)),
    long(u16(...ciphers)),
    short(Buffer.from([0])),
    ...(extensions.length === 0 ? [] : [long(Buffer.concat(extensions))]),
  ])
  const message = Buffer.concat([Buffer.from([1, 0]), u16(body.length), body])
  return Buffer.concat([Buffer.from([22, 3, 1]), long(message)])
}

const HELLOS: Readonly<Record<string, Buffer>> = {
  modern: clientHello(
    0x0303,
    [0x2a2a, 0x1302, 0x1301, 0xc02f],
    [
      extension(0x5a5a, Buffer.alloc(0)),
      extension(0, long(Buffer.concat([Buffer.from([0]), long(Buffer.from('a.test'))]))),
      extension(10, long(u16(0x1a1a, 29, 23))),
      extension(11, short(Buffer.from([0, 1]))),
      extension(16, long(Buffer.concat([short(Buffer.from('h2')), short(Buffer.from('http/1.1'))]))),
      extension(13, long(u16(0x0804, 0x0403))),
      extension(43, short(u16(0x3a3a, 0x0304, 0x0303))),
    ],
  ),
  old: clientHello(0x0301, [0x2f, 0x0a], []),
  odd: clientHello(0x0303, [0xc02b], [extension(16, long(short(Buffer.from([0xab])))), extension(23, Buffer.alloc(0))]),
  plain: clientHello(
    0x0303,
    [0xc02b],
    [extension(16, long(short(Buffer.from('x')))), extension(0xff01, Buffer.from([0]))],
  ),
}

test('a TLS hello has fingerprints', async () => {
  for (const hello of Object.values(HELLOS)) {
    using client = await RawClient.connect(portOf('hello'))
    client.send(hello)
    client.end()
    await client.untilEnd()
  }
  await logged('hello', 4)
  const lines = (await readFile(logFile('hello'), 'utf8')).trim().split('\n')
  assert.deepEqual(
    lines.map(line => line.replace(/^.*(?=ja3)/, '')),
    [
      'ja3=df8dee04962c56c83f394dd7a095754c ja4=t13d0306h2_40b44b994229_1c0340dc273e',
      'ja3=0a0d032818b7f90f76a3edf527f47a6f ja4=t10i020000_b2ad0625f3cb_000000000000',
      'ja3=9552f3e12aec0fe6f3956956564f86b8 ja4=t12i0102ab_648b5c445417_1ca028f07214',
      'ja3=9c061bb8270f568ea1e6bcc9fb555da8 ja4=t12i0102xx_648b5c445417_bc98f8e001b5',
    ],
  )
})

/** Seconds until the kernel's keep-alive timer of a connection from `port` ends; null: it has none. */
async function keepaliveTimer(port: number): Promise<number | null> {
  const lines = (await readFile('/proc/net/tcp', 'utf8')).split('\n')
  const from = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const line = lines.map(one => one.trim().split(/\s+/)).find(one => one[1]?.endsWith(from) === true && one[3] === '01')
  const [kind, when] = line![5]!.split(':') as [string, string]
  return kind === '02' ? Number.parseInt(when, 16) / 100 : null
}

test('connections are probed as their address says', async () => {
  const active = (name: string): string =>
    `listener.127.0.0.1_${portOf(name === 'probedToo' ? 'probed' : name)}.downstream_cx_active`
  const timer = async (name: string): Promise<number | null> => {
    using _client = await RawClient.connect(portOf(name))
    await proxy.untilStat(active(name), 1)
    return await keepaliveTimer(portOf(name))
  }
  const near = (seconds: number | null, wanted: number): void =>
    assert.ok(seconds !== null && Math.abs(seconds - wanted) < 3, `${seconds} s, not ${wanted} s`)
  near(await timer('probed'), 50)
  await proxy.untilStat(active('probed'), 0)
  near(await timer('probedToo'), 20)
  assert.equal(await timer('quiet'), null)
})
