// CONNECT that ends at the proxy, and TCP that the proxy sends through CONNECT or POST.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { after, test } from 'node:test'
import { bootstrap, freePorts, ProxyProcess, RawClient, socketAddress, staticCluster } from '../harness/index.ts'

const FILTERS = 'type.googleapis.com/envoy.extensions.filters'
const servers: Server[] = []
after(() => {
  for (const server of servers) server.close()
})

/** Sends everything back, and its FIN behind the client's. */
async function echoOrigin(): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, socket => {
    socket.on('error', () => socket.destroy()).pipe(socket)
  }).listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** A listener that turns CONNECT (and POST) into TCP to `cluster`. */
const terminating = (port: number, cluster: string): object => ({
  name: `terminating-${port}`,
  address: socketAddress(port),
  filter_chains: [
    {
      filters: [
        {
          name: 'hcm',
          typed_config: {
            '@type': `${FILTERS}.network.http_connection_manager.v3.HttpConnectionManager`,
            stat_prefix: 'terminating',
            http2_protocol_options: { allow_connect: true },
            upgrade_configs: [{ upgrade_type: 'CONNECT' }],
            route_config: {
              virtual_hosts: [
                {
                  name: 'all',
                  domains: ['*'],
                  routes: [
                    {
                      match: { connect_matcher: {} },
                      route: { cluster, upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }] },
                    },
                    {
                      match: { path: '/tunnel' },
                      route: {
                        cluster,
                        upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: { allow_post: true } }],
                      },
                    },
                  ],
                },
              ],
            },
            http_filters: [{ name: 'router', typed_config: { '@type': `${FILTERS}.http.router.v3.Router` } }],
          },
        },
      ],
    },
  ],
})

const tunneling = (port: number, cluster: string, config: object): object => ({
  name: `tunneling-${port}`,
  address: socketAddress(port),
  filter_chains: [
    {
      filters: [
        {
          name: 'tcp',
          typed_config: {
            '@type': `${FILTERS}.network.tcp_proxy.v3.TcpProxy`,
            stat_prefix: `tunnel_${port}`,
            cluster,
            tunneling_config: config,
          },
        },
      ],
    },
  ],
})

const http2 = (cluster: object): object => ({
  ...cluster,
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      explicit_http_config: { http2_protocol_options: { allow_connect: true } },
    },
  },
})

test('CONNECT ends here: bytes go to TCP and back, a refused connection is a 503', async () => {
  const [port, refused, nobody] = (await freePorts(3)) as [number, number, number]
  const config = bootstrap(
    [terminating(port, 'echo'), terminating(refused, 'nobody')],
    [staticCluster('echo', await echoOrigin()), staticCluster('nobody', nobody)],
  )
  await using proxy = await ProxyProcess.start(config)
  const client = await RawClient.connect(port)
  // Bytes behind the head wait for the answer and then pass in order.
  client.send('CONNECT anything:443 HTTP/1.1\r\nhost: anything:443\r\n\r\nearly ')
  await client.until(received => received.endsWith('early '))
  assert.match(client.received, /^HTTP\/1\.1 200 OK\r\n/)
  assert.doesNotMatch(client.received, /transfer-encoding|content-length/)
  client.send('late')
  await client.until(received => received.endsWith('early late'))
  const other = await RawClient.connect(refused)
  other.send('CONNECT anything:443 HTTP/1.1\r\nhost: anything:443\r\n\r\nlost')
  await other.until(received => received.includes('upstream connect error'))
  assert.match(other.received, /^HTTP\/1\.1 503 /)
  for (const each of [client, other]) each.socket.destroy()
  const stats = await proxy.stats('upstream_cx_total')
  assert.equal(stats.get('cluster.echo.upstream_cx_total'), 1)
})

for (const [name, config] of Object.entries({
  CONNECT: { hostname: 'inner:80', headers_to_add: [{ header: { key: 'x-tunnel', value: 'yes' } }] },
  POST: { hostname: 'inner:80', use_post: true, post_path: '/tunnel' },
})) {
  test(`TCP through ${name} over HTTP/1.1 and HTTP/2, to the echo behind`, async () => {
    const [inner, overHttp1, overHttp2] = (await freePorts(3)) as [number, number, number]
    const proxyConfig = bootstrap(
      [terminating(inner, 'echo'), tunneling(overHttp1, 'inner', config), tunneling(overHttp2, 'inner2', config)],
      [staticCluster('echo', await echoOrigin()), staticCluster('inner', inner), http2(staticCluster('inner2', inner))],
    )
    await using proxy = await ProxyProcess.start(proxyConfig)
    for (const port of [overHttp1, overHttp2]) {
      const client = await RawClient.connect(port)
      const big = 'x'.repeat(300_000)
      client.send(`hello ${big}`)
      await client.until(received => received.length >= big.length + 6)
      client.send('more')
      await client.until(received => received.endsWith('more'))
      assert.ok(client.received === `hello ${big}more`, client.received.slice(0, 200))
      client.socket.destroy()
    }
    const stats = await proxy.stats('upstream_cx_http')
    assert.equal(stats.get('cluster.inner.upstream_cx_http1_total'), 1)
    assert.equal(stats.get('cluster.inner2.upstream_cx_http2_total'), 1)
  })
}

test('a tunnel that is refused ends the connection and says why', async () => {
  const [inner, outer] = (await freePorts(2)) as [number, number]
  const noTunnel = tunneling(outer, 'inner', { hostname: 'inner:80', use_post: true, post_path: '/elsewhere' })
  const config = bootstrap(
    [terminating(inner, 'echo'), noTunnel],
    [staticCluster('echo', await echoOrigin()), staticCluster('inner', inner)],
  )
  await using proxy = await ProxyProcess.start(config)
  const client = await RawClient.connect(outer)
  client.send('hello')
  await client.untilEnd()
  assert.equal(client.received, '')
  const stats = await proxy.stats('connect_attempts_exceeded')
  assert.equal(stats.get('cluster.inner.upstream_cx_connect_attempts_exceeded'), 1)
})
