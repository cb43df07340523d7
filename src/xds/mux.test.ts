import assert from 'node:assert/strict'
import { test } from 'node:test'
import { messageCodec } from '../config/index.ts'
import { type Asked, CLUSTER, ENDPOINTS, encoded, settled, testMux, typeUrl } from './testing.ts'

const short = ({ typeUrl, versionInfo, responseNonce, resourceNames, errorDetail }: Asked): string =>
  `${typeUrl.slice(typeUrl.lastIndexOf('.') + 1)} ${versionInfo}/${responseNonce} ${resourceNames?.join(',')}${errorDetail === undefined ? '' : ' refused'}`

test('requests of one turn are one, each response is answered once, a name more or less is told', async () => {
  const { server, subscribe } = testMux()
  const x = subscribe(ENDPOINTS, ['x'])
  const y = subscribe(ENDPOINTS, ['y'])
  await settled()
  server.state(ENDPOINTS, '1', { clusterName: 'x' }, { clusterName: 'stranger' }, { clusterName: 'x', endpoints: [{}] })
  await settled()
  y.stop()
  await settled()
  const z = subscribe(ENDPOINTS, ['x'])
  await settled()
  assert.deepEqual(server.asked.map(short), [
    'ClusterLoadAssignment / x,y',
    'ClusterLoadAssignment 1/1 x,y',
    'ClusterLoadAssignment 1/1 x',
    'ClusterLoadAssignment 1/1 x',
  ])
  // Of two with one name the first counts, and nobody hears of what others have asked for.
  assert.deepEqual([x.owner.names, x.owner.sets[0]?.resources[0]?.resource], [['x'], { clusterName: 'x' }])
  assert.deepEqual([y.owner.sets.length, z.owner.sets.length], [0, 0])
  // A second subscription to a name that goes leaves the names as they were.
  z.stop()
  await settled()
  assert.equal(server.asked.length, 4)
})

test('answers wait while what they answer is being taken over, and while their type is held back', async () => {
  const { mux, server, subscribe } = testMux({ nodeOnce: true })
  const all = subscribe(CLUSTER, null)
  await settled()
  const { promise, resolve } = Promise.withResolvers<null>()
  all.owner.answer = promise
  server.state(CLUSTER, '1', { name: 'a' })
  server.state(CLUSTER, '2', { name: 'b' })
  await settled()
  assert.deepEqual([server.asked.length, all.owner.sets.length], [1, 1])
  all.owner.answer = null
  const release = mux.pause(CLUSTER)
  resolve(null)
  await settled()
  assert.deepEqual([server.asked.length, all.owner.sets.length], [1, 2])
  release()
  release()
  await settled()
  assert.deepEqual(server.asked.map(short), ['Cluster / ', 'Cluster 2/2 '])
  assert.deepEqual(
    server.asked.map(({ node }) => node?.id),
    ['me', undefined],
  )
})

test('a server that sends faster than can be taken over is not read', async () => {
  const { server, subscribe } = testMux()
  const all = subscribe(CLUSTER, null)
  await settled()
  const { promise, resolve } = Promise.withResolvers<null>()
  all.owner.answer = promise
  for (let i = 0; i < 20; i++) server.state(CLUSTER, String(i), { name: 'a' })
  await settled()
  assert.equal(server.held, 1)
  all.owner.answer = null
  resolve(null)
  await settled()
  assert.equal(server.held, 0)
  assert.equal(all.owner.sets.length, 20)
})

test('what is refused is answered with the last good version, and ever later', async () => {
  const { server, subscribe, timers } = testMux()
  const all = subscribe(CLUSTER, null)
  await settled()
  server.state(CLUSTER, '1', { name: 'a' })
  await settled()
  for (const wait of [0, 100, 200, 400]) {
    const before = server.asked.length
    server.state(CLUSTER, 'bad', Buffer.from([0xff]))
    await settled()
    if (wait > 0) {
      await timers.advance(wait - 1)
      assert.equal(server.asked.length, before)
      await timers.advance(1)
    }
    assert.equal(server.asked.length, before + 1)
    assert.match(short(server.asked[before] as Asked), /^Cluster 1\/\d+ {2}refused/)
  }
  all.owner.answer = 'no sense'
  server.state(CLUSTER, '2', { name: 'b' })
  await settled()
  await timers.advance(10_000)
  assert.match(server.asked[server.asked.length - 1]?.errorDetail?.message ?? '', /^no sense$/)
  all.owner.answer = null
  server.state(CLUSTER, '3', { name: 'b' })
  await settled()
  assert.equal(short(server.asked[server.asked.length - 1] as Asked), 'Cluster 3/7 ')
  assert.deepEqual(all.owner.events.filter(event => event !== 'attempt').slice(-3), [
    'rejected',
    'rejected',
    'accepted 3',
  ])
})

test('an owner that throws refuses, and the process goes on', async () => {
  const { server, subscribe } = testMux()
  const all = subscribe(CLUSTER, null)
  all.owner.onResources = () => {
    throw new Error('a fault of ours')
  }
  await settled()
  server.state(CLUSTER, '1', { name: 'a' })
  await settled()
  assert.match(server.asked[1]?.errorDetail?.message ?? '', /internal error: a fault of ours/)
})

test('a stream that breaks begins again after a while, with what is known; garbage breaks it', async () => {
  const { server, subscribe, timers } = testMux()
  server.away = true
  const all = subscribe(CLUSTER, null)
  const one = subscribe(ENDPOINTS, ['x'])
  await settled()
  assert.equal(server.opened, 1)
  await timers.advance(49)
  assert.equal(server.opened, 1)
  await timers.advance(1)
  assert.equal(server.opened, 2)
  // The bound doubles: half of 200 ms.
  server.away = false
  await timers.advance(100)
  assert.equal(server.opened, 3)
  server.state(CLUSTER, '1', { name: 'a' })
  await settled()
  server.bytes(Buffer.from([0xff, 0xff, 0xff]))
  await timers.advance(50)
  assert.equal(server.opened, 4)
  assert.deepEqual(server.asked.slice(-2).map(short), ['Cluster 1/ ', 'ClusterLoadAssignment / x'])
  assert.equal(all.owner.events.filter(event => event === 'failure').length, 3)
  assert.equal(one.owner.events.filter(event => event === 'failure').length, 2)
})

test('an answer belongs to the stream of its question', async () => {
  const { server, subscribe, timers } = testMux()
  const all = subscribe(CLUSTER, null)
  await settled()
  const { promise, resolve } = Promise.withResolvers<null>()
  all.owner.answer = promise
  server.state(CLUSTER, '1', { name: 'a' })
  await settled()
  server.drop()
  await timers.advance(50)
  resolve(null)
  await settled()
  assert.deepEqual(server.asked.map(short), ['Cluster / ', 'Cluster / '])
  server.state(CLUSTER, '2', { name: 'a' })
  await settled()
  assert.equal(short(server.asked[2] as Asked), 'Cluster 2/2 ')
})

test('whoever waits for the first answer waits no longer than the timeout', async () => {
  const { server, subscribe, timers } = testMux()
  const all = subscribe(CLUSTER, null)
  let waited = false
  void all.first?.then(() => {
    waited = true
  })
  await timers.advance(14_999)
  assert.equal(waited, false)
  await timers.advance(1)
  assert.deepEqual([waited, all.owner.events], [true, ['attempt', 'timeout']])
  server.state(CLUSTER, '1', { name: 'a' })
  await settled()
  assert.deepEqual(all.owner.names, ['a'])
  all.stop()
  assert.equal(timers.waiting, 0)
})

test('heartbeats keep what is given for a time, in the state of the world they are no empty set', async () => {
  const { server, subscribe, timers } = testMux()
  const all = subscribe(CLUSTER, null)
  await settled()
  const wrapped = (name: string, body: boolean) => ({
    typeUrl: typeUrl('envoy.service.discovery.v3.Resource'),
    value: messageCodec('envoy.service.discovery.v3.Resource').encode({
      name,
      ttl: { seconds: 1n, nanos: 0 },
      ...(body ? { resource: { typeUrl: typeUrl(CLUSTER), value: encoded(CLUSTER, { name }) } } : {}),
    }),
  })
  const say = async (...resources: readonly object[]) => {
    server.say({ versionInfo: '1', typeUrl: typeUrl(CLUSTER), resources })
    await settled()
  }
  await say(wrapped('a', true), wrapped('b', true))
  await timers.advance(900)
  await say(wrapped('a', false), wrapped('b', false))
  await timers.advance(900)
  assert.deepEqual([all.owner.sets.length, all.owner.names], [1, ['a', 'b']])
  // One beats, the other does not, and a third comes: nobody is forgotten before its time.
  await say(wrapped('a', false), { typeUrl: typeUrl(CLUSTER), value: encoded(CLUSTER, { name: 'c' }) })
  assert.deepEqual(all.owner.names, ['a', 'c'])
  await timers.advance(1000)
  const [, , last] = all.owner.sets
  assert.deepEqual([last?.removed, last?.expired], [['a'], true])
  assert.equal(server.asked.length, 4)
})

test('the incremental form: changes, what is held, and what a new stream is told', async () => {
  const { server, subscribe, timers } = testMux({ delta: true })
  const all = subscribe(CLUSTER, null)
  const x = subscribe(ENDPOINTS, ['x'])
  await settled()
  const resource = (type: string, json: object) => ({ typeUrl: typeUrl(type), value: encoded(type, json) })
  server.say({
    typeUrl: typeUrl(ENDPOINTS),
    systemVersionInfo: 's1',
    resources: [{ name: 'x', version: '7', resource: resource(ENDPOINTS, { clusterName: 'x' }) }],
  })
  server.say({
    typeUrl: typeUrl(CLUSTER),
    resources: ['a', 'b'].map(name => ({ name, version: '1', resource: resource(CLUSTER, { name }) })),
  })
  await settled()
  assert.deepEqual([x.owner.names, all.owner.names], [['x'], ['a', 'b']])
  // Who comes later gets what is held, and the server need not be asked.
  const later = subscribe(ENDPOINTS, ['x'])
  await settled()
  assert.deepEqual([later.owner.names, later.first === null], [['x'], true])
  const y = subscribe(ENDPOINTS, ['y'])
  x.stop()
  later.stop()
  await settled()
  const { resourceNamesSubscribe, resourceNamesUnsubscribe } = server.asked[server.asked.length - 1] as Asked
  assert.deepEqual([resourceNamesSubscribe, resourceNamesUnsubscribe], [['y'], ['x']])
  server.say({ typeUrl: typeUrl(CLUSTER), removedResources: ['a'] })
  await settled()
  assert.deepEqual(all.owner.sets[1], { version: '', resources: [], removed: ['a'] })
  server.drop()
  await timers.advance(50)
  const [clusters, endpoints] = server.asked.slice(-2) as [Asked, Asked]
  assert.deepEqual([clusters.initialResourceVersions, clusters.resourceNamesSubscribe], [{ b: '1' }, []])
  assert.deepEqual([endpoints.initialResourceVersions, endpoints.resourceNamesSubscribe], [{}, ['y']])
  y.stop()
})

test('requests over the limit wait for their turn', async () => {
  const { server, subscribe, stats } = testMux({ rateLimit: { maxTokens: 2, fillRate: 0.001 } })
  subscribe(CLUSTER, null)
  await settled()
  for (let i = 1; i < 4; i++) {
    server.state(CLUSTER, String(i), { name: 'a' })
    await settled()
  }
  assert.equal(server.asked.length, 2)
  assert.equal(stats.text('control_plane.identifier').value, '')
})
