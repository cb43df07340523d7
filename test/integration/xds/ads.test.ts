import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freePorts, staticCluster } from '../../harness/index.ts'
import { answers, ask, assignment, dump, load, origins } from '../discovery/kit.ts'
import { edsCluster, rdsListener, short, startProxy, startServer, table } from './kit.ts'

test('clusters, endpoints, listeners and routes over one stream, in the order that Envoy asks in', async t => {
  const [a, b] = (await origins(t, 2)) as [number, number]
  const [port] = (await freePorts(1)) as [number]
  const server = await startServer(t)
  server.set('cluster', 'c1', edsCluster('origin'))
  server.set('endpoints', 'e1', assignment('origin', a))
  server.set('listener', 'l1', rdsListener(port))
  server.set('routes', 'r1', table('r', 'origin'))
  const proxy = await startProxy(t, server)
  assert.equal(await ask(port), '200 0')
  await server.acknowledged('routes', 'r1')
  const [cluster, endpoints, listener, routes] = (['cluster', 'endpoints', 'listener', 'routes'] as const).map(kind =>
    server.of(kind).map(short),
  )
  assert.deepEqual(cluster, ["cluster '' '' []", "cluster 'c1' '1' []"])
  assert.deepEqual(endpoints, ["endpoints '' '' [origin]", "endpoints 'e1' '2' [origin]"])
  assert.deepEqual(listener, ["listener '' '' []", "listener 'l1' '3' []"])
  assert.deepEqual(routes, ["routes '' '' [r]", "routes 'r1' '4' [r]"])
  const order = server.requests.map(({ kind, version }) => `${kind} ${version}`)
  assert.deepEqual(order.slice(0, 2), ['cluster ', 'endpoints '])
  assert.ok(order.indexOf('routes ') < order.indexOf('listener l1'))
  assert.ok(server.requests.every(({ node }) => node?.['id'] === 'test'))

  const stop = load(port)
  server.set('endpoints', 'e2', assignment('origin', a, b))
  await server.acknowledged('endpoints', 'e2')
  assert.deepEqual([...(await answers(port))].sort(), ['200 0', '200 1'])
  server.set('endpoints', 'e3', assignment('origin', b))
  await server.acknowledged('endpoints', 'e3')
  server.set('cluster', 'c2', edsCluster('origin'), staticCluster('other', a))
  await server.acknowledged('cluster', 'c2')
  server.set('routes', 'r2', table('r', 'other'))
  await server.acknowledged('routes', 'r2')
  assert.deepEqual(await stop(), [])
  assert.deepEqual(await answers(port, 4), new Set(['200 0']))

  const stats = await proxy.stats('(cds|lds|rds.r|cluster.origin).(update_|init|version)|control_plane|cluster_manager')
  const stat = (name: string) => stats.get(name)
  assert.deepEqual(
    [
      stat('cluster_manager.cds.update_attempt'),
      stat('cluster_manager.cds.update_success'),
      stat('listener_manager.lds.update_attempt'),
      stat('cluster.origin.update_attempt'),
      stat('cluster.origin.update_success'),
      stat(`http.in_${port}.rds.r.update_success`),
      stat('control_plane.connected_state'),
      stat('cluster_manager.cluster_added'),
    ],
    [3, 2, 2, 4, 3, 2, 1, 3],
  )
  const text = await (await proxy.admin('/stats?filter=version_text|identifier')).text()
  assert.match(text, /^cluster_manager\.cds\.version_text: "c2"$/m)
  assert.match(text, /^control_plane\.identifier: "scripted"$/m)
  assert.match(text, new RegExp(`^http\\.in_${port}\\.rds\\.r\\.version_text: "r2"$`, 'm'))
  const clusters = await dump(proxy, 'resource=dynamic_active_clusters')
  assert.deepEqual(
    clusters.map(entry => [entry['version_info'], entry['cluster']?.['name']]),
    [
      ['c1', 'origin'],
      ['c2', 'other'],
    ],
  )
  const [listeners] = await dump(proxy, 'resource=dynamic_listeners')
  assert.equal((listeners?.['active_state'] as { version_info?: string } | undefined)?.version_info, 'l1')
  const [table1] = await dump(proxy, 'resource=dynamic_route_configs')
  assert.equal(table1?.['version_info'], 'r2')
  // The connection to the server does not keep the process from ending.
  assert.equal((await proxy.stop()).code, 0)
})
