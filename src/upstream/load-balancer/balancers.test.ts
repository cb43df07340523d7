import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClusterJson } from '#api/envoy/config/cluster/v3/cluster_pb.ts'
import type { ThreadContext } from '../../net/index.ts'
import { testThread } from '../../net/testing.ts'
import type { Host } from '../host.ts'
import { CLUSTER_SLOTS, HOST_RQ_ACTIVE } from '../stats.ts'
import { countPicks, endpointJson, seededRandom, testCluster, testHost } from '../testing.ts'
import { leastRequest } from './least-request.ts'
import { LoadBalancerContext } from './load-balancer.ts'
import { randomChoice } from './random.ts'
import { roundRobin } from './round-robin.ts'

const random = seededRandom(42)
const threadWith = (): ThreadContext => ({ ...testThread(), random: seededRandom(7) })

function cluster(lbEndpoints: object[], extra: object = {}) {
  const json = { name: 'c', loadAssignment: { clusterName: 'c', endpoints: [{ lbEndpoints }] }, ...extra }
  return testCluster(json as ClusterJson, threadWith())
}

test('round robin: a plain rotation that begins anywhere', () => {
  const hosts = [1, 2, 3, 4].map(port => testHost({ port }))
  const starts = new Set<Host>()
  for (let i = 0; i < 40; i++) {
    const picker = roundRobin(hosts, random)
    const first = picker.pick() as Host
    starts.add(first)
    for (let step = 1; step <= 8; step++) {
      assert.equal(picker.pick(), hosts[(hosts.indexOf(first) + step) % 4])
    }
  }
  assert.equal(starts.size, 4)
})

test('round robin with weights 3 to 1: the light host comes every fourth time', () => {
  const light = testHost({ port: 2 })
  const picker = roundRobin([testHost({ port: 1, weight: 3 }), light], random)
  const picks = Array.from({ length: 400 }, () => picker.pick())
  const at = picks.flatMap((host, index) => (host === light ? [index] : []))
  assert.equal(at.length, 100)
  for (let i = 1; i < at.length; i++) assert.equal((at[i] as number) - (at[i - 1] as number), 4)
})

test('weights far apart still hold exactly', () => {
  const hosts = [1, 7, 100, 1000].map((weight, port) => testHost({ port, weight }))
  const picker = roundRobin(hosts, () => 0)
  const counts = new Map<Host | null, number>()
  for (let i = 0; i < 11_080; i++) {
    const host = picker.pick()
    counts.set(host, (counts.get(host) ?? 0) + 1)
  }
  for (const host of hosts) assert.ok(Math.abs((counts.get(host) as number) - host.weight * 10) <= 1)
})

test('random is uniform and ignores weights', () => {
  const hosts = [1, 2, 3, 4].map(port => testHost({ port, weight: port }))
  const picker = randomChoice(hosts, random)
  const counts = new Map<Host | null, number>()
  for (let i = 0; i < 12_000; i++) {
    const host = picker.pick()
    counts.set(host, (counts.get(host) ?? 0) + 1)
  }
  const chiSquare = hosts.reduce((sum, host) => sum + ((counts.get(host) as number) - 3000) ** 2 / 3000, 0)
  assert.ok(chiSquare < 16.3, `chi-square ${chiSquare} of 3 degrees`)
})

const TWO = { choiceCount: 2, fullScan: false, activeRequestBias: 1 }

test('least request of two choices: a loaded host is taken only when drawn twice', () => {
  const hosts = [1, 2, 3, 4].map(port => testHost({ port }))
  const [busy] = hosts as [Host]
  busy.cells[HOST_RQ_ACTIVE] = 5
  const picker = leastRequest(hosts, random, TWO)
  let hits = 0
  for (let i = 0; i < 16_000; i++) if (picker.pick() === busy) hits++
  assert.ok(Math.abs(hits - 1000) < 130, `${hits} of 16000, expected a sixteenth`)
})

test('least request by full scan: always the least loaded, ties shared evenly', () => {
  const hosts = [1, 2, 3, 4].map(port => testHost({ port }))
  ;(hosts[1] as Host).cells[HOST_RQ_ACTIVE] = 1
  const picker = leastRequest(hosts, random, { ...TWO, fullScan: true })
  const counts = new Map<Host | null, number>()
  for (let i = 0; i < 9000; i++) {
    const host = picker.pick()
    counts.set(host, (counts.get(host) ?? 0) + 1)
  }
  assert.equal(counts.get(hosts[1] as Host), undefined)
  for (const index of [0, 2, 3]) assert.ok(Math.abs((counts.get(hosts[index] as Host) as number) - 3000) < 250)
})

test('least request with weights: idle hosts by weight, loaded ones less', () => {
  const heavy = testHost({ port: 1, weight: 2 })
  const light = testHost({ port: 2, weight: 1 })
  const share = (bias: number): number => {
    const picker = leastRequest([heavy, light], random, { ...TWO, activeRequestBias: bias })
    let hits = 0
    for (let i = 0; i < 3000; i++) if (picker.pick() === heavy) hits++
    return hits / 3000
  }
  assert.ok(Math.abs(share(1) - 2 / 3) < 0.01)
  heavy.cells[HOST_RQ_ACTIVE] = 3
  // 2 / (3 + 1) against 1.
  assert.ok(Math.abs(share(1) - 1 / 3) < 0.01)
  assert.ok(Math.abs(share(0) - 2 / 3) < 0.01)
})

test('unhealthy, draining and timed-out hosts get nothing; panic uses all and is counted', () => {
  const healths = ['UNHEALTHY', 'DRAINING', 'TIMEOUT', 'UNKNOWN']
  const endpoints = healths.map((healthStatus, port) => endpointJson(port + 1, { healthStatus }))
  const calm = cluster(endpoints, { commonLbConfig: { healthyPanicThreshold: { value: 0 } } })
  assert.deepEqual(countPicks(calm, 20), { 4: 20 })
  const panic = cluster(endpoints)
  assert.deepEqual(countPicks(panic, 200), { 1: 50, 2: 50, 3: 50, 4: 50 })
  assert.equal(panic.stats.cells[CLUSTER_SLOTS.lb_healthy_panic], 200)
})

test('no hosts, no healthy host without panic: null', () => {
  assert.deepEqual(countPicks(cluster([]), 3), { none: 3 })
  const sick = [endpointJson(1, { healthStatus: 'UNHEALTHY' })]
  assert.deepEqual(countPicks(cluster(sick, { commonLbConfig: { healthyPanicThreshold: {} } }), 3), { none: 3 })
})

function prioritized(levels: { healthy: number; total: number }[], extra: object = {}) {
  let port = 0
  const endpoints = levels.map(({ healthy, total }, priority) => ({
    priority,
    lbEndpoints: Array.from({ length: total }, (_, index) =>
      endpointJson(++port, index < healthy ? {} : { healthStatus: 'UNHEALTHY' }),
    ),
  }))
  return testCluster(
    { name: 'c', loadAssignment: { clusterName: 'c', endpoints }, ...extra } as ClusterJson,
    threadWith(),
  )
}

test('priorities: the share of P0 follows its health', () => {
  for (const [healthy, share] of [
    [10, 1],
    [7, 0.98],
    [5, 0.7],
    [3, 0.42],
  ] as const) {
    const picks = countPicks(
      prioritized([
        { healthy, total: 10 },
        { healthy: 10, total: 10 },
      ]),
      10_000,
    )
    const first = Object.entries(picks).reduce((sum, [port, count]) => sum + (Number(port) <= 10 ? count : 0), 0)
    assert.ok(Math.abs(first / 10_000 - share) < 0.02, `${first} of 10000 at ${healthy}`)
    for (let port = healthy + 1; port <= 10; port++) assert.equal(picks[port], undefined)
  }
})

test('degraded hosts take their part', () => {
  const endpoints = Array.from({ length: 20 }, (_, index) =>
    endpointJson(index + 1, index < 5 ? {} : { healthStatus: index < 18 ? 'DEGRADED' : 'UNHEALTHY' }),
  )
  const picks = countPicks(cluster(endpoints), 10_000)
  const healthy = Object.entries(picks).reduce((sum, [port, count]) => sum + (Number(port) <= 5 ? count : 0), 0)
  assert.ok(Math.abs(healthy - 3500) < 200, String(healthy))
  assert.equal(picks[19], undefined)
})

test('locality weights 1 to 3, two hosts and one: exactly a quarter and three', () => {
  const endpoints = [
    { loadBalancingWeight: 1, locality: { zone: 'a' }, lbEndpoints: [endpointJson(1), endpointJson(2)] },
    { loadBalancingWeight: 3, locality: { zone: 'b' }, lbEndpoints: [endpointJson(3)] },
  ]
  const json = { name: 'c', loadAssignment: { endpoints }, commonLbConfig: { localityWeightedLbConfig: {} } }
  assert.deepEqual(countPicks(testCluster(json as ClusterJson, threadWith()), 400), { 1: 50, 2: 50, 3: 300 })
  const plain = { name: 'c', loadAssignment: { endpoints } }
  assert.deepEqual(countPicks(testCluster(plain as ClusterJson, threadWith()), 300), { 1: 100, 2: 100, 3: 100 })
})

class Choosy extends LoadBalancerContext {
  private readonly attempts: number
  private readonly rejects: (host: Host) => boolean
  asked = 0

  constructor(attempts: number, rejects: (host: Host) => boolean) {
    super()
    this.attempts = attempts
    this.rejects = rejects
  }

  override get hostSelectionAttempts(): number {
    return this.attempts
  }

  override shouldSelectAnother(host: Host): boolean {
    this.asked++
    return this.rejects(host)
  }
}

test('a rejected host is picked again as often as the context allows', () => {
  const chosen = cluster([endpointJson(1), endpointJson(2), endpointJson(3)])
  const onlyThird = (host: Host): boolean => host.address.port !== 3
  for (let i = 0; i < 10; i++) assert.equal(chosen.chooseHost(new Choosy(3, onlyThird))?.address.port, 3)
  const none = new Choosy(2, () => true)
  assert.notEqual(chosen.chooseHost(none), null)
  assert.equal(none.asked, 3)
})
