import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freePorts, httpListener, staticCluster } from '../../harness/index.ts'
import { answers, ask, assignment, dump, load, origins } from '../discovery/kit.ts'
import { edsCluster, fromAds, startProxy, startServer, table } from './kit.ts'

test('what cannot be used is refused with its reason, and harms nothing else', async t => {
  const [a, b] = (await origins(t, 2)) as [number, number]
  const [port, second] = (await freePorts(2)) as [number, number]
  const server = await startServer(t)
  server.set('cluster', '1', staticCluster('origin', a))
  server.set('listener', '1', httpListener({ port }))
  const proxy = await startProxy(t, server)
  const stop = load(port)
  const refusal = async (kind: 'cluster' | 'listener', count: number) => {
    await server.until(() => server.of(kind).filter(({ error }) => error !== '').length === count)
    return server.of(kind).filter(({ error }) => error !== '')[count - 1]
  }
  // A field that breaks a rule: nothing of the response is applied.
  server.set('cluster', '2', staticCluster('origin', b), { name: '' })
  const first = await refusal('cluster', 1)
  assert.match(first?.error ?? '', /name: /)
  assert.equal(first?.version, '1')
  assert.deepEqual(await answers(port, 4), new Set(['200 0']))
  // Something that makes no sense: what stands beside it is applied.
  server.set('cluster', '3', { name: 'm', type: 'EDS' }, staticCluster('origin', b))
  const second_ = await refusal('cluster', 2)
  assert.match(second_?.error ?? '', /cluster\(s\) m: .*cannot create an EDS cluster without an EDS config/)
  assert.equal(second_?.version, '1')
  await proxy.untilStat('cluster_manager.cds.update_rejected', 2)
  assert.deepEqual(await answers(port, 4), new Set(['200 1']))
  // Fields that are not supported have a reason, and the same name twice is one too many.
  server.set('listener', '2', { ...httpListener({ port: second }), api_listener: {} }, httpListener({ port }))
  assert.match(
    (await refusal('listener', 1))?.error ?? '',
    /^http_\d+: api_listener: an API listener serves an embedding application/,
  )
  server.set('cluster', '4', staticCluster('origin', b), staticCluster('x', a), staticCluster('x', b))
  assert.match((await refusal('cluster', 3))?.error ?? '', /duplicate cluster x found/)
  // Of another type; no protobuf.
  server.send(server.latest, 'cluster', {
    version_info: '5',
    resources: [{ '@type': 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment', cluster_name: 'x' }],
  })
  assert.match((await refusal('cluster', 4))?.error ?? '', /ClusterLoadAssignment does not match the message-wide type/)
  // A listener whose route leads nowhere: its error stands in the dump beside what is in force.
  const nowhere = [{ match: { prefix: '/' }, route: { cluster: 'none' } }]
  server.set('listener', '3', httpListener({ port, routes: nowhere }))
  assert.match((await refusal('listener', 2))?.error ?? '', /unknown cluster none/)
  const [listener] = await dump(proxy, 'resource=dynamic_listeners')
  const { active_state: active, error_state: error } = listener as Record<string, Record<string, unknown>>
  assert.equal(active?.['version_info'], '1')
  assert.match(String(error?.['details']), /unknown cluster none/)
  assert.equal((error as { failed_configuration?: { name?: string } }).failed_configuration?.name, `http_${port}`)
  server.set('listener', '4', httpListener({ port }))
  await server.acknowledged('listener', '4')
  assert.equal((await dump(proxy, 'resource=dynamic_listeners'))[0]?.['error_state'], undefined)
  assert.deepEqual(await stop(), [])
})

test('a server that sends again at once what was refused is answered ever more slowly', async t => {
  const server = await startServer(t)
  server.answers = false
  const proxy = startProxy(t, server)
  await server.until(() => server.requests.length === 1)
  const started = performance.now()
  for (let i = 0; i < 4; i++) {
    server.send(server.latest, 'cluster', {
      version_info: 'bad',
      resources: [{ '@type': 'type.googleapis.com/envoy.config.cluster.v3.Cluster' }],
    })
    await server.until(() => server.of('cluster').length === i + 2)
  }
  assert.ok(performance.now() - started > 600)
  // The first refusal was answer enough for the server to become ready without clusters.
  server.answers = true
  server.set('listener', '1')
  await proxy
})

test('unknown fields are counted, or refused where that is asked for', async t => {
  const [a] = (await origins(t, 1)) as [number]
  // Field 2000 of a cluster, a number.
  const unknown = Buffer.from([0x80, 0x7d, 0x07])
  const run = async (args: readonly string[]) => {
    const server = await startServer(t)
    server.set('cluster', '1', staticCluster('origin', a))
    server.set('listener', '1')
    const proxy = await startProxy(t, server, { proxy: { args } })
    server.sendUnknown('cluster', '2', staticCluster('origin', a), unknown)
    await server.until(() => server.of('cluster').length === 3)
    const stats = await proxy.stats('unknown_fields|cds.update')
    return [
      stats.get('server.dynamic_unknown_fields'),
      stats.get('cluster_manager.cds.update_rejected'),
      server.of('cluster')[2]?.error,
    ]
  }
  assert.deepEqual(await run([]), [1, 0, ''])
  assert.deepEqual(await run(['--ignore-unknown-dynamic-fields']), [0, 0, ''])
  const [count, rejected, error] = await run(['--reject-unknown-dynamic-fields'])
  assert.deepEqual([count, rejected], [0, 1])
  assert.match(String(error), /field number 2000 is unknown/)
})

test('garbage ends the stream, and the next one begins with what is known', async t => {
  const [a, b] = (await origins(t, 2)) as [number, number]
  const [port] = (await freePorts(1)) as [number]
  const server = await startServer(t)
  server.set('cluster', '1', edsCluster('origin', fromAds()))
  server.set('endpoints', '1', assignment('origin', a))
  server.set('listener', '1', httpListener({ port, hcm: { route_config: table('inline', 'origin') } }))
  const proxy = await startProxy(t, server)
  await server.acknowledged('listener', '1')
  const stop = load(port)
  for (let i = 0; i < 20; i++) {
    const bytes = Buffer.from(Array.from({ length: 40 }, (_, at) => ((at * 37 + i * 101) & 0xff) | 0x80))
    const streams = server.streams.length
    server.sendBytes(bytes)
    await server.until(() => server.streams.length > streams && server.latest.wants.has('listener'))
  }
  server.set('endpoints', '2', assignment('origin', b))
  await server.acknowledged('endpoints', '2')
  assert.deepEqual(await stop(), [])
  assert.deepEqual(await answers(port, 4), new Set(['200 1']))
  const last = server.requests.filter(({ stream }) => stream === server.latest.number)
  assert.deepEqual(
    last.slice(0, 3).map(({ kind, version, nonce }) => [kind, version, nonce]),
    [
      ['cluster', '1', ''],
      ['endpoints', '1', ''],
      ['listener', '1', ''],
    ],
  )
  assert.equal(await ask(port), '200 1')
  assert.ok(((await proxy.stats('cds.update_failure')).get('cluster_manager.cds.update_failure') ?? 0) >= 20)
})
