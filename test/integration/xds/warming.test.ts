import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { freePorts, httpListener, staticCluster } from '../../harness/index.ts'
import { answers, ask, assignment, dump, load, origins } from '../discovery/kit.ts'
import { edsCluster, fromAds, grpcSource, rdsListener, startProxy, startServer, table } from './kit.ts'

const routes = [{ match: { prefix: '/' }, route: { cluster_header: 'x-cluster' } }]

async function askCluster(port: number, cluster: string): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { 'x-cluster': cluster } })
  return `${answer.status} ${await answer.text()}`.trim()
}

test('a cluster that waits for its endpoints is not in use, and its version not acknowledged', async t => {
  const [a] = (await origins(t, 1)) as [number]
  const [port] = (await freePorts(1)) as [number]
  const server = await startServer(t)
  server.set('cluster', '1')
  server.set('listener', '1', httpListener({ port, routes }))
  const proxy = await startProxy(t, server)
  server.set('cluster', '2', edsCluster('late'))
  await server.until(() => server.of('endpoints').length === 1)
  await proxy.untilStat('cluster_manager.warming_clusters', 1)
  assert.equal(await askCluster(port, 'late'), '503')
  const [warming] = await dump(proxy, 'resource=dynamic_warming_clusters')
  assert.equal(warming?.['version_info'], '2')
  assert.deepEqual(
    server.of('cluster').map(({ version }) => version),
    ['', '1'],
  )
  server.set('endpoints', '1', assignment('late', a))
  await server.acknowledged('cluster', '2')
  assert.equal(await askCluster(port, 'late'), '200 0')
  assert.deepEqual(await dump(proxy, 'resource=dynamic_warming_clusters').catch(() => []), [])
})

test('a changed cluster serves as it was until its endpoints have come again', async t => {
  const [a, b] = (await origins(t, 2)) as [number, number]
  const [port] = (await freePorts(1)) as [number]
  const server = await startServer(t)
  server.set('cluster', '1', edsCluster('origin'))
  server.set('endpoints', '1', assignment('origin', a))
  server.set('listener', '1', httpListener({ port }))
  const proxy = await startProxy(t, server)
  await server.acknowledged('listener', '1')
  const stop = load(port)
  server.set('cluster', '2', edsCluster('origin', fromAds(), { connect_timeout: '2s' }))
  await server.until(() => server.of('endpoints').length === 3)
  assert.deepEqual(server.of('endpoints').map(({ version, nonce, names }) => [version, nonce, ...names])[2], [
    '1',
    '2',
    'origin',
  ])
  await proxy.untilStat('cluster_manager.warming_clusters', 1)
  const versions = async (list: string) => (await dump(proxy, `resource=${list}`)).map(entry => entry['version_info'])
  assert.deepEqual(
    [await versions('dynamic_active_clusters'), await versions('dynamic_warming_clusters')],
    [['1'], ['2']],
  )
  server.send(server.latest, 'endpoints', {
    version_info: '1',
    resources: [
      { '@type': 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment', ...assignment('origin', b) },
    ],
  })
  await server.acknowledged('cluster', '2')
  assert.deepEqual(await stop(), [])
  assert.deepEqual(await answers(port, 4), new Set(['200 1']))
  assert.deepEqual(await versions('dynamic_active_clusters'), ['2'])
})

test('endpoints that do not come in time: the cluster goes with those known before', async t => {
  const [a] = (await origins(t, 1)) as [number]
  const [port] = (await freePorts(1)) as [number]
  const server = await startServer(t)
  server.set('cluster', '1', edsCluster('origin', fromAds('0.3s')))
  server.set('endpoints', '1', assignment('origin', a))
  server.set('listener', '1', httpListener({ port }))
  const proxy = await startProxy(t, server)
  const stop = load(port)
  server.set('cluster', '2', edsCluster('origin', fromAds('0.3s'), { connect_timeout: '2s' }))
  await server.acknowledged('cluster', '2')
  assert.deepEqual(await stop(), [])
  assert.equal(await ask(port), '200 0')
  assert.equal((await proxy.stats('origin.init_fetch')).get('cluster.origin.init_fetch_timeout'), 1)
})

test('a cluster with health checks waits for the first of each host', async t => {
  const [port] = (await freePorts(1)) as [number]
  const checks: { end(): void }[] = []
  let checked = Promise.withResolvers<void>()
  const origin = createServer((request, response) => {
    if (request.url !== '/health') response.end('served')
    else {
      checks.push(response)
      checked.resolve()
    }
  })
  await new Promise<void>(resolve => origin.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    origin.closeAllConnections()
    origin.close()
  })
  const at = (origin.address() as { port: number }).port
  const server = await startServer(t)
  server.set('cluster', '1')
  server.set('listener', '1', httpListener({ port, routes }))
  await startProxy(t, server)
  checked = Promise.withResolvers<void>()
  const health_checks = [
    {
      timeout: '5s',
      interval: '5s',
      healthy_threshold: 3,
      unhealthy_threshold: 1,
      http_health_check: { path: '/health' },
    },
  ]
  server.set('cluster', '2', staticCluster('checked', at, { health_checks }))
  await checked.promise
  assert.equal(await askCluster(port, 'checked'), '503')
  checks[0]?.end()
  await server.acknowledged('cluster', '2')
  assert.equal(await askCluster(port, 'checked'), '200 served')
})

test('a listener opens when its routes have come; a changed one serves as it was until then', async t => {
  const [a, b] = (await origins(t, 2)) as [number, number]
  const [port] = (await freePorts(1)) as [number]
  const server = await startServer(t)
  server.set('cluster', '1', staticCluster('a', a), staticCluster('b', b))
  server.set('listener', '1', rdsListener(port, 'first'))
  const proxy = startProxy(t, server)
  await server.acknowledged('listener', '1')
  assert.equal(await ask(port), 'ECONNREFUSED')
  server.set('routes', '1', table('first', 'a'))
  const running = await proxy
  assert.equal(await ask(port), '200 0')
  server.set('listener', '2', rdsListener(port, 'second'))
  await server.acknowledged('listener', '2')
  await running.untilStat('listener_manager.total_listeners_warming', 1)
  assert.equal(await ask(port), '200 0')
  const [listener] = await dump(running, 'resource=dynamic_listeners')
  assert.deepEqual(Object.keys(listener ?? {}).sort(), ['@type', 'active_state', 'name', 'warming_state'])
  server.set('routes', '2', table('first', 'a'), table('second', 'b'))
  await running.untilStat('listener_manager.total_listeners_warming', 0)
  assert.equal(await ask(port), '200 1')
  server.set('listener', '3')
  await server.acknowledged('listener', '3')
  assert.equal(await ask(port), 'ECONNREFUSED')
})

test('a server that says nothing holds the start up no longer than initial_fetch_timeout', async t => {
  const server = await startServer(t)
  server.answers = false
  const proxy = await startProxy(t, server, {
    dynamic: { ads_config: grpcSource(), cds_config: fromAds('0.2s'), lds_config: fromAds('0.2s') },
  })
  const stats = await proxy.stats('init_fetch_timeout')
  assert.deepEqual(
    [stats.get('cluster_manager.cds.init_fetch_timeout'), stats.get('listener_manager.lds.init_fetch_timeout')],
    [1, 1],
  )
})
