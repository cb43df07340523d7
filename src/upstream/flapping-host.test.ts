// A host that changes its mind every 50 ms for a minute: everything follows, and nothing is left behind.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { serialize, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { ClusterJson } from '#api/envoy/config/cluster/v3/cluster_pb.ts'
import { ClusterDirectory } from './cluster-directory.ts'
import { ClusterManager } from './cluster-manager.ts'
import { HEALTH_CHECK_STATS } from './health-check/stats.ts'
import { TestTime } from './health-check/testing.ts'
import { OUTLIER_STATS } from './outlier-detection/stats.ts'
import { CLUSTER_SLOTS as C, CLUSTER_STATS } from './stats.ts'
import { compileForTest, endpointJson, NO_SUBSCRIPTIONS, testContext } from './testing.ts'

const FLAPS = 1200
const FLAP_MS = 50

/** Main and one worker, in simulated time. */
function setUp(t: TestContext, json: object) {
  const time = new TestTime()
  const thread = time.thread()
  const directory: ClusterDirectory = new ClusterDirectory({
    subscriptions: NO_SUBSCRIPTIONS,
    workers: 1,
    stats: thread.stats,
    runtime: thread.runtime,
    publish: update => worker.apply(update),
    thread: () => thread,
  })
  const worker = new ClusterManager(thread, testContext(), report => directory.onHostCells(report), directory)
  const { plan, problems } = compileForTest(json as ClusterJson)
  assert.deepEqual(problems, [])
  const bytes = serialize(json)
  const memory = new SharedArrayBuffer(bytes.length)
  new Uint8Array(memory).set(bytes)
  directory.add(plan, json as ClusterJson, { memory, offset: 0, length: bytes.length })
  t.after(() => directory.stop())
  const cells = thread.stats.block('cluster.c.', CLUSTER_STATS).cells
  return { time, thread, directory, worker, healthy: () => cells[C.membership_healthy] as number }
}

function heapBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().heapUsed
}

const cluster = (ports: readonly number[], extra: object): object => ({
  name: 'c',
  loadAssignment: { clusterName: 'c', endpoints: [{ lbEndpoints: ports.map(port => endpointJson(port)) }] },
  commonLbConfig: { healthyPanicThreshold: { value: 0 }, updateMergeWindow: '0s' },
  ...extra,
})

test('by its health checks', async t => {
  let [checks, sockets] = [0, 0]
  const server = createServer((_request, response) => {
    response.statusCode = checks++ % 2 === 0 ? 200 : 503
    response.end()
  })
  server.on('connection', () => sockets++)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const times = {
    timeout: '1s',
    interval: '0.05s',
    noTrafficInterval: '0.05s',
    unhealthyThreshold: 1,
    healthyThreshold: 1,
  }
  const json = cluster([port], { healthChecks: [{ ...times, httpHealthCheck: { path: '/' } }] })
  const { time, thread, directory, worker, healthy } = setUp(t, json)
  const settled = async (count: number): Promise<void> => {
    while (checks < count || healthy() !== count % 2) await new Promise(setImmediate)
  }
  await settled(1)
  let heap = 0
  for (let flap = 2; flap <= FLAPS; flap++) {
    time.advance(FLAP_MS)
    await settled(flap)
    const picked = worker.get('c')?.chooseHost(null) ?? null
    assert.equal(picked !== null, flap % 2 === 1)
    if (flap === 200) heap = heapBytes()
  }
  assert.ok(heapBytes() - heap < 1_000_000)
  assert.equal(sockets, 1)
  const [member] = directory.members('c')
  assert.equal(member?.flaggedMs.size, 1)
  directory.remove('c')
  const gauges = thread.stats.block('cluster.c.health_check.', HEALTH_CHECK_STATS).cells
  assert.deepEqual([healthy(), gauges[HEALTH_CHECK_STATS.slot('healthy')], thread.timers.armedCount], [0, 0, 0])
})

test('by its answers', t => {
  const outlierDetection = {
    consecutive5xx: 1,
    interval: '0.05s',
    baseEjectionTime: '0.05s',
    maxEjectionTime: '0.05s',
    maxEjectionPercent: 100,
  }
  const { time, thread, directory, worker, healthy } = setUp(t, cluster([1, 2], { outlierDetection }))
  const [host] = worker.get('c')?.hosts() ?? []
  const gauges = thread.stats.block('cluster.c.outlier_detection.', OUTLIER_STATS).cells
  const stat = (name: string): number => gauges[OUTLIER_STATS.slot(`ejections_${name}`)] as number
  let heap = 0
  for (let flap = 1; flap <= FLAPS; flap++) {
    host?.monitor?.outlier?.putStatus(500)
    assert.deepEqual([healthy(), stat('active')], [1, 1])
    assert.equal(worker.get('c')?.chooseHost(null)?.address.port, 2)
    while (healthy() === 1) time.advance(FLAP_MS)
    if (flap === 200) heap = heapBytes()
  }
  assert.ok(heapBytes() - heap < 1_000_000)
  assert.deepEqual([stat('active'), stat('enforced_total'), thread.timers.armedCount], [0, FLAPS, 1])
  directory.remove('c')
  assert.equal(thread.timers.armedCount, 0)
})
