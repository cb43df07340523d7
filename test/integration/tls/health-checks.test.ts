import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import http2, { type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo, Server } from 'node:net'
import { after, test } from 'node:test'
import tls, { type TLSSocket } from 'node:tls'
import { bootstrap, ProxyProcess, socketAddress, TestAuthority } from '../../harness/index.ts'

const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext'
const authority = new TestAuthority()
const stranger = new TestAuthority('Other CA')
after(() => {
  authority[Symbol.dispose]()
  stranger[Symbol.dispose]()
})

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  after(() => server.close())
  return (server.address() as AddressInfo).port
}

const secure = (ca: string): object => ({
  name: 'envoy.transport_sockets.tls',
  typed_config: {
    '@type': TLS,
    sni: 'server.test',
    common_tls_context: { validation_context: { trusted_ca: { filename: ca } }, alpn_protocols: ['traffic'] },
  },
})

function cluster(name: string, port: number, check: object, extra: object = {}): object {
  const endpoint = { address: socketAddress(port), health_check_config: { hostname: 'checked.test' } }
  const times = { timeout: '10s', interval: '60s', unhealthy_threshold: 1, healthy_threshold: 1 }
  return {
    name,
    type: 'STATIC',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint }] }] },
    health_checks: [{ ...times, ...check }],
    transport_socket: secure(authority.ca),
    ...extra,
  }
}

test('checks go through the transport socket of the cluster, or the one that their criteria name', async () => {
  const certificate = authority.issue('server.test', { sans: 'DNS:server.test' })
  const { readFileSync } = await import('node:fs')
  const files = { cert: readFileSync(certificate.cert), key: readFileSync(certificate.key) }
  const seen: string[] = []
  const page = http.createServer((request, response) => {
    seen.push(`${request.headers.host}`)
    response.end()
  })
  const offered = (socket: TLSSocket): void => void seen.push(`${socket.servername} ${socket.alpnProtocol}`)
  const tlsPort = await listening(
    tls.createServer({ ...files, ALPNProtocols: ['check', 'traffic'] }, socket => {
      offered(socket)
      page.emit('connection', socket)
    }),
  )
  const h2Server = http2.createSecureServer({ ...files, ALPNProtocols: ['h2'] })
  h2Server.on('stream', (stream: ServerHttp2Stream, headers) => {
    seen.push(`${headers[':scheme']}`)
    // The proxy is not ready before the first answers, though no listener waits for them.
    setTimeout(() => stream.respond({ ':status': 200 }, { endStream: true }), 200)
  })
  const h2Port = await listening(h2Server)
  const plainPort = await listening(page)
  const http1 = { http_health_check: { path: '/' } }
  const matches = [
    {
      name: 'plain',
      match: { kind: 'plain' },
      transport_socket: {
        name: 'envoy.transport_sockets.raw_buffer',
        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer' },
      },
    },
  ]
  const clusters = [
    cluster('same', tlsPort, http1),
    cluster('alpn', tlsPort, { ...http1, tls_options: { alpn_protocols: ['check'] } }),
    cluster('h2', h2Port, {
      http_health_check: { path: '/', codec_client_type: 'HTTP2' },
      tls_options: { alpn_protocols: ['h2'] },
    }),
    cluster(
      'plain',
      plainPort,
      { ...http1, transport_socket_match_criteria: { kind: 'plain' } },
      { transport_socket_matches: matches },
    ),
    cluster('stranger', tlsPort, http1, { transport_socket: secure(stranger.ca) }),
  ]
  await using proxy = await ProxyProcess.start(bootstrap([], clusters))
  const status = await (await proxy.admin('/clusters')).text()
  const flags = Object.fromEntries(
    Array.from(status.matchAll(/^(\w+)::.*::health_flags::(.*)$/gm), ([, name, text]) => [name, text]),
  )
  assert.deepEqual(flags, {
    same: 'healthy',
    alpn: 'healthy',
    h2: 'healthy',
    plain: 'healthy',
    stranger: '/failed_active_hc',
  })
  for (const wanted of ['server.test check', 'server.test traffic', 'https']) assert.ok(seen.includes(wanted), wanted)
  assert.equal(seen.filter(text => text === 'checked.test').length, 3)
})
