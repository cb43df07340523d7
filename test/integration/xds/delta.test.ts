import assert from 'node:assert/strict'
import { test } from 'node:test'
import { any, freePorts, httpListener, staticCluster } from '../../harness/index.ts'
import { answers, ask, assignment, load, origins } from '../discovery/kit.ts'
import { edsCluster, fromAds, fromOwnStream, rdsListener, startProxy, startServer, table } from './kit.ts'

const type = 'DELTA_GRPC'

test('the incremental form: only what has changed is sent, and a new stream is told what is held', async t => {
  const [a, b] = (await origins(t, 2)) as [number, number]
  const [port] = (await freePorts(1)) as [number]
  const server = await startServer(t)
  const versioned = (version: string, resource: object) => ({ ...resource, $version: version })
  server.set('cluster', '1', edsCluster('x'), edsCluster('y'))
  server.set('endpoints', '1', assignment('x', a), assignment('y', b))
  server.set('listener', '1', rdsListener(port))
  server.set('routes', '1', table('r', 'x'))
  const proxy = await startProxy(t, server, { type })
  assert.equal(await ask(port), '200 0')
  await server.until(() => server.of('routes').length === 2)
  const first = (kind: 'cluster' | 'endpoints' | 'routes') => server.of(kind)[0]
  assert.deepEqual(
    [first('cluster')?.subscribe, first('endpoints')?.subscribe, first('routes')?.subscribe],
    [[], ['x', 'y'], ['r']],
  )
  assert.ok(server.requests.every(({ method }) => method === 'DeltaAggregatedResources'))
  assert.ok(server.requests.every(({ initialVersions }) => Object.keys(initialVersions).length === 0))
  const stop = load(port)
  server.set('endpoints', '2', versioned('2', assignment('x', b)), versioned('1', assignment('y', b)))
  await proxy.untilStat('cluster.x.update_success', 2)
  assert.equal((await proxy.stats('cluster.y.update_success')).get('cluster.y.update_success'), 1)
  // Endpoints that are taken away stay; so Envoy has it.
  server.set('endpoints', '3', versioned('1', assignment('y', b)))
  await proxy.untilStat('cluster.x.update_success', 3)
  assert.deepEqual(await answers(port, 4), new Set(['200 1']))
  server.set('endpoints', '4', versioned('4', assignment('x', a)), versioned('1', assignment('y', b)))
  await proxy.untilStat('cluster.x.update_success', 4)
  // A changed cluster goes with the endpoints that are held: the server does not send them again.
  server.set(
    'cluster',
    '2',
    versioned('2', edsCluster('x', fromAds(), { connect_timeout: '2s' })),
    versioned('1', edsCluster('y')),
  )
  await proxy.untilStat('cluster_manager.cds.update_success', 2)
  assert.equal(await ask(port), '200 0')
  server.kill()
  await proxy.untilStat('control_plane.connected_state', 0)
  const known = server.requests.length
  await server.listen()
  await server.until(() => server.of('routes').length === 3)
  assert.deepEqual(
    server.requests
      .slice(known, known + 4)
      .map(({ kind, subscribe, initialVersions }) => [kind, [...subscribe].sort(), initialVersions]),
    [
      ['cluster', [], { x: '2', y: '1' }],
      ['endpoints', ['x', 'y'], { x: '4', y: '1' }],
      ['listener', [], { [`http_${port}`]: '1' }],
      ['routes', ['r'], { r: '1' }],
    ],
  )
  assert.deepEqual(await stop(), [])
  server.set('cluster', '3', versioned('1', edsCluster('y')))
  await server.until(() => server.of('endpoints').some(({ unsubscribe }) => unsubscribe[0] === 'x'))
  server.set('listener', '2')
  await proxy.untilStat('listener_manager.listener_removed', 1)
  assert.equal(await ask(port), 'ECONNREFUSED')
})

test('what is refused is named, and the last good one stands', async t => {
  const [a] = (await origins(t, 1)) as [number]
  const [port] = (await freePorts(1)) as [number]
  const own = fromOwnStream({ type })
  const server = await startServer(t)
  server.set('cluster', '1', staticCluster('origin', a))
  server.set('listener', '1', httpListener({ port }))
  const proxy = await startProxy(t, server, { dynamic: { cds_config: own, lds_config: own } })
  server.set('cluster', '2', { name: 'origin', type: 'EDS' })
  await server.until(() => server.of('cluster').some(({ error }) => error !== ''))
  const refused = server.of('cluster').find(({ error }) => error !== '')
  assert.match(refused?.error ?? '', /cannot create an EDS cluster/)
  assert.equal(refused?.nonce, '3')
  assert.equal(await ask(port), '200 0')
  assert.equal((await proxy.stats('cds.update')).get('cluster_manager.cds.update_rejected'), 1)
})

test('endpoints and clusters that are given for a time go when it is over', async t => {
  const [a] = (await origins(t, 1)) as [number]
  const [port] = (await freePorts(1)) as [number]
  const server = await startServer(t)
  server.set('cluster', '1', edsCluster('origin'))
  server.set('endpoints', '1', assignment('origin', a))
  server.set('listener', '1', httpListener({ port }))
  const proxy = await startProxy(t, server, { type })
  assert.equal(await ask(port), '200 0')
  const endpoints = any('endpoints')(assignment('origin', a))
  server.send(server.latest, 'endpoints', {
    resources: [{ name: 'origin', version: '2', ttl: '0.2s', resource: endpoints }],
  })
  await proxy.untilStat('cluster.origin.membership_total', 0)
  assert.equal(await ask(port), '503 no healthy upstream')
  const cluster = any('cluster')(staticCluster('short', a))
  server.send(server.latest, 'cluster', {
    resources: [{ name: 'short', version: '2', ttl: '0.2s', resource: cluster }],
  })
  await proxy.untilStat('cluster_manager.cluster_removed', 1)
})
