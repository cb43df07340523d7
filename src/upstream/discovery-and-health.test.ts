// What discovery says against what checks find out (envoy-docs: service discovery, "health checking results").
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { serialize } from 'node:v8'
import type { ClusterJson } from '#api/envoy/config/cluster/v3/cluster_pb.ts'
import { ClusterDirectory } from './cluster-directory.ts'
import { ClusterManager } from './cluster-manager.ts'
import { FailedActiveHealthCheck, PendingDynamicRemoval } from './health.ts'
import { TestTime } from './health-check/testing.ts'
import { compileForTest, NO_SUBSCRIPTIONS, testContext } from './testing.ts'

/** A STRICT_DNS cluster whose name leads to `addresses`; hosts in `failing` fail their checks. */
async function setUp(t: TestContext, addresses: string[], extra: object = {}) {
  const failing = new Set<string>()
  const server = createServer((request, response) => {
    response.statusCode = failing.has(request.socket.localAddress ?? '') ? 503 : 200
    response.end()
  })
  server.listen(0, '0.0.0.0')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const time = new TestTime()
  const thread = time.thread()
  let refresh: () => void = () => undefined
  const state = { addresses }
  const directory: ClusterDirectory = new ClusterDirectory({
    subscriptions: NO_SUBSCRIPTIONS,
    workers: 1,
    stats: thread.stats,
    runtime: thread.runtime,
    publish: update => worker.apply(update),
    thread: () => thread,
    resolvers: () => ({
      resolve: async () => ({
        kind: 'resolved',
        records: state.addresses.map(address => ({ address, ttlS: 5 })),
      }),
    }),
    schedule: (ms, callback) => {
      if (ms >= 5000) refresh = callback
      return () => undefined
    },
  })
  const worker = new ClusterManager(thread, testContext(), report => directory.onHostCells(report), directory)
  t.after(() => directory.stop())
  const socketAddress = { address: 'web.test', portValue: (server.address() as AddressInfo).port }
  const times = { timeout: '1s', interval: '1s', noTrafficInterval: '1s', unhealthyThreshold: 1, healthyThreshold: 1 }
  const json = {
    name: 'c',
    type: 'STRICT_DNS',
    dnsLookupFamily: 'V4_ONLY',
    commonLbConfig: { healthyPanicThreshold: { value: 0 }, updateMergeWindow: '0s' },
    healthChecks: [{ ...times, httpHealthCheck: { path: '/' } }],
    loadAssignment: { clusterName: 'c', endpoints: [{ lbEndpoints: [{ endpoint: { address: { socketAddress } } }] }] },
    ...extra,
  } as ClusterJson
  const { plan, problems } = compileForTest(json)
  assert.deepEqual(problems, [])
  const bytes = serialize(json)
  const memory = new SharedArrayBuffer(bytes.length)
  new Uint8Array(memory).set(bytes)
  directory.add(plan, json, { memory, offset: 0, length: bytes.length })
  const flags = (): Record<string, number> =>
    Object.fromEntries(Array.from(directory.members('c'), ({ key, row }) => [key.replace(/:.*/, ''), row[0] as number]))
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await new Promise(setImmediate)
  }
  return {
    failing,
    flags,
    until,
    /** The name leads elsewhere from the next lookup on. */
    discover: async (...next: string[]) => {
      state.addresses = next
      refresh()
      await new Promise(setImmediate)
    },
    nextChecks: () => time.advance(1000),
    usable: () =>
      worker
        .get('c')
        ?.hosts()
        .filter(host => host.healthFlags === 0 || host.healthFlags === PendingDynamicRemoval)
        .map(host => host.address.host) ?? [],
    ready: directory.ready(),
  }
}

const [A, B] = ['127.0.0.1', '127.0.0.2'] as const

test('a new host is not used before its first check has passed', async t => {
  const { flags, until, discover, usable, ready, failing } = await setUp(t, [A])
  await ready
  assert.deepEqual(flags(), { [A]: 0 })
  failing.add('127.0.0.3')
  await discover(A, B, '127.0.0.3')
  assert.deepEqual(flags(), { [A]: 0, [B]: FailedActiveHealthCheck, '127.0.0.3': FailedActiveHealthCheck })
  assert.deepEqual(usable(), [A])
  await until(() => flags()[B] === 0)
  assert.deepEqual(usable(), [A, B])
})

test('a host that discovery drops stays while it passes, and goes when it fails; one that returns is as before', async t => {
  const { flags, until, discover, usable, ready, failing, nextChecks } = await setUp(t, [A, B])
  await ready
  await discover(A)
  assert.deepEqual([flags(), usable()], [{ [A]: 0, [B]: PendingDynamicRemoval }, [A, B]])
  await discover(A, B)
  assert.deepEqual(flags(), { [A]: 0, [B]: 0 })
  await discover(A)
  failing.add(B)
  nextChecks()
  await until(() => !(B in flags()))
  assert.deepEqual(usable(), [A])
})

test('a failing host that discovery drops goes at once', async t => {
  const { flags, until, discover, ready, failing, nextChecks } = await setUp(t, [A, B])
  await ready
  failing.add(B)
  nextChecks()
  await until(() => flags()[B] !== 0)
  assert.equal(flags()[B], FailedActiveHealthCheck)
  await discover(A)
  assert.deepEqual(flags(), { [A]: 0 })
})

test('ignore_health_on_host_removal: discovery alone decides who goes', async t => {
  const { flags, discover, ready } = await setUp(t, [A, B], { ignoreHealthOnHostRemoval: true })
  await ready
  await discover(A)
  assert.deepEqual(flags(), { [A]: 0 })
})
