import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClusterJson } from '#api/envoy/config/cluster/v3/cluster_pb.ts'
import type { ClusterLoadAssignmentJson } from '#api/envoy/config/endpoint/v3/endpoint_pb.ts'
import { testThread } from '../net/testing.ts'
import { ClusterManager } from './cluster-manager.ts'
import { FailedActiveHealthCheck } from './health.ts'
import type { Host } from './host.ts'
import type { HostCellsReport } from './host-cells.ts'
import { endpointJson, NO_REPORTS, TestMain, testContext } from './testing.ts'

function setUp() {
  const reports: HostCellsReport[] = []
  const thread = testThread()
  const manager = new ClusterManager(thread, testContext(), report => reports.push(report), NO_REPORTS)
  const main = new TestMain(update => manager.apply(update))
  const add = (json: object): void => main.addCluster(json as ClusterJson)
  return { manager, reports, add, main }
}

const assignment = (...ports: number[]): ClusterLoadAssignmentJson =>
  ({
    clusterName: 'c',
    endpoints: [{ lbEndpoints: ports.map(port => endpointJson(port)) }],
  }) as ClusterLoadAssignmentJson
const ports = (hosts: readonly Host[] | undefined): number[] => (hosts ?? []).map(host => host.address.port)

test('a cluster is made at its first use, and then stays the same', () => {
  const { manager, reports, add } = setUp()
  add({ name: 'c', loadAssignment: assignment(1, 2) })
  assert.deepEqual([...manager.inflated()], [])
  assert.equal(reports.length, 0)
  const cluster = manager.get('c')
  assert.equal(manager.get('c'), cluster)
  assert.deepEqual(ports(cluster?.hosts()), [1, 2])
  assert.equal(manager.get('d'), undefined)
  assert.deepEqual(
    reports[0]?.rows.map(row => row.key),
    ['127.0.0.1:1', '127.0.0.1:2'],
  )
  const cells = new Float64Array(reports[0]!.rows[1]!.memory, reports[0]!.rows[1]!.offset, 9)
  cluster!.hosts()[1]!.cells[3]! += 5
  assert.equal(cells[3], 5)
})

function draining(host: Host): { readonly drained: number } {
  const pools = {
    drained: 0,
    drain: () => {
      pools.drained++
    },
  }
  host.pools = pools
  return pools
}

test('replacing and removing drain the old hosts; requests that hold them go on', () => {
  const { manager, add } = setUp()
  add({ name: 'c', loadAssignment: assignment(1) })
  const first = manager.get('c')!
  const pools = draining(first.hosts()[0]!)
  add({ name: 'c', connectTimeout: '1s', loadAssignment: assignment(1) })
  assert.equal(pools.drained, 1)
  const second = manager.get('c')!
  assert.notEqual(second, first)
  assert.equal(second.plan.connectTimeoutMs, 1000)
  const secondPools = draining(second.hosts()[0]!)
  manager.apply({ kind: 'cluster_removed', name: 'c' })
  assert.equal(manager.get('c'), undefined)
  assert.equal(secondPools.drained, 1)
})

test('new hosts: those that stay keep connections and stats, those that go are drained', () => {
  const { manager, add, reports, main } = setUp()
  add({ name: 'c', type: 'STRICT_DNS', loadAssignment: assignment(9) })
  assert.deepEqual(ports(manager.get('c')?.hosts()), [], 'names are no hosts')
  main.setHosts('c', assignment(1, 2))
  const cluster = manager.get('c')!
  const [one, two] = cluster.hosts() as [Host, Host]
  const balancer = cluster.loadBalancer
  const [onePools, twoPools] = [draining(one), draining(two)]
  main.setHosts('c', assignment(2, 3))
  assert.deepEqual(ports(cluster.hosts()), [2, 3])
  assert.equal(cluster.hosts()[0], two)
  assert.notEqual(cluster.loadBalancer, balancer)
  assert.deepEqual([onePools.drained, twoPools.drained], [1, 0])
  assert.deepEqual(
    reports.map(report => report.rows.length),
    [2, 1],
  )
  main.setHosts('c', assignment())
  assert.equal(cluster.loadBalancer.chooseHost(null), null)
  assert.equal(twoPools.drained, 1)
})

test('close_connections_on_host_set_change: hosts that stay begin with new connections', () => {
  const { manager, add, main } = setUp()
  const commonLbConfig = { closeConnectionsOnHostSetChange: true }
  add({ name: 'c', type: 'STRICT_DNS', loadAssignment: assignment(9), commonLbConfig })
  main.setHosts('c', assignment(1, 2))
  const [one] = manager.get('c')!.hosts() as [Host]
  const pools = draining(one)
  main.setHosts('c', assignment(1))
  assert.equal(manager.get('c')?.hosts()[0], one)
  assert.deepEqual([pools.drained, one.pools], [1, null])
})

test('hosts that arrive before the first use are there at the first use', () => {
  const { manager, add, main } = setUp()
  add({ name: 'c', type: 'STRICT_DNS', loadAssignment: assignment(9) })
  main.setHosts('c', assignment(4))
  assert.deepEqual(ports(manager.get('c')?.hosts()), [4])
  main.setHosts('gone', assignment(4))
  assert.equal(manager.get('gone'), undefined)
})

test('the same endpoint twice is two hosts, and both survive an update', () => {
  const { manager, add, main } = setUp()
  add({ name: 'c', loadAssignment: assignment(1, 1, 2) })
  const cluster = manager.get('c')!
  const before = cluster.hosts()
  assert.deepEqual(ports(before), [1, 1, 2])
  main.setHosts('c', assignment(1, 1))
  assert.deepEqual(cluster.hosts(), before.slice(0, 2))
  assert.notEqual(cluster.hosts()[0], cluster.hosts()[1])
})

test('failed health: the next request finds another host, idle connections to the failed one end', () => {
  const { manager, add, main } = setUp()
  add({ name: 'c', loadAssignment: assignment(1, 2, 3) })
  const cluster = manager.get('c')!
  const [one, two] = cluster.hosts() as [Host, Host]
  const [onePools, twoPools] = [draining(one), draining(two)]
  main.setHealth('c', one.key, FailedActiveHealthCheck)
  assert.deepEqual([onePools.drained, twoPools.drained, one.pools], [1, 0, null])
  const chosen = Array.from({ length: 6 }, () => cluster.loadBalancer.chooseHost(null)?.address.port)
  assert.deepEqual(new Set(chosen), new Set([2, 3]))
  main.setHealth('c', one.key, 0, FailedActiveHealthCheck)
  assert.ok(Array.from({ length: 3 }, () => cluster.loadBalancer.chooseHost(null)).includes(one))
  assert.equal(onePools.drained, 1)
})

const many = (from: number, count: number): ClusterLoadAssignmentJson =>
  assignment(...Array.from({ length: count }, (_, index) => from + index))
const counted = (manager: ClusterManager): number | undefined => manager.get('c')?.hosts().length

test('many hosts come in slices: until the last one is there, the old ones serve', async () => {
  const { manager, add, main } = setUp()
  add({ name: 'c', type: 'STRICT_DNS', loadAssignment: assignment(9) })
  main.setHosts('c', assignment(1))
  const [one] = manager.get('c')!.hosts()
  const loaded = main.setHosts('c', many(1, 2000))
  assert.ok(loaded instanceof Promise)
  assert.equal(counted(manager), 1)
  await loaded
  assert.equal(counted(manager), 2000)
  assert.equal(manager.get('c')?.hosts()[0], one)
  await main.setHosts('c', many(1, 1999))
  assert.equal(counted(manager), 1999)
})

test('newer hosts overtake those that are still coming; the first request waits for nothing', async () => {
  const { manager, add, main } = setUp()
  add({ name: 'c', type: 'STRICT_DNS', loadAssignment: assignment(9) })
  const first = main.setHosts('c', many(1, 3000))
  const second = main.setHosts('c', many(5000, 1500))
  assert.equal(counted(manager), 1500)
  await Promise.all([first, second])
  assert.equal(counted(manager), 1500)
  assert.equal(manager.get('c')?.hosts()[0]?.address.port, 5000)
  const third = main.setHosts('c', many(1, 3000))
  manager.apply({ kind: 'cluster_removed', name: 'c' })
  await third
  assert.equal(manager.get('c'), undefined)
})

test('what has changed of hosts is found out by those that overtake them as well', async () => {
  const { manager, add, main } = setUp()
  add({ name: 'c', type: 'STRICT_DNS', loadAssignment: assignment(9) })
  await main.setHosts('c', many(1, 2000))
  assert.equal(counted(manager), 2000)
  const lbEndpoints = Array.from({ length: 2000 }, (_, at) => endpointJson(at + 1, { loadBalancingWeight: 5 }))
  const heavier = { clusterName: 'c', endpoints: [{ lbEndpoints }] } as ClusterLoadAssignmentJson
  await Promise.all([main.setHosts('c', heavier), main.setHosts('c', heavier)])
  assert.ok(
    manager
      .get('c')
      ?.hosts()
      .every(({ weight }) => weight === 5),
  )
})

test('of many hosts some fail: the old snapshot serves while the new one is made, then they are let go', async () => {
  const { manager, add, main } = setUp()
  add({ name: 'c', type: 'STRICT_DNS', loadAssignment: assignment(9) })
  await main.setHosts('c', many(1, 2000))
  const cluster = manager.get('c')!
  const [first, second] = cluster.hosts() as [Host, Host]
  const [one, two] = [draining(first), draining(second)]
  const before = cluster.hostSet
  main.setHealth('c', first.key, FailedActiveHealthCheck)
  main.setHealth('c', second.key, FailedActiveHealthCheck)
  assert.equal(cluster.hostSet, before)
  assert.deepEqual([one.drained, two.drained], [0, 0])
  while (cluster.hostSet === before || one.drained === 0) await new Promise(resolve => setImmediate(resolve))
  assert.equal(cluster.hostSet.priorities[0]?.healthy.length, 1998)
  assert.deepEqual([one.drained, two.drained, first.pools], [1, 1, null])
})

test('an update changes what a host is like, where it stands and in which order', () => {
  const { manager, add, main } = setUp()
  add({ name: 'c', type: 'STRICT_DNS', loadAssignment: assignment(9) })
  main.setHosts('c', assignment(1, 2))
  const [one, two] = manager.get('c')!.hosts() as [Host, Host]
  const zone = (name: string, lbEndpoints: object[]) => ({ priority: 1, locality: { zone: name }, lbEndpoints })
  const changed = endpointJson(1, { loadBalancingWeight: 7, metadata: { filterMetadata: { x: { name: 'Zoë' } } } })
  main.setHosts('c', { endpoints: [zone('a', [endpointJson(2)]), zone('b', []), zone('c', [changed])] } as never)
  assert.deepEqual(manager.get('c')?.hosts(), [two, one])
  assert.deepEqual([one.weight, one.locality.zone, one.priority], [7, 'c', 1])
  assert.deepEqual(one.metadata, { x: { name: 'Zoë' } })
  assert.deepEqual([two.weight, two.locality.zone, two.priority], [1, 'a', 1])
})

test('a large cluster is made ready when it comes, a small one at its first request', () => {
  const { manager, add } = setUp()
  add({ name: 'small', loadAssignment: many(1, 10) })
  add({ name: 'large', loadAssignment: many(1, 2000) })
  assert.deepEqual(
    [...manager.inflated()].map(({ name }) => name),
    ['large'],
  )
})
