import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { serialize } from 'node:v8'
import type { ClusterJson } from '#api/envoy/config/cluster/v3/cluster_pb.ts'
import { testThread } from '../net/testing.ts'
import { StatStore } from '../observability/index.ts'
import { ClusterDirectory } from './cluster-directory.ts'
import { ClusterManager, type ClusterUpdate } from './cluster-manager.ts'
import type { Schedule } from './dns/dns-target.ts'
import { HostsFile } from './dns/hosts-file.ts'
import { CaresResolver } from './dns/node-resolver.ts'
import type { DnsAnswer, DnsResolver } from './dns/resolver.ts'
import { NXDOMAIN, SERVFAIL, TestDnsServer } from './dns/testing.ts'
import { DegradedActiveHealthCheck, ExcludedViaImmediateHealthCheckFail, FailedActiveHealthCheck } from './health.ts'
import type { Host } from './host.ts'
import { Requests } from './resource-limits.ts'
import { CLUSTER_SLOTS as C, CLUSTER_MANAGER_STATS, CLUSTER_STATS, HOST_CX_ACTIVE, HOST_RQ_TOTAL } from './stats.ts'
import { compileForTest, endpointJson, NO_SUBSCRIPTIONS, testContext } from './testing.ts'

/** Time that the test moves: what is due is run by hand. */
class ManualSchedule {
  readonly pending: { ms: number; callback: () => void }[] = []
  readonly schedule: Schedule = (ms, callback) => {
    const entry = { ms, callback }
    this.pending.push(entry)
    return () => {
      const index = this.pending.indexOf(entry)
      if (index >= 0) this.pending.splice(index, 1)
    }
  }

  /** Runs the one entry that is pending and returns its delay. */
  runOnly(): number {
    assert.equal(this.pending.length, 1)
    const [entry] = this.pending.splice(0) as [{ ms: number; callback: () => void }]
    entry.callback()
    return entry.ms
  }
}

const settled = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

function setUp(resolver: DnsResolver, random = () => 0.5) {
  const updates: ClusterUpdate[] = []
  const time = new ManualSchedule()
  const stats = new StatStore()
  const thread = testThread()
  const directory: ClusterDirectory = new ClusterDirectory({
    workers: 1,
    stats,
    runtime: thread.runtime,
    subscriptions: NO_SUBSCRIPTIONS,
    publish: update => {
      updates.push(update)
      worker.apply(update)
    },
    thread: () => thread,
    resolvers: () => resolver,
    schedule: time.schedule,
    random,
  })
  const worker = new ClusterManager(thread, testContext(), report => directory.onHostCells(report), directory)
  const add = (json: object): void => {
    const { plan, problems } = compileForTest(json as ClusterJson)
    assert.deepEqual(problems, [])
    const bytes = serialize(json)
    const memory = new SharedArrayBuffer(bytes.length)
    new Uint8Array(memory).set(bytes)
    directory.add(plan, json as ClusterJson, { memory, offset: 0, length: bytes.length })
  }
  const cells = (name: string) => stats.block(`cluster.${name}.`, CLUSTER_STATS).cells
  return { directory, worker, updates, time, stats, add, cells }
}

function scripted(...answers: (string[] | string | DnsAnswer)[]): DnsResolver {
  return {
    resolve: async () => {
      const answer = answers.length > 1 ? answers.shift() : answers[0]
      if (Array.isArray(answer)) return { kind: 'resolved', records: answer.map(address => ({ address, ttlS: 9 })) }
      return typeof answer === 'string' ? { kind: 'failure', code: answer } : (answer as DnsAnswer)
    },
  }
}

const named = (type: string, extra: object = {}) => ({
  name: 'c',
  type,
  dnsLookupFamily: 'V4_ONLY',
  loadAssignment: {
    clusterName: 'c',
    endpoints: [
      { lbEndpoints: [{ endpoint: { address: { socketAddress: { address: 'web.test', portValue: 80 } } } }] },
    ],
  },
  ...extra,
})
const addresses = (hosts: readonly Host[] | undefined): string[] => (hosts ?? []).map(host => host.addressText)

test('a static cluster: workers learn of it, membership is counted once, on main', () => {
  const { directory, worker, add, cells, stats } = setUp(scripted([]))
  const lbEndpoints = [
    endpointJson(1),
    endpointJson(2, { healthStatus: 'DEGRADED', loadBalancingWeight: 5 }),
    endpointJson(3, { healthStatus: 'DRAINING' }),
  ]
  add({ name: 'c', loadAssignment: { endpoints: [{ lbEndpoints }] } })
  const block = cells('c')
  assert.deepEqual(
    [
      C.membership_total,
      C.membership_healthy,
      C.membership_degraded,
      C.membership_change,
      C['default.total_match_count'],
    ].map(slot => block[slot]),
    [3, 1, 1, 1, 3],
  )
  assert.equal(worker.get('c')?.hosts().length, 3)
  const manager = stats.block('cluster_manager.', CLUSTER_MANAGER_STATS)
  assert.equal(manager.cells[CLUSTER_MANAGER_STATS.slot('cluster_added')], 1)
  assert.equal(manager.cells[CLUSTER_MANAGER_STATS.slot('active_clusters')], 1)
  directory.remove('c')
  assert.equal(worker.get('c'), undefined)
  assert.equal(block[C.membership_total], 0)
})

test('/clusters: sums of the workers, without asking them', () => {
  const { directory, worker, add } = setUp(scripted([]))
  const endpoints = [
    {
      priority: 1,
      locality: { region: 'r', zone: 'z', subZone: 's' },
      lbEndpoints: [endpointJson(7, { healthStatus: 'TIMEOUT' })],
    },
    { lbEndpoints: [{ endpoint: { address: { pipe: { path: '/run/x' } } } }] },
  ]
  add({
    name: 'c',
    altStatName: 'alias',
    loadAssignment: { endpoints },
    circuitBreakers: { thresholds: [{ maxRequests: 7 }] },
  })
  const [before] = [...directory.describe()]
  assert.equal([...before!.hosts][0]?.counters.rq_total, 0)
  const host = worker
    .get('c')
    ?.hosts()
    .find(({ address }) => address.port === 7) as Host
  host.cells[HOST_RQ_TOTAL]! += 4
  host.cells[HOST_CX_ACTIVE]! += 2
  const read = () => [...[...directory.describe()][0]!.hosts][0]!
  const [status] = [...directory.describe()]
  assert.equal(status?.observabilityName, 'alias')
  assert.deepEqual(status?.defaultPriority, {
    maxConnections: 1024,
    maxPendingRequests: 1024,
    maxRequests: 7,
    maxRetries: 3,
  })
  assert.deepEqual([read().counters.rq_total, read().gauges.cx_active], [4, 2])
  const { address, ip, healthFlags, edsHealthStatus, region, zone, subZone, priority } = read()
  assert.deepEqual(
    { address, ip, healthFlags, edsHealthStatus, region, zone, subZone, priority },
    {
      address: '127.0.0.1:7',
      ip: { host: '127.0.0.1', port: 7 },
      healthFlags: '/failed_eds_health',
      edsHealthStatus: 'UNHEALTHY',
      region: 'r',
      zone: 'z',
      subZone: 's',
      priority: 1,
    },
  )
  assert.deepEqual([[...status!.hosts][1]?.address, [...status!.hosts][1]?.ip], ['/run/x', null])
  directory.onWorkerGone(0)
  assert.deepEqual([read().counters.rq_total, read().gauges.cx_active], [4, 0])
})

test('breaker gauges follow the counts of all workers', () => {
  const { directory, worker, add, cells } = setUp(scripted([]))
  add({
    name: 'c',
    loadAssignment: { endpoints: [{ lbEndpoints: [endpointJson(1)] }] },
    circuitBreakers: { thresholds: [{ maxRequests: 2, trackRemaining: true }] },
  })
  const limits = worker.get('c')!.limits(0)
  const open = () => {
    directory.refreshGauges()
    return cells('c')[C['circuit_breakers.default.rq_open']]
  }
  assert.equal(open(), 0)
  limits.tryAcquire(Requests)
  assert.equal(open(), 0)
  limits.tryAcquire(Requests)
  assert.equal(open(), 1)
  // Minus zero: nobody has used it.
  assert.equal(cells('c')[C['circuit_breakers.high.rq_open']], -0)
  directory.onWorkerGone(0)
  assert.equal(open(), 0)
})

test('STRICT_DNS: one host per address, a new worker learns them, a change is published once', async () => {
  const { directory, worker, updates, time, add, cells } = setUp(
    scripted(['10.0.0.2', '10.0.0.1'], ['10.0.0.1', '10.0.0.2'], ['10.0.0.3', '10.0.0.1']),
  )
  add(named('STRICT_DNS'))
  await directory.ready()
  const cluster = worker.get('c')!
  assert.deepEqual(addresses(cluster.hosts()), ['10.0.0.2:80', '10.0.0.1:80'])
  assert.equal(cluster.hosts()[0]?.hostname, 'web.test')
  assert.deepEqual(
    [...directory.updates()].map(({ kind }) => kind),
    ['host_rows', 'cluster', 'hosts'],
  )
  assert.equal(time.runOnly(), 5000)
  await settled()
  assert.deepEqual(
    updates.map(({ kind }) => kind),
    ['cluster', 'host_rows', 'hosts'],
    'another order is no change',
  )
  time.runOnly()
  await settled()
  assert.deepEqual(addresses(cluster.hosts()), ['10.0.0.3:80', '10.0.0.1:80'])
  const block = cells('c')
  assert.deepEqual(
    [C.update_attempt, C.update_success, C.update_no_rebuild, C.membership_change, C.membership_total].map(
      s => block[s],
    ),
    [3, 3, 1, 2, 2],
  )
  directory.stop()
  assert.equal(time.pending.length, 0)
})

test('a failure keeps the last hosts; an empty answer removes strict ones and keeps a logical one', async () => {
  for (const [type, left] of [
    ['STRICT_DNS', []],
    ['LOGICAL_DNS', ['10.0.0.1:80']],
  ] as const) {
    const { directory, worker, time, add, cells } = setUp(
      scripted(['10.0.0.1'], 'ESERVFAIL', [], ['10.0.0.4', '10.0.0.1']),
    )
    add(named(type))
    await directory.ready()
    time.runOnly()
    await settled()
    assert.deepEqual(addresses(worker.get('c')?.hosts()), ['10.0.0.1:80'])
    assert.equal(cells('c')[C.update_failure], 1)
    time.runOnly()
    await settled()
    assert.deepEqual(addresses(worker.get('c')?.hosts()), left, type)
    assert.equal(cells('c')[C.update_failure], type === 'STRICT_DNS' ? 1 : 2)
    time.runOnly()
    await settled()
    const expected = type === 'STRICT_DNS' ? ['10.0.0.4:80', '10.0.0.1:80'] : ['10.0.0.4:80']
    assert.deepEqual(addresses(worker.get('c')?.hosts()), expected)
  }
})

test('refresh rates: the TTL where it is respected, jitter, and back-off that doubles up to its limit', async () => {
  const failing = setUp(scripted('ETIMEOUT'), () => 0.999)
  failing.add(named('STRICT_DNS', { dnsFailureRefreshRate: { baseInterval: '1s', maxInterval: '3s' } }))
  await failing.directory.ready()
  const delays: number[] = []
  for (let i = 0; i < 4; i++) {
    delays.push(failing.time.runOnly())
    await settled()
  }
  assert.deepEqual(delays, [999, 1998, 2997, 2997])
  const cases: [object, number][] = [
    [{}, 5000],
    [{ respectDnsTtl: true }, 9000],
    [{ dnsRefreshRate: '0.3s' }, 300],
    [{ dnsRefreshRate: '0.3s', dnsJitter: '0.1s' }, 350],
  ]
  for (const [extra, expected] of cases) {
    const { directory, time, add } = setUp(scripted(['10.0.0.1']))
    add(named('STRICT_DNS', extra))
    await directory.ready()
    assert.equal(time.runOnly(), expected)
  }
  const zero = setUp(scripted({ kind: 'resolved', records: [{ address: '10.0.0.1', ttlS: 0 }] }))
  zero.add(named('STRICT_DNS', { respectDnsTtl: true }))
  await zero.directory.ready()
  assert.equal(zero.time.runOnly(), 5000)
})

test('names that nobody answers hold the start up for a bounded time', async () => {
  const { directory, time, add, updates } = setUp({ resolve: () => new Promise(() => undefined) })
  add(named('STRICT_DNS'))
  const ready = directory.ready()
  assert.equal(time.runOnly(), 5000)
  await ready
  assert.equal(updates.length, 1)
  const impatient = setUp({ resolve: () => new Promise(() => undefined) })
  impatient.add(named('STRICT_DNS', { waitForWarmOnInit: false }))
  await impatient.directory.ready()
  assert.equal(impatient.time.pending.length, 0)
})

test('a cluster replaced while its lookup is under way hears nothing of it', async () => {
  const first = Promise.withResolvers<DnsAnswer>()
  let calls = 0
  const resolver: DnsResolver = {
    resolve: () =>
      ++calls === 1
        ? first.promise
        : Promise.resolve({ kind: 'resolved', records: [{ address: '10.0.0.2', ttlS: 1 }] }),
  }
  const { directory, worker, add } = setUp(resolver)
  add(named('STRICT_DNS'))
  add(named('STRICT_DNS', { connectTimeout: '1s' }))
  await directory.ready()
  first.resolve({ kind: 'resolved', records: [{ address: '10.0.0.1', ttlS: 1 }] })
  await settled()
  assert.deepEqual(addresses(worker.get('c')?.hosts()), ['10.0.0.2:80'])
})

test('against a real DNS server: answers, change, SERVFAIL, NXDOMAIN', async () => {
  const server = await TestDnsServer.start()
  const { directory, worker, time, add, updates } = setUp(
    new CaresResolver({ servers: [server.address], tryMs: 5000, tries: 4 }, new HostsFile('/dev/null')),
  )
  server.zone = { 'web.test': ['127.0.0.1', '127.0.0.2'] }
  add(named('STRICT_DNS'))
  await directory.ready()
  assert.deepEqual(addresses(worker.get('c')?.hosts()), ['127.0.0.1:80', '127.0.0.2:80'])
  const refresh = async (zone: TestDnsServer['zone']): Promise<void> => {
    server.zone = zone
    time.runOnly()
    while (time.pending.length === 0) await settled()
  }
  await refresh({ 'web.test': SERVFAIL })
  assert.equal(worker.get('c')?.hosts().length, 2)
  await refresh({ 'web.test': ['127.0.0.2'] })
  assert.deepEqual(addresses(worker.get('c')?.hosts()), ['127.0.0.2:80'])
  await refresh({ 'web.test': NXDOMAIN })
  assert.deepEqual(addresses(worker.get('c')?.hosts()), [])
  assert.equal(updates.filter(({ kind }) => kind === 'hosts').length, 3)
  directory.stop()
  server.close()
})

test('localhost resolves to something that listens', async () => {
  const origin = createServer().listen(0, '127.0.0.1')
  await once(origin, 'listening')
  const { directory, worker, add } = setUp(new CaresResolver({ servers: [], tryMs: 5000, tries: 4 }))
  const { port } = origin.address() as { port: number }
  const endpoint = { address: { socketAddress: { address: 'localhost', portValue: port } } }
  add({ ...named('STRICT_DNS'), loadAssignment: { endpoints: [{ lbEndpoints: [{ endpoint }] }] } })
  await directory.ready()
  assert.deepEqual(addresses(worker.get('c')?.hosts()), [`127.0.0.1:${port}`])
  directory.stop()
  origin.close()
})

test('health that main finds out reaches gauges, /clusters and the workers, and survives an update', () => {
  const { directory, worker, updates, add, cells } = setUp(scripted([]))
  add({ name: 'c', loadAssignment: { endpoints: [{ lbEndpoints: [1, 2, 3].map(port => endpointJson(port)) }] } })
  const cluster = worker.get('c')!
  const block = cells('c')
  const gauges = () =>
    [C.membership_total, C.membership_healthy, C.membership_degraded, C.membership_excluded].map(slot => block[slot])
  const [one, two] = [...directory.members('c')].map(({ key }) => key) as [string, string]
  directory.setHostHealth('c', one, FailedActiveHealthCheck | ExcludedViaImmediateHealthCheckFail, 0)
  directory.setHostHealth('c', two, DegradedActiveHealthCheck, 0)
  assert.deepEqual(gauges(), [3, 1, 1, 1])
  assert.deepEqual(
    [...[...directory.describe()][0]!.hosts].map(({ healthFlags }) => healthFlags),
    ['/failed_active_hc/excluded_via_immediate_hc_fail', '/degraded_active_hc', ''],
  )
  assert.deepEqual(
    cluster.hostSet.priorities[0]?.healthy.map(({ address }) => address.port),
    [3],
  )
  const published = updates.length
  directory.setHostHealth('c', two, DegradedActiveHealthCheck, 0)
  directory.setHostHealth('gone', two, DegradedActiveHealthCheck, 0)
  assert.equal(updates.length, published, 'no change is not published')
  directory.setHostHealth('c', one, 0, FailedActiveHealthCheck | ExcludedViaImmediateHealthCheckFail)
  assert.deepEqual(gauges(), [3, 2, 1, 0])
})

test('explain: what main knows of health and priorities, through an aggregate cluster too', () => {
  const { directory, add } = setUp(scripted([]))
  const lbEndpoints = [endpointJson(1), endpointJson(2)]
  add({ name: 'c', loadAssignment: { endpoints: [{ lbEndpoints }, { priority: 1, lbEndpoints: [endpointJson(3)] }] } })
  const clusters = ['c', 'gone']
  const typedConfig = { '@type': 'type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig', clusters }
  add({ name: 'a', lbPolicy: 'CLUSTER_PROVIDED', clusterType: { name: 'envoy.clusters.aggregate', typedConfig } })
  directory.setHostHealth('c', '127.0.0.1:1', FailedActiveHealthCheck, 0)
  const explained = directory.explain('c', null, null)
  assert.deepEqual(
    explained?.hosts.map(({ address, share, reasons }) => [address, share, reasons[0]]),
    [
      ['127.0.0.1:1', 0, 'it is not healthy'],
      ['127.0.0.1:2', 0.7, 'it is healthy'],
      ['127.0.0.1:3', 0.3, 'it is healthy'],
    ],
  )
  assert.deepEqual(
    directory.explain('a', null, null)?.priorities.map(({ hosts, healthyLoad }) => [hosts, healthyLoad]),
    [
      [2, 70],
      [1, 30],
    ],
  )
  assert.equal(directory.explain('gone', null, null), undefined)
})

test('main counts subsets beside the workers, as Envoy does', () => {
  const { directory, add, cells } = setUp(scripted([]))
  const host = (port: number, v: string) => endpointJson(port, { metadata: { filterMetadata: { 'envoy.lb': { v } } } })
  const lbEndpoints = [host(1, 'a'), host(2, 'b'), host(3, 'b')]
  const lbSubsetConfig = { subsetSelectors: [{ keys: ['v'] }] }
  add({ name: 'c', loadAssignment: { endpoints: [{ lbEndpoints }] }, lbSubsetConfig })
  const counts = () => [C.lb_subsets_active, C.lb_subsets_created, C.lb_subsets_removed].map(slot => cells('c')[slot])
  assert.deepEqual(counts(), [2, 2, 0])
  directory.remove('c')
  assert.deepEqual(counts(), [0, 2, 2])
})
