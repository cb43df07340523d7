// Origins behind an HTTP proxy: tunnels for TLS. PROXY_UNDER_TEST holds the same against a real Envoy.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { after, before, test } from 'node:test'
import tls from 'node:tls'
import {
  bootstrap,
  exchange,
  freePorts,
  httpListener,
  ProxyProcess,
  socketAddress,
  staticCluster,
  TestAuthority,
} from '../../harness/index.ts'
import { identity, upstreamTls } from './kit.ts'

const TYPE = 'type.googleapis.com/envoy.extensions.transport_sockets'
const answer = (body: string): string =>
  `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`

const authority = new TestAuthority()
let origin: tls.Server
let middle: net.Server
let proxy: ProxyProcess
let port = 0
/** What the proxy in the middle was asked first, on each connection. */
const asked: string[] = []
let says = 'HTTP/1.1 200 Connection established\r\n\r\n'

/** Tunnels to the origin when it says 200. */
function serve(socket: net.Socket): void {
  socket.on('error', () => socket.destroy())
  socket.once('data', (data: Buffer) => {
    const text = data.toString()
    asked.push(text.slice(0, text.indexOf('\r\n\r\n')))
    if (!text.startsWith('CONNECT ')) {
      socket.end(answer('in plain'))
      return
    }
    socket.write(says)
    if (!says.startsWith('HTTP/1.1 200') && !says.startsWith('HTTP/1.0 200')) {
      socket.end()
      return
    }
    const onward = net.connect((origin.address() as net.AddressInfo).port, '127.0.0.1')
    onward.on('error', () => onward.destroy())
    socket.pipe(onward).pipe(socket)
  })
}

before(async () => {
  const { cert, key } = authority.issue('server.test')
  origin = tls.createServer(identity({ cert, key }), socket => {
    socket.on('error', () => socket.destroy())
    socket.once('data', () => socket.end(answer('by TLS')))
  })
  middle = net.createServer(serve)
  await Promise.all([origin, middle].map(server => once(server.listen(0, '127.0.0.1'), 'listening')))
  const originPort = (origin.address() as net.AddressInfo).port
  ;[port] = (await freePorts(1)) as [number]
  const through = (inner: object): object => ({
    transport_socket: {
      name: 'envoy.transport_sockets.http_11_proxy',
      typed_config: {
        '@type': `${TYPE}.http_11_proxy.v3.Http11ProxyUpstreamTransport`,
        transport_socket: inner,
        default_proxy_address: socketAddress((middle.address() as net.AddressInfo).port),
      },
    },
  })
  const trusting = { validation_context: { trusted_ca: { filename: authority.ca } } }
  const secure = upstreamTls({ sni: 'server.test', common_tls_context: trusting })
  const raw = { name: 'raw', typed_config: { '@type': `${TYPE}.raw_buffer.v3.RawBuffer` } }
  const named = { hostname: 'svc.test', address: socketAddress(originPort) }
  const clusters = [
    staticCluster('secure', originPort, through(secure)),
    {
      ...staticCluster('named', originPort, through(secure)),
      load_assignment: { cluster_name: 'named', endpoints: [{ lb_endpoints: [{ endpoint: named }] }] },
    },
    staticCluster('plain', originPort, through(raw)),
  ]
  const routes = ['secure', 'named', 'plain'].map(cluster => ({ match: { prefix: `/${cluster}` }, route: { cluster } }))
  proxy = await ProxyProcess.start(bootstrap([httpListener({ port, routes })], clusters))
})

after(async () => {
  await proxy?.stop()
  origin.close()
  middle.close()
  authority[Symbol.dispose]()
})

const get = (path: string): Promise<string> =>
  exchange(port, `GET ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`)

test('TLS goes through a tunnel, to the address or the name of the host', async () => {
  asked.length = 0
  const { port: originPort } = origin.address() as net.AddressInfo
  assert.match(await get('/secure'), /by TLS$/)
  assert.match(await get('/named'), /by TLS$/)
  assert.deepEqual(
    asked,
    [`127.0.0.1:${originPort}`, `svc.test:${originPort}`].map(host => `CONNECT ${host} HTTP/1.1\r\nHost: ${host}`),
  )
})

test('what is plain goes to the proxy as it is', async () => {
  asked.length = 0
  assert.match(await get('/plain'), /in plain$/)
  assert.match(asked[0] ?? '', /^GET \/plain HTTP\/1\.1\r\nhost: a\r\n/)
})

test('a tunnel in an older version is one as well', async () => {
  says = 'HTTP/1.0 200 OK\r\nvia: x\r\n\r\n'
  assert.match(await get('/secure'), /by TLS$/)
})

for (const refusal of ['HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n', 'HTTP/1.1 204 No Content\r\n\r\n', '']) {
  test(`no tunnel: ${refusal.slice(0, 12) || 'the end'}`, async () => {
    says = refusal
    assert.match(
      await get('/secure'),
      /^HTTP\/1\.1 503 .*reset reason: (?:remote connection failure|connection timeout)/s,
    )
  })
}
