import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:https'
import { test } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import {
  type CertificateFiles,
  freePorts,
  httpListener,
  staticCluster,
  TestAuthority,
  type XdsServer,
} from '../../harness/index.ts'
import { ask, origins } from '../discovery/kit.ts'
import { fromAds, startProxy, startServer } from './kit.ts'

const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3'
const authority = new TestAuthority()
process.on('exit', () => authority[Symbol.dispose]())
const [first, second] = [authority.issue('first'), authority.issue('second')]

const inline = (file: string) => ({ inline_string: authority.read(file) })
const pair = (name: string, cert: CertificateFiles, key: CertificateFiles = cert) => ({
  name,
  tls_certificate: { certificate_chain: inline(cert.cert), private_key: inline(key.key) },
})

function socket(
  kind: 'DownstreamTlsContext' | 'UpstreamTlsContext',
  common_tls_context: object,
  more: object = {},
): object {
  return { name: 'tls', typed_config: { '@type': `${TLS}.${kind}`, common_tls_context, ...more } }
}

function tlsListener(port: number, timeout?: string): object {
  const listener = httpListener({ port }) as { filter_chains: [object] }
  const served = [{ name: 'served', sds_config: fromAds(timeout) }]
  const transport_socket = socket('DownstreamTlsContext', { tls_certificate_sds_secret_configs: served })
  return { ...listener, filter_chains: [{ ...listener.filter_chains[0], transport_socket }] }
}

/** The name in the certificate that is shown, or why there is none. */
async function shown(port: number): Promise<string> {
  const client = connect({ host: '127.0.0.1', port, rejectUnauthorized: false })
  try {
    await once(client, 'secureConnect')
    return String(client.getPeerCertificate().subject['CN'])
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? ''
  } finally {
    client.destroy()
  }
}

async function answered(server: XdsServer, count: number): Promise<void> {
  await server.until(() => server.of('secret').length === count)
}

test('a listener opens when its certificate has come; a newer one is served at once, a bad one is refused', async t => {
  const [a] = (await origins(t, 1)) as [number]
  const [port] = (await freePorts(1)) as [number]
  const server = await startServer(t)
  server.set('cluster', '1', staticCluster('origin', a))
  server.set('listener', '1', tlsListener(port))
  const started = startProxy(t, server)
  await server.acknowledged('listener', '1')
  assert.equal(await shown(port), 'ECONNREFUSED')
  assert.deepEqual(
    server.of('secret').map(({ names }) => names),
    [['served']],
  )
  server.set('secret', '1', pair('served', first))
  const proxy = await started
  assert.equal(await shown(port), 'first')
  const open: TLSSocket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false })
  await once(open, 'secureConnect')
  server.set('secret', '2', pair('served', second))
  await answered(server, 3)
  while ((await shown(port)) !== 'second') assert.equal(open.destroyed, false)
  open.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
  const [answer] = (await once(open, 'data')) as [Buffer]
  assert.match(answer.toString(), /^HTTP\/1\.1 200/)
  open.destroy()
  server.set('secret', '3', pair('served', first, second))
  await answered(server, 4)
  assert.match(server.of('secret')[3]?.error ?? '', /secret 'served': .*key/)
  assert.equal(await shown(port), 'second')
  const stats = await proxy.stats('sds.served')
  assert.deepEqual(
    ['update_success', 'update_rejected', 'key_rotation_failed'].map(name => stats.get(`sds.served.${name}`)),
    [2, 1, 1],
  )
  const dumped = await (await proxy.admin('/config_dump')).text()
  assert.doesNotMatch(dumped, /PRIVATE KEY/)
})

test('a secret that does not come in time: the start goes on, the port stays closed until it is there', async t => {
  const [a] = (await origins(t, 1)) as [number]
  const [port] = (await freePorts(1)) as [number]
  const server = await startServer(t)
  server.set('cluster', '1', staticCluster('origin', a))
  server.set('listener', '1', tlsListener(port, '0.2s'))
  const proxy = await startProxy(t, server)
  assert.equal((await proxy.stats('sds.served')).get('sds.served.init_fetch_timeout'), 1)
  assert.equal(await shown(port), 'ECONNREFUSED')
  server.set('secret', '1', pair('served', first))
  await proxy.untilStat('listener_manager.listener_create_success', 2)
  assert.equal(await shown(port), 'first')
})

test('a cluster is not in use before it knows whom to trust', async t => {
  const [port] = (await freePorts(1)) as [number]
  const named = authority.issue('origin', { sans: 'DNS:origin.test' })
  const origin = createServer({ cert: authority.read(named.cert), key: authority.read(named.key) }, (_, response) =>
    response.end('secret'),
  )
  origin.listen(0, '127.0.0.1')
  await once(origin, 'listening')
  t.after(() => {
    origin.closeAllConnections()
    origin.close()
  })
  const at = (origin.address() as { port: number }).port
  const trusted = { validation_context_sds_secret_config: { name: 'trusted', sds_config: fromAds() } }
  const transport_socket = socket('UpstreamTlsContext', trusted, { sni: 'origin.test' })
  const server = await startServer(t)
  server.set('cluster', '1')
  server.set(
    'listener',
    '1',
    httpListener({ port, routes: [{ match: { prefix: '/' }, route: { cluster_header: 'x' } }] }),
  )
  const proxy = await startProxy(t, server)
  const asked = async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { x: 'origin' } })
    return `${answer.status} ${await answer.text()}`
  }
  server.set('cluster', '2', staticCluster('origin', at, { transport_socket }))
  await answered(server, 1)
  assert.match(await asked(), /^503/)
  const stranger = new TestAuthority('Stranger')
  t.after(() => stranger[Symbol.dispose]())
  const trust = (file: string) => ({ name: 'trusted', validation_context: { trusted_ca: inline(file) } })
  server.set('secret', '1', trust(stranger.ca))
  await proxy.untilStat('cluster_manager.cluster_added', 2)
  assert.match(await asked(), /^503/)
  await proxy.untilStat('cluster.origin.ssl.fail_verify_error', 1)
  server.set('secret', '2', trust(authority.ca))
  await answered(server, 3)
  while ((await asked()) !== '200 secret') assert.ok(server.of('secret').length === 3)
  assert.equal(await ask(port).then(answer => answer.slice(0, 3)), '503')
})

test('a server is asked no more for secrets that no resource names any more', async t => {
  const [a] = (await origins(t, 1)) as [number]
  const [port] = (await freePorts(1)) as [number]
  const server = await startServer(t)
  server.set('cluster', '1', staticCluster('origin', a))
  const named = (name: string, i: number): object => {
    const listener = httpListener({ port, hcm: { server_name: `version ${i}` } }) as { filter_chains: [object] }
    const transport_socket = socket('DownstreamTlsContext', {
      tls_certificate_sds_secret_configs: [{ name, sds_config: fromAds() }],
    })
    return { ...listener, filter_chains: [{ ...listener.filter_chains[0], transport_socket }] }
  }
  const names = Array.from({ length: 6 }, (_, i) => `secret_${i}`)
  server.set('secret', '1', ...names.map(name => pair(name, first)))
  server.set('listener', '0', named('secret_0', 0))
  await startProxy(t, server, { proxy: { args: ['--drain-time-s', '1'] } })
  for (const [i, name] of names.entries()) {
    server.set('listener', String(i), named(name, i))
    await server.acknowledged('listener', String(i))
  }
  // Those of the newest version, and of the one before, which may still be served.
  const last = ['secret_4', 'secret_5']
  await server.until(() => String(server.of('secret').at(-1)?.names.toSorted()) === String(last))
  assert.equal(await shown(port), 'first')
})
