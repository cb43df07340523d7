// An endpoint with several addresses. Passes against a real Envoy too.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { bootstrap, freePorts, httpListener, ProxyProcess, socketAddress, staticCluster } from '../../harness/index.ts'
import { ask, PlannedOrigin, seenBy } from './kit.ts'

let origin: PlannedOrigin
before(async () => {
  origin = await PlannedOrigin.start()
})
after(() => origin[Symbol.asyncDispose]())

const TLS = { '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext' }

/** One endpoint: nobody listens at its first address. */
const cluster = (name: string, closed: number, open: number, extra: object = {}) => {
  const additional_addresses = [
    { address: socketAddress(closed, '127.0.7.2') },
    { address: socketAddress(open, '127.0.7.3') },
  ]
  const endpoint = { address: socketAddress(closed, '127.0.7.1'), additional_addresses }
  return staticCluster(name, 0, {
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint }] }] },
    ...extra,
  })
}

test('requests reach the address that answers; the host is one', async () => {
  const [port, closed] = (await freePorts(2)) as [number, number]
  await using proxy = await ProxyProcess.start(
    bootstrap([httpListener({ port })], [cluster('origin', closed, origin.port)]),
  )
  const { address } = seenBy(await ask(port, '/'))
  assert.equal(address, '127.0.7.3')
  const stats = await proxy.stats('cluster.origin')
  assert.equal(stats.get('cluster.origin.membership_total'), 1)
  assert.equal(stats.get('cluster.origin.upstream_cx_connect_fail'), 0)
})

test('when no address answers, the host has failed once', async () => {
  const [port, closed] = (await freePorts(2)) as [number, number]
  const tls = { transport_socket: { name: 'tls', typed_config: TLS } }
  await using proxy = await ProxyProcess.start(
    bootstrap([httpListener({ port })], [cluster('origin', closed, closed, tls)]),
  )
  assert.equal((await ask(port, '/')).status, 503)
  await proxy.untilStat('cluster.origin.upstream_cx_connect_fail', 1)
})
