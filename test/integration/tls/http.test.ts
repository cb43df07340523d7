import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import tls from 'node:tls'
import { bootstrap, freePorts, httpListener, ProxyProcess, staticCluster, TestAuthority } from '../../harness/index.ts'

const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3'
const authority = new TestAuthority()
const server = authority.issue('server.test', { sans: 'DNS:server.test,DNS:*.server.test' })
const client = authority.issue('client.test', {
  sans: 'URI:spiffe://mesh/client',
  subject: '/C=US/O=Lyft, Inc/CN=client',
})
after(() => authority[Symbol.dispose]())

const pair = ({ cert, key }: { readonly cert: string; readonly key: string }): object => ({
  certificate_chain: { filename: cert },
  private_key: { filename: key },
})
const socket = (type: string, config: object): object => ({
  name: 'envoy.transport_sockets.tls',
  typed_config: { '@type': `${TLS}.${type}`, ...config },
})

let proxy: ProxyProcess
let outer = 0
let inner = 0
before(async () => {
  ;[outer, inner] = (await freePorts(2)) as [number, number]
  const validation = { trusted_ca: { filename: authority.ca } }
  const downstream = socket('DownstreamTlsContext', {
    common_tls_context: { tls_certificates: [pair(server)], validation_context: validation },
    require_client_certificate: true,
  })
  const upstream = socket('UpstreamTlsContext', {
    sni: 'a.server.test',
    common_tls_context: {
      tls_certificates: [pair(client)],
      validation_context: {
        ...validation,
        match_typed_subject_alt_names: [{ san_type: 'DNS', matcher: { exact: 'b.server.test' } }],
      },
    },
  })
  const secured = (port: number, routes: readonly object[], more: object = {}): object => {
    const plain = httpListener({ port, routes }) as { filter_chains: object[] }
    return { ...plain, filter_chains: [{ ...plain.filter_chains[0], transport_socket: downstream, ...more }] }
  }
  const answer = { match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'inner' } } }
  const listeners = [
    secured(outer, [{ match: { prefix: '/' }, route: { cluster: 'inner' } }]),
    {
      ...secured(inner, [answer], { filter_chain_match: { server_names: ['*.server.test'] } }),
      listener_filters: [
        {
          name: 'envoy.filters.listener.tls_inspector',
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector',
          },
        },
      ],
    },
  ]
  proxy = await ProxyProcess.start(
    bootstrap(listeners, [staticCluster('inner', inner, { transport_socket: upstream })]),
  )
})
after(() => proxy[Symbol.asyncDispose]())

async function get(options: tls.ConnectionOptions): Promise<string> {
  const connection = tls.connect({ port: outer, host: '127.0.0.1', ca: authority.read(authority.ca), ...options })
  connection.setEncoding('latin1').write('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n')
  let text = ''
  connection.on('data', data => {
    text += data
  })
  await once(connection, 'end')
  return text
}

const identity = { cert: authority.read(client.cert), key: authority.read(client.key), servername: 'server.test' }

test('TLS from the client and TLS to the origin, both ends with certificates', async () => {
  assert.match(await get(identity), /^HTTP\/1\.1 200 OK\r\n[\s\S]*inner$/)
  const stats = await proxy.stats('ssl.')
  assert.equal(stats.get(`listener.127.0.0.1_${outer}.ssl.handshake`), 1)
  assert.equal(stats.get(`listener.127.0.0.1_${inner}.ssl.handshake`), 1)
  assert.equal(stats.get('cluster.inner.ssl.handshake'), 1)
  assert.equal(stats.get(`listener.127.0.0.1_${outer}.ssl.versions.TLSv1.3`), 1)
})

test('without a certificate there is no handshake', async () => {
  await assert.rejects(get({ servername: 'server.test' }), /certificate required|ECONNRESET/)
  // The client may see the connection end before the proxy has heard why.
  await proxy.untilStat(`listener.127.0.0.1_${outer}.ssl.fail_verify_no_cert`, 1)
})

test('plain text on the TLS port is turned away, and the listener goes on', async () => {
  const plain = await fetch(`http://127.0.0.1:${outer}/`).then(
    () => 'answered',
    () => 'refused',
  )
  assert.equal(plain, 'refused')
  assert.match(await get(identity), /200 OK/)
})
