// TLS towards origins: what fails and how it is told, names per request, sockets per endpoint, PROXY protocol.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import tls from 'node:tls'
import {
  bootstrap,
  freePorts,
  httpListener,
  ProxyProcess,
  ScriptedOrigin,
  socketAddress,
  staticCluster,
  TestAuthority,
} from '../../harness/index.ts'
import { identity, LoggedLines, logged, promptLogs, upstreamTls } from './kit.ts'

const authority = new TestAuthority()
after(() => authority[Symbol.dispose]())
const server = authority.issue('server.test', { sans: 'DNS:server.test,DNS:*.server.test,IP:127.0.0.1' })
const validation = { trusted_ca: { filename: authority.ca } }
const trusting = { validation_context: validation }
const keyLog = join(authority.folder, 'keys.log')

/** Answers each request with what it knows of the connection. */
const telling = (options: tls.TlsOptions = {}): tls.Server =>
  tls
    .createServer({ ...identity(server), ...options }, socket => {
      socket.on('error', () => socket.destroy())
      socket.on('data', () => {
        const body = JSON.stringify({ sni: socket.servername, alpn: socket.alpnProtocol, port: socket.remotePort })
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
      })
    })
    .on('tlsClientError', () => undefined)

const raw = (onData: (socket: net.Socket) => void): net.Server =>
  net.createServer(socket => {
    socket.on('error', () => socket.destroy())
    socket.once('data', () => onData(socket))
  })

const origins = {
  good: telling(),
  wantsCertificate: telling({ requestCert: true, rejectUnauthorized: true, ca: readFileSync(authority.ca) }),
  onlyOld: telling({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' }),
  only13: telling({ minVersion: 'TLSv1.3' }),
  otherProtocol: telling({ ALPNProtocols: ['foo'] }),
  plain: raw(socket => socket.end('HTTP/1.1 400 Bad\r\n\r\n')),
  ends: raw(socket => socket.destroy()),
  resets: raw(socket => socket.resetAndDestroy()),
  silent: raw(() => undefined),
  protocols: telling({ ALPNProtocols: ['h3', 'http/1.1', 'other'] }),
}
type Origin = keyof typeof origins
const portOf = (origin: Origin): number => (origins[origin].address() as net.AddressInfo).port

const sslError = (text: string): RegExp => new RegExp(`^TLS_error:\\|\\d+:${text}:TLS_error_end$`)
const failures: readonly (readonly [Origin, context: object, reason: RegExp, details: RegExp])[] = [
  [
    'plain',
    { common_tls_context: trusting },
    sslError('SSL_routines:OPENSSL_internal:WRONG_VERSION_NUMBER'),
    /TLS_error/,
  ],
  [
    'ends',
    { common_tls_context: trusting },
    /^-$|Connection_reset_by_peer/,
    /remote_connection_failure|connection_termination/,
  ],
  ['resets', { common_tls_context: trusting }, /Connection_reset_by_peer/, /remote_connection_failure/],
  ['onlyOld', { common_tls_context: trusting }, /SSLV3_ALERT_HANDSHAKE_FAILURE/, /TLS_error/],
  ['only13', { common_tls_context: trusting }, /TLSV1_ALERT_PROTOCOL_VERSION/, /TLS_error/],
  ['wantsCertificate', { common_tls_context: trusting }, /SSLV3_ALERT_HANDSHAKE_FAILURE/, /TLS_error/],
  [
    'otherProtocol',
    { common_tls_context: { ...trusting, alpn_protocols: ['h3'] } },
    /TLSV1_ALERT_NO_APPLICATION_PROTOCOL/,
    /TLS_error/,
  ],
  ['silent', { common_tls_context: trusting }, /^-$/, /connection_timeout/],
  [
    'good',
    { sni: 'other.test', auto_sni_san_validation: true, common_tls_context: trusting },
    /SAN_matcher/,
    /TLS_error/,
  ],
]

const automatic = (more: object, upstream: object): object => ({
  transport_socket: upstreamTls({ ...more, common_tls_context: trusting }),
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      upstream_http_protocol_options: upstream,
      explicit_http_config: { http_protocol_options: {} },
    },
  },
})

/** A cluster of two endpoints that are told apart by their metadata. */
function matchingCluster(tlsPort: number, plainPort: number): object {
  const endpoint = (port: number, kind: string): object => ({
    endpoint: { address: socketAddress(port) },
    metadata: { filter_metadata: { 'envoy.transport_socket_match': { kind } } },
  })
  const rawBuffer = {
    name: 'envoy.transport_sockets.raw_buffer',
    typed_config: { '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer' },
  }
  const endpoints = [endpoint(tlsPort, 'secure'), endpoint(plainPort, 'plain')]
  return {
    name: 'matching',
    type: 'STATIC',
    load_assignment: { cluster_name: 'matching', endpoints: [{ lb_endpoints: endpoints }] },
    transport_socket_matches: [
      {
        name: 'tls',
        match: { kind: 'secure' },
        transport_socket: upstreamTls({ sni: 'server.test', common_tls_context: trusting }),
      },
      { name: 'none', match: {}, transport_socket: rawBuffer },
    ],
  }
}

const proxyProtocol = (version: string, inner: object, more: object = {}): object => ({
  transport_socket: {
    name: 'envoy.transport_sockets.upstream_proxy_protocol',
    typed_config: {
      '@type':
        'type.googleapis.com/envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport',
      config: { version, ...more },
      transport_socket: inner,
    },
  },
})

let proxy: ProxyProcess
let recorder: ScriptedOrigin
let port = 0
before(async () => {
  for (const origin of Object.values(origins)) {
    origin.listen(0, '127.0.0.1')
    await once(origin, 'listening')
  }
  recorder = await ScriptedOrigin.start(({ socket }, piece) => {
    if (piece.includes('\r\n\r\n')) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nraw!')
  })
  port = (await freePorts(1))[0]!
  const rawBuffer = {
    name: 'envoy.transport_sockets.raw_buffer',
    typed_config: { '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer' },
  }
  const good = portOf('good')
  const clusters = [
    ...failures.map(([origin, context], i) =>
      staticCluster(`failing-${i}`, portOf(origin), {
        connect_timeout: '0.4s',
        transport_socket: upstreamTls(context),
      }),
    ),
    staticCluster('good', good, {
      transport_socket: upstreamTls({ sni: 'server.test', common_tls_context: trusting }),
    }),
    staticCluster('auto', good, automatic({ sni: 'ignored.test' }, { auto_sni: true, auto_san_validation: true })),
    staticCluster('header', good, automatic({}, { auto_sni: true, override_auto_sni_header: 'x-name' })),
    staticCluster('protocols', portOf('protocols'), {
      transport_socket: upstreamTls({ common_tls_context: { ...trusting, alpn_protocols: ['other', 'http/1.1'] } }),
    }),
    staticCluster('key-log', good, {
      transport_socket: upstreamTls({ common_tls_context: { ...trusting, key_log: { path: keyLog } } }),
    }),
    matchingCluster(good, recorder.port),
    staticCluster('proxy-v1', recorder.port, proxyProtocol('V1', rawBuffer)),
    staticCluster(
      'proxy-v2',
      recorder.port,
      proxyProtocol('V2', rawBuffer, { added_tlvs: [{ type: 0xe1, value: Buffer.from('tlv!').toString('base64') }] }),
    ),
  ]
  const names = clusters.map(cluster => (cluster as { readonly name: string }).name)
  const routes = names.map(name => ({ match: { path: `/${name}` }, route: { cluster: name } }))
  const log = logged('up', '%RESPONSE_FLAGS% ; %UPSTREAM_TRANSPORT_FAILURE_REASON% ; %RESPONSE_CODE_DETAILS%')
  proxy = await ProxyProcess.start(bootstrap([httpListener({ port, routes, hcm: { access_log: [log] } })], clusters), {
    args: promptLogs,
  })
})
after(async () => {
  await proxy[Symbol.asyncDispose]()
  await recorder.close()
  for (const origin of Object.values(origins)) origin.close()
})

let lines: LoggedLines | undefined
/** One request to a cluster: the answer and what the access log says. */
async function ask(cluster: string, headers: Record<string, string> = {}) {
  lines ??= new LoggedLines(proxy, 'up')
  const request = [`GET /${cluster} HTTP/1.1`, ...Object.entries({ host: 'a', ...headers }).map(h => h.join(': '))]
  const socket = net.connect({ port, host: '127.0.0.1' })
  let text = ''
  socket.setEncoding('latin1').on('data', piece => {
    text += piece
  })
  socket.write(`${[...request, 'connection: close'].join('\r\n')}\r\n\r\n`)
  await once(socket, 'close')
  const [head, body] = text.split('\r\n\r\n') as [string, string]
  const [flags, reason, details] = (await lines.next()).split(' ; ') as [string, string, string]
  return { status: Number(head.slice(9, 12)), body, flags, reason, details }
}

const told = async (cluster: string, headers: Record<string, string> = {}) => {
  const { status, body } = await ask(cluster, headers)
  return status === 200 ? (JSON.parse(body) as { sni: string; alpn: string; port: number }) : status
}

describe('a handshake that fails', () => {
  for (const [i, [origin, , expected, expectedDetails]] of failures.entries()) {
    test(origin, async () => {
      const { status, flags, reason, details } = await ask(`failing-${i}`)
      assert.equal(status, 503)
      assert.equal(flags, 'UF')
      assert.match(reason, expected)
      assert.match(details, expectedDetails)
      await proxy.untilStat(`cluster.failing-${i}.upstream_cx_connect_fail`, 1)
    })
  }
})

test('the name is that of the request', async () => {
  const name = async (host: string, cluster = 'auto') => {
    const answer = await told(cluster, { host })
    return typeof answer === 'number' ? answer : answer.sni
  }
  assert.equal(await name('a.server.test'), 'a.server.test')
  assert.equal(await name('SERVER.test:8080'), 'SERVER.test')
  assert.equal(await name('elsewhere.test'), 503, 'no certificate has that name')
  assert.equal(await name('elsewhere.test', 'header'), 'elsewhere.test')
})

test('connections are shared only by requests to the same name', async () => {
  const first = await told('auto', { host: 'one.server.test' })
  const second = await told('auto', { host: 'two.server.test' })
  const third = await told('auto', { host: 'one.server.test' })
  assert.ok(typeof first === 'object' && typeof second === 'object' && typeof third === 'object')
  assert.equal(first.port, third.port)
  assert.notEqual(first.port, second.port)
})

test('the name may stand in a header', async () => {
  const answer = await told('header', { host: 'a.test', 'x-name': 'b.test' })
  assert.equal(typeof answer === 'object' && answer.sni, 'b.test')
})

test('protocols are offered', async () => {
  const answer = await told('protocols')
  assert.equal(typeof answer === 'object' && answer.alpn, 'http/1.1')
})

test('each endpoint has the socket that its metadata names', async () => {
  const bodies = [(await ask('matching')).body, (await ask('matching')).body]
  assert.ok(bodies.includes('raw!'), String(bodies))
  assert.ok(
    bodies.some(body => body.includes('server.test')),
    String(bodies),
  )
})

test('the keys of the sessions are logged', async () => {
  assert.equal((await ask('key-log')).status, 200)
  const deadline = performance.now() + 5000
  const read = (): string => readFileSync(keyLog, 'latin1')
  while (!/^CLIENT_RANDOM [0-9a-f]{64} [0-9a-f]+\n/m.test(read())) {
    assert.ok(performance.now() < deadline, read())
    await new Promise(resolve => setImmediate(resolve))
  }
})

test('PROXY protocol, as text', async () => {
  recorder.reset()
  assert.equal((await ask('proxy-v1')).body, 'raw!')
  assert.match(
    recorder.received,
    new RegExp(`^PROXY TCP4 127\\.0\\.0\\.1 127\\.0\\.0\\.1 \\d+ ${port}\r\nGET /proxy-v1 `),
  )
})

test('PROXY protocol, as bytes', async () => {
  recorder.reset()
  assert.equal((await ask('proxy-v2')).body, 'raw!')
  const bytes = Buffer.from(recorder.received, 'latin1')
  assert.equal(bytes.subarray(0, 16).toString('hex'), '0d0a0d0a000d0a515549540a21110013')
  assert.deepEqual([...bytes.subarray(16, 24)], [127, 0, 0, 1, 127, 0, 0, 1])
  assert.equal(bytes.readUInt16BE(26), port)
  assert.equal(bytes.subarray(28, 35).toString('latin1'), '\xe1\0\x04tlv!')
  assert.match(recorder.received.slice(35), /^GET \/proxy-v2 /)
})
