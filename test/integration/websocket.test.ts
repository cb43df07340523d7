// WebSockets of a real client and server, through every pair of protocols.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import http2 from 'node:http2'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { type ClientOptions, WebSocket, WebSocketServer } from 'ws'
import { bootstrap, freePorts, httpListener, ProxyProcess, staticCluster, TestAuthority } from '../harness/index.ts'
import { downstreamTls, identity, pair, securedListener, upstreamTls } from './tls/kit.ts'

const servers: WebSocketServer[] = []
after(() => {
  for (const server of servers) server.close()
})

function echoing(server: WebSocketServer): WebSocketServer {
  server.on('connection', socket => {
    socket.on('error', () => socket.terminate())
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })
  return server
}

async function echoServer(): Promise<number> {
  const server = echoing(new WebSocketServer({ port: 0, host: '127.0.0.1' }))
  servers.push(server)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const allowing = { upgrade_configs: [{ upgrade_type: 'websocket' }], http2_protocol_options: { allow_connect: true } }
const overHttp2 = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      explicit_http_config: { http2_protocol_options: { allow_connect: true } },
    },
  },
}
const to = (cluster: string): object => ({ match: { prefix: '/' }, route: { cluster } })

/** Sends texts and a large message and waits for all of them to come back. */
async function converse(port: number, options?: ClientOptions): Promise<void> {
  const scheme = options === undefined ? 'ws' : 'wss'
  const socket = new WebSocket(`${scheme}://localhost:${port}/chat?room=1`, options)
  await once(socket, 'open')
  for (const text of ['hello', '', 'ünïcödé']) {
    socket.send(text)
    const [data] = (await once(socket, 'message')) as [Buffer]
    assert.equal(data.toString(), text)
  }
  const big = randomBytes(3 * 1024 * 1024)
  socket.send(big)
  const [back] = (await once(socket, 'message')) as [Buffer]
  assert.equal(createHash('sha256').update(back).digest('hex'), createHash('sha256').update(big).digest('hex'))
  socket.close(4321, 'done')
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer]
  assert.deepEqual([code, reason.toString()], [4321, 'done'])
}

test('HTTP/1.1 all the way, and with HTTP/2 on one or two of the hops', async () => {
  const [direct, first, second, third] = (await freePorts(4)) as [number, number, number, number]
  // first -h2-> second -h2-> third -h1-> server: from h1 to h2, from h2 to h2, from h2 to h1.
  const config = bootstrap(
    [
      httpListener({ port: direct, hcm: allowing, routes: [to('server')] }),
      httpListener({ port: first, hcm: allowing, routes: [to('second')] }),
      httpListener({ port: second, hcm: allowing, routes: [to('third')] }),
      httpListener({ port: third, hcm: allowing, routes: [to('server')] }),
    ],
    [
      staticCluster('server', await echoServer()),
      staticCluster('second', second, overHttp2),
      staticCluster('third', third, overHttp2),
    ],
  )
  await using proxy = await ProxyProcess.start(config)
  await converse(direct)
  await converse(first)
  const stats = await proxy.stats('upgrades|rq_active')
  for (const port of [direct, first, second, third]) {
    assert.equal(stats.get(`http.in_${port}.downstream_cx_upgrades_total`), 1, `listener ${port}`)
    assert.equal(stats.get(`http.in_${port}.downstream_cx_upgrades_active`), 0)
    assert.equal(stats.get(`http.in_${port}.downstream_rq_active`), 0)
  }
})

test('over TLS, with client certificates on both sides', async () => {
  using authority = new TestAuthority()
  const own = authority.issue('localhost', { sans: 'DNS:localhost' })
  const client = authority.issue('client')
  const trusted = { validation_context: { trusted_ca: { filename: authority.ca } } }
  const ca = authority.read(authority.ca)
  const [port] = (await freePorts(1)) as [number]
  const server = createHttps({ ...identity(own), ca, requestCert: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  servers.push(echoing(new WebSocketServer({ server })))
  const listener = securedListener({
    port,
    hcm: allowing,
    routes: [to('server')],
    tls: downstreamTls({
      require_client_certificate: true,
      common_tls_context: { tls_certificates: [pair(own)], ...trusted },
    }),
  })
  const upstream = upstreamTls({
    sni: 'localhost',
    common_tls_context: { tls_certificates: [pair(client)], ...trusted },
  })
  const cluster = staticCluster('server', (server.address() as AddressInfo).port, { transport_socket: upstream })
  await using proxy = await ProxyProcess.start(bootstrap([listener], [cluster]))
  await converse(port, { ...identity(client), ca })
  const stats = await proxy.stats('upgrades|ssl.handshake')
  assert.equal(stats.get(`http.in_${port}.downstream_cx_upgrades_total`), 1)
  assert.equal(stats.get('cluster.server.ssl.handshake'), 1)
  server.close()
})

test('an HTTP/2 client opens one by extended CONNECT, and is refused where it is not allowed', async () => {
  const [open, shut] = (await freePorts(2)) as [number, number]
  const config = bootstrap(
    [
      httpListener({ port: open, hcm: allowing, routes: [to('server')] }),
      httpListener({ port: shut, hcm: { http2_protocol_options: { allow_connect: true } }, routes: [to('server')] }),
    ],
    [staticCluster('server', await echoServer())],
  )
  await using _proxy = await ProxyProcess.start(config)
  const request = {
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':path': '/chat',
    ':scheme': 'http',
    ':authority': 'x',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  }
  for (const [port, status] of [
    [open, 200],
    [shut, 403],
  ] as const) {
    const session = http2.connect(`http://127.0.0.1:${port}`)
    await once(session, 'remoteSettings')
    const stream = session.request(request)
    const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders & { ':status'?: number }]
    assert.equal(headers[':status'], status)
    assert.equal(headers['upgrade'], undefined)
    if (status === 200) {
      // One masked text frame "hi"; the server's comes back unmasked.
      stream.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]))
      const [frame] = (await once(stream, 'data')) as [Buffer]
      assert.deepEqual([...frame], [0x81, 2, 0x68, 0x69])
    }
    session.destroy()
  }
})
