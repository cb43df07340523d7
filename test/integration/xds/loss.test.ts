import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bootstrap, freePorts, httpListener, ProxyProcess, staticCluster, XdsServer } from '../../harness/index.ts'
import { answers, ask, assignment, load, origins } from '../discovery/kit.ts'
import {
  edsCluster,
  fromAds,
  fromOwnStream,
  grpcSource,
  rdsListener,
  serverCluster,
  short,
  startProxy,
  startServer,
  table,
} from './kit.ts'

test('a server that goes and comes back: traffic goes on, and it is told what is known', async t => {
  const [a, b] = (await origins(t, 2)) as [number, number]
  const [port] = (await freePorts(1)) as [number]
  const server = await startServer(t)
  server.set('cluster', 'c1', edsCluster('origin'))
  server.set('endpoints', 'e1', assignment('origin', a))
  server.set('listener', 'l1', rdsListener(port))
  server.set('routes', 'r1', table('r', 'origin'))
  const proxy = await startProxy(t, server)
  await server.acknowledged('routes', 'r1')
  const stop = load(port)
  server.kill()
  await proxy.untilStat('control_plane.connected_state', 0)
  assert.equal(await ask(port), '200 0')
  const known = server.requests.length
  await server.listen()
  await server.until(() => server.of('routes').length === 3)
  assert.deepEqual(server.requests.slice(known, known + 4).map(short), [
    "cluster 'c1' '' []",
    "endpoints 'e1' '' [origin]",
    "listener 'l1' '' []",
    "routes 'r1' '' [r]",
  ])
  await proxy.untilStat('control_plane.connected_state', 1)
  server.set('endpoints', 'e2', assignment('origin', b))
  await server.acknowledged('endpoints', 'e2')
  assert.deepEqual(await stop(), [])
  assert.deepEqual(await answers(port, 4), new Set(['200 1']))
  assert.ok(((await proxy.stats('cds.update_failure')).get('cluster_manager.cds.update_failure') ?? 0) >= 1)
})

test('streams that are refused are tried again after random times', async t => {
  const server = await startServer(t)
  server.refuseWith = 14
  const proxy = startProxy(t, server, { backOff: ['0.1s', '0.2s'] })
  const times: number[] = []
  while (server.streams.length < 8) {
    const seen = server.streams.length
    await server.until(() => server.streams.length > seen)
    times.push(performance.now())
  }
  server.refuseWith = 0
  server.set('cluster', '1')
  server.set('listener', '1')
  await proxy
  const gaps = times.slice(1).map((time, i) => time - (times[i] as number))
  assert.ok(
    gaps.every(gap => gap < 600),
    String(gaps),
  )
})

test('without ADS each subscription has a stream of its own', async t => {
  const [a, b] = (await origins(t, 2)) as [number, number]
  const [port] = (await freePorts(1)) as [number]
  const server = await startServer(t)
  const own = fromOwnStream({ extra: { set_node_on_first_message_only: true } })
  server.set('cluster', '1', edsCluster('x', own), edsCluster('y', own))
  server.set('endpoints', '1', assignment('x', a), assignment('y', b))
  server.set('listener', '1', rdsListener(port, 'r', own))
  server.set('routes', '1', table('r', 'x'))
  const proxy = await startProxy(t, server, { dynamic: { cds_config: own, lds_config: own } })
  assert.equal(await ask(port), '200 0')
  await server.acknowledged('routes', '1')
  assert.deepEqual([...new Set(server.requests.map(({ method }) => method))].sort(), [
    'StreamClusters',
    'StreamEndpoints',
    'StreamListeners',
    'StreamRoutes',
  ])
  assert.equal(server.streams.length, 5)
  const withNode = server.requests.filter(({ node }) => node !== null)
  assert.deepEqual(withNode.map(({ stream }) => stream).sort(), [0, 1, 2, 3, 4])
  const stats = await proxy.stats('control_plane.connected_state')
  assert.deepEqual(
    [...stats]
      .filter(([, value]) => value === 1)
      .map(([name]) => name)
      .sort(),
    [
      'cluster.x.control_plane.connected_state',
      'cluster.y.control_plane.connected_state',
      'cluster_manager.cds.control_plane.connected_state',
      `http.in_${port}.rds.r.control_plane.connected_state`,
      'listener_manager.lds.control_plane.connected_state',
    ],
  )
  server.set('routes', '2', table('r', 'y'))
  await server.acknowledged('routes', '2')
  assert.equal(await ask(port), '200 1')
  // What is asked for no longer has no stream either.
  server.set('cluster', '2', edsCluster('y', own))
  await server.acknowledged('cluster', '2')
  await proxy.untilStat('cluster.x.control_plane.connected_state', 0)
})

test('a static cluster asks over ADS too, from a server whose name is resolved first', async t => {
  const [a] = (await origins(t, 1)) as [number]
  const [port] = (await freePorts(1)) as [number]
  const server = await startServer(t)
  server.set('endpoints', '1', assignment('origin', a))
  const named = JSON.parse(
    JSON.stringify({ ...serverCluster(server.port), type: 'STRICT_DNS' }).replace('127.0.0.1', 'localhost'),
  ) as object
  const config = bootstrap([httpListener({ port })], [edsCluster('origin'), named], {
    dynamic_resources: { ads_config: grpcSource() },
  })
  const proxy = await ProxyProcess.start(config)
  t.after(() => proxy[Symbol.asyncDispose]())
  assert.equal(await ask(port), '200 0')
})

test('sources that cannot work are refused before anything starts', async t => {
  const server = await XdsServer.start()
  t.after(() => server.kill())
  const start = (dynamic_resources: object, clusters: object[] = [serverCluster(server.port)]) =>
    ProxyProcess.start(bootstrap([], clusters, { dynamic_resources }))
  const google = { google_grpc: { target_uri: 'localhost:1', stat_prefix: 'x' } }
  const cases: readonly (readonly [object, RegExp])[] = [
    [{ ...grpcSource(), transport_api_version: 'V2' }, /transport_api_version: there is one version of the protocol/],
    [{ ...grpcSource(), grpc_services: [google] }, /google_grpc is not supported|google_grpc: .*one gRPC client/],
    [{ ...grpcSource(), grpc_services: [] }, /must have a single gRPC service specified/],
    [{ ...grpcSource(), api_type: 'AGGREGATED_GRPC' }, /AGGREGATED_GRPC/],
    [
      { ...grpcSource(), grpc_services: [{ envoy_grpc: { cluster_name: 'xsd' } }] },
      /'xsd' does not exist(.|\n)*did you mean 'xds'/,
    ],
  ]
  for (const [api_config_source, reason] of cases) {
    await assert.rejects(start({ cds_config: { api_config_source } }), reason)
  }
  const dynamic = edsCluster('xds', fromAds())
  await assert.rejects(
    start({ ads_config: grpcSource() }, [dynamic]),
    /does not exist, was added via api, or is an EDS cluster/,
  )
  await assert.rejects(start({ lds_config: fromAds() }, [staticCluster('x', 1)]), /nothing says where ADS is/)
})
