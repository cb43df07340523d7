// Zone aware routing and aggregate clusters: what several clusters of a worker have to do with each other.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endpointJson } from '../testing.ts'
import { policy, TestWorker, type WorkerOptions } from './testing.ts'

interface Zones {
  readonly [zone: string]: number
}

/** Ports count upwards through the zones; `unhealthy`: so many of each zone. */
function endpoints(zones: Zones, from: number, unhealthy: Zones = {}): object[] {
  let port = from
  return Object.entries(zones).map(([zone, count]) => ({
    locality: { zone },
    lbEndpoints: Array.from({ length: count }, (_, index) =>
      endpointJson(++port, index < (unhealthy[zone] ?? 0) ? { healthStatus: 'UNHEALTHY' } : {}),
    ),
  }))
}

interface Setting {
  readonly local: Zones
  readonly upstream: Zones
  readonly localUnhealthy?: Zones
  readonly cluster?: object
  readonly options?: WorkerOptions
}

function setUp({ local, upstream, localUnhealthy, cluster, options }: Setting): TestWorker {
  const worker = new TestWorker({ localClusterName: 'me', zone: 'a', ...options })
  worker.add({ name: 'c', loadAssignment: { endpoints: endpoints(upstream, 0) }, ...cluster })
  worker.add({ name: 'me', loadAssignment: { endpoints: endpoints(local, 1000, localUnhealthy) } })
  return worker
}

/** Share of the picks that go to hosts whose port is at most `last`. */
function shareOfFirst(worker: TestWorker, last: number, count = 4000): number {
  const picks = Object.entries(worker.tally('c', count))
  return picks.reduce((sum, [port, hits]) => sum + (Number(port) <= last ? hits : 0), 0) / count
}

const near = (value: number, expected: number): void =>
  assert.ok(Math.abs(value - expected) < 0.03, `${value}, expected ${expected}`)

test('everything stays in the own zone while that is fair', () => {
  const worker = setUp({ local: { a: 2, b: 2 }, upstream: { a: 3, b: 3 } })
  assert.equal(shareOfFirst(worker, 3, 800), 1)
  assert.equal(worker.stat('c', 'lb_zone_routing_all_directly'), 800)
  assert.equal(worker.stat('c', 'lb_recalculate_zone_structures'), 1)
})

test('what is too much goes over, in proportion to the capacity that is left', () => {
  const worker = setUp({ local: { a: 2, b: 2, c: 1 }, upstream: { a: 2, b: 4, c: 2 } })
  const picks = worker.tally('c', 8000)
  const zone = (from: number, to: number): number =>
    Object.entries(picks).reduce((sum, [port, hits]) => sum + (+port >= from && +port <= to ? hits : 0), 0) / 8000
  near(zone(1, 2), 0.625)
  near(zone(3, 6), 0.25)
  near(zone(7, 8), 0.125)
  const [sampled, crossed] = [
    worker.stat('c', 'lb_zone_routing_sampled'),
    worker.stat('c', 'lb_zone_routing_cross_zone'),
  ]
  assert.equal(sampled + crossed, 8000)
})

test('no zones: too few hosts, not in the own zone, in panic; each is counted', () => {
  const small = setUp({ local: { a: 2, b: 2 }, upstream: { a: 2, b: 3 } })
  near(shareOfFirst(small, 2), 0.4)
  assert.equal(small.stat('c', 'lb_zone_cluster_too_small'), 1)
  const elsewhere = setUp({ local: { b: 2, c: 2 }, upstream: { a: 3, b: 3 } })
  near(shareOfFirst(elsewhere, 3), 0.5)
  assert.equal(elsewhere.stat('c', 'lb_local_cluster_not_ok'), 1)
  const sick = { local: { a: 2, b: 2 }, upstream: { a: 3, b: 3 }, localUnhealthy: { a: 1, b: 2 } }
  const panic = setUp(sick)
  near(shareOfFirst(panic, 3, 400), 0.5)
  assert.equal(panic.stat('c', 'lb_local_cluster_not_ok'), 400)
  const zoneAwareLbConfig = { failTrafficOnPanic: true }
  const failing = setUp({ ...sick, cluster: { commonLbConfig: { zoneAwareLbConfig } } })
  assert.deepEqual(failing.tally('c', 20), { none: 20 })
})

test('settings: runtime, routing_enabled, min_cluster_size, force_local_zone, locality weights instead', () => {
  const even = { local: { a: 2, b: 2 }, upstream: { a: 3, b: 3 } }
  const runtime = (key: string, value: number) => ({
    options: { runtime: { upstream: { zone_routing: { [key]: value } } } },
  })
  near(shareOfFirst(setUp({ ...even, ...runtime('enabled', 0) }), 3), 0.5)
  near(shareOfFirst(setUp({ ...even, ...runtime('min_cluster_size', 7) }), 3), 0.5)
  const common = (commonLbConfig: object) => ({ cluster: { commonLbConfig } })
  const half = common({ zoneAwareLbConfig: { routingEnabled: { value: 50 } } })
  near(shareOfFirst(setUp({ ...even, ...half }), 3), 0.75)
  const few = { local: { a: 1, b: 1 }, upstream: { a: 1, b: 1 } }
  near(shareOfFirst(setUp({ ...few, ...common({ zoneAwareLbConfig: { minClusterSize: '2' } }) }), 1), 1)
  const zoneAwareLbConfig = { forceLocalZone: { minSize: 2 } }
  const loadBalancingPolicy = policy('random.v3.Random', { localityLbConfig: { zoneAwareLbConfig } })
  const crowded = { local: { a: 9, b: 1 }, upstream: { a: 2, b: 6 } }
  near(shareOfFirst(setUp({ ...crowded, cluster: { loadBalancingPolicy } }), 2), 1)
  const weighted = endpoints(even.upstream, 0).map((one, at) => ({ ...one, loadBalancingWeight: at === 0 ? 1 : 3 }))
  const byWeight = { localityWeightedLbConfig: {} }
  const cluster = { loadAssignment: { endpoints: weighted }, commonLbConfig: byWeight }
  near(shareOfFirst(setUp({ ...even, cluster }), 3), 0.25)
  // Without any weight zones count as if nothing were said.
  near(shareOfFirst(setUp({ ...even, ...common(byWeight) }), 3), 1)
})

test('when the local cluster changes, every cluster looks at zones anew', () => {
  const worker = new TestWorker({ localClusterName: 'me', zone: 'a' })
  worker.add({ name: 'c', loadAssignment: { endpoints: endpoints({ a: 3, b: 3 }, 0) } })
  near(shareOfFirst(worker, 3), 0.5)
  worker.add({ name: 'me', type: 'STRICT_DNS', loadAssignment: {} })
  worker.main.setHosts('me', { endpoints: endpoints({ a: 1, b: 1 }, 1000) })
  near(shareOfFirst(worker, 3), 1)
  worker.main.setHosts('me', { endpoints: endpoints({ a: 3, b: 1 }, 1000) })
  near(shareOfFirst(worker, 3), 2 / 3)
})

const AGGREGATE = 'type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig'

function aggregate(worker: TestWorker, ...clusters: string[]) {
  return worker.add({
    name: 'c',
    lbPolicy: 'CLUSTER_PROVIDED',
    clusterType: { name: 'envoy.clusters.aggregate', typedConfig: { '@type': AGGREGATE, clusters } },
  })
}

const hosts = (from: number, count: number, unhealthy: number) => [
  {
    lbEndpoints: Array.from({ length: count }, (_, index) =>
      endpointJson(from + index, index < unhealthy ? { healthStatus: 'UNHEALTHY' } : {}),
    ),
  },
]

test('an aggregate cluster spills over into the next of its clusters, and hosts stay in theirs', () => {
  const worker = new TestWorker()
  const cluster = aggregate(worker, 'x', 'gone', 'y')
  const first = worker.add({ name: 'x', loadAssignment: { endpoints: hosts(1, 4, 2) } })
  worker.add({ name: 'y', loadAssignment: { endpoints: hosts(11, 2, 0) } })
  const picks = worker.tally('c', 6000)
  assert.deepEqual(Object.keys(picks).sort(), ['11', '12', '3', '4'])
  near(((picks[3] as number) + (picks[4] as number)) / 6000, 0.7)
  const host = first.hosts()[2]!
  assert.equal(cluster.clusterOf(host), first)
  // It follows the health and the coming and going of its clusters.
  for (const port of [3, 4]) worker.main.setHealth('x', `127.0.0.1:${port}`, 1)
  assert.deepEqual(Object.keys(worker.tally('c', 100)), ['11', '12'])
  worker.manager.apply({ kind: 'cluster_removed', name: 'y' })
  assert.deepEqual(Object.keys(worker.tally('c', 100)), ['1', '2', '3', '4'], 'x in panic is all there is')
  worker.manager.apply({ kind: 'cluster_removed', name: 'x' })
  assert.deepEqual(worker.tally('c', 10), { none: 10 })
})

test('in total panic the share of each cluster follows its size', () => {
  const worker = new TestWorker()
  aggregate(worker, 'x', 'y')
  worker.add({ name: 'x', loadAssignment: { endpoints: hosts(1, 3, 3) } })
  worker.add({ name: 'y', loadAssignment: { endpoints: hosts(11, 1, 1) } })
  near((worker.tally('c', 4000)[11] as number) / 4000, 0.25)
})
