import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Route } from '../http/index.ts'
import type { StreamInfo } from '../observability/index.ts'
import type { Cluster, Host } from '../upstream/index.ts'
import { TestWorker } from '../upstream/load-balancer/testing.ts'
import { endpointJson } from '../upstream/testing.ts'
import { RouterLoadBalancerContext } from './load-balancer-context.ts'
import { complaints, head, streamInfo, table } from './route-table/testing.ts'

const RETRY = 'type.googleapis.com/envoy.extensions.retry'
const PREVIOUS_HOSTS = { '@type': `${RETRY}.host.previous_hosts.v3.PreviousHostsPredicate` }
const OMIT_CANARY = { '@type': `${RETRY}.host.omit_canary_hosts.v3.OmitCanaryHostsPredicate` }
const omitMetadata = (fields: object) => ({
  '@type': `${RETRY}.host.omit_host_metadata.v3.OmitHostMetadataConfig`,
  metadataMatch: { filterMetadata: { 'envoy.lb': fields } },
})
const priorities = (updateFrequency: number) => ({
  retryPriority: {
    name: 'p',
    typedConfig: { '@type': `${RETRY}.priority.previous_priorities.v3.PreviousPrioritiesConfig`, updateFrequency },
  },
})
const predicates = (...configs: object[]) => ({
  retryHostPredicate: configs.map(typedConfig => ({ name: 'p', typedConfig })),
  hostSelectionRetryMaxAttempts: '50',
})

function routes(route: object): object {
  return { virtualHosts: [{ name: 'v', domains: ['*'], routes: [{ match: { prefix: '/' }, route }] }] }
}

function context(retryPolicy: object | null, route: object = {}, info: StreamInfo = streamInfo()) {
  const policy = retryPolicy === null ? {} : { retryPolicy: { retryOn: '5xx', ...retryPolicy } }
  const compiled = table(routes({ cluster: 'c', ...policy, ...route }))
  const headers = head({})
  const found = compiled.route(headers, info, 0) as Route
  return new RouterLoadBalancerContext(found, { retryPolicy: null, hashPolicy: null }, headers, info)
}

const lb = (fields: object) => ({ metadata: { filterMetadata: { 'envoy.lb': fields } } })

function cluster(...levels: object[][]): { worker: TestWorker; cluster: Cluster } {
  const worker = new TestWorker()
  const endpoints = levels.map((lbEndpoints, priority) => ({ priority, lbEndpoints }))
  return { worker, cluster: worker.add({ name: 'c', loadAssignment: { endpoints } }) }
}

test('a retry does not go where the request has been', () => {
  const { worker, cluster: target } = cluster([endpointJson(1), endpointJson(2), endpointJson(3)])
  const wishes = context(predicates(PREVIOUS_HOSTS))
  assert.deepEqual(worker.tally('c', 30, wishes), { 1: 10, 2: 10, 3: 10 })
  wishes.onHostAttempted(target.hosts()[0] as Host)
  wishes.onHostAttempted(target.hosts()[2] as Host)
  assert.deepEqual(worker.tally('c', 30, wishes), { 2: 30 })
})

test('a retry leaves out canaries and hosts with certain metadata; the first attempt does not', () => {
  const { worker, cluster: target } = cluster([
    endpointJson(1, lb({ canary: true })),
    endpointJson(2, lb({ stage: 'dev', rack: 'a' })),
    endpointJson(3, lb({ stage: 'prod', rack: 'a' })),
  ])
  const rows: [object, object][] = [
    [predicates(OMIT_CANARY), { 2: 15, 3: 15 }],
    [predicates(omitMetadata({ stage: 'dev', rack: 'a' })), { 1: 15, 3: 15 }],
    [predicates(omitMetadata({ stage: 'dev', rack: 'b' })), { 1: 10, 2: 10, 3: 10 }],
    [predicates(omitMetadata({})), { 1: 10, 2: 10, 3: 10 }],
    [predicates(OMIT_CANARY, omitMetadata({ stage: 'dev' })), { 3: 30 }],
  ]
  for (const [policy, expected] of rows) {
    const wishes = context(policy)
    assert.deepEqual(worker.tally('c', 30, wishes), { 1: 10, 2: 10, 3: 10 })
    wishes.onHostAttempted(target.hosts()[2] as Host)
    const picks = worker.tally('c', 3000, wishes)
    for (const port of [1, 2, 3]) {
      const share = ((expected as Record<number, number>)[port] ?? 0) / 30
      assert.ok(Math.abs((picks[port] ?? 0) / 3000 - share) < 0.17, JSON.stringify([policy, picks]))
      if (share === 0) assert.equal(picks[port], undefined)
    }
  }
})

test('previous_priorities: retries go to priorities that have not been tried, then begin anew', () => {
  const { worker, cluster: target } = cluster([endpointJson(1)], [endpointJson(2)], [endpointJson(3)])
  const [first, second, third] = target.hosts() as [Host, Host, Host]
  const wishes = context(priorities(1))
  assert.deepEqual(worker.tally('c', 10, wishes), { 1: 10 })
  wishes.onHostAttempted(first)
  assert.deepEqual(worker.tally('c', 10, wishes), { 2: 10 })
  wishes.onHostAttempted(second)
  assert.deepEqual(worker.tally('c', 10, wishes), { 3: 10 })
  wishes.onHostAttempted(third)
  assert.deepEqual(worker.tally('c', 10, wishes), { 1: 10 })
  wishes.onHostAttempted(first)
  assert.deepEqual(worker.tally('c', 10, wishes), { 2: 10 })
})

test('previous_priorities: every second try', () => {
  const { worker, cluster: target } = cluster([endpointJson(1)], [endpointJson(2)])
  const wishes = context(priorities(2))
  wishes.onHostAttempted(target.hosts()[0] as Host)
  assert.deepEqual(worker.tally('c', 10, wishes), { 1: 10 })
  wishes.onHostAttempted(target.hosts()[0] as Host)
  assert.deepEqual(worker.tally('c', 10, wishes), { 2: 10 })
})

test('an aggregate cluster fails over to its next cluster when its first has been tried', () => {
  const worker = new TestWorker()
  const typedConfig = {
    '@type': 'type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig',
    clusters: ['x', 'y'],
  }
  worker.add({ name: 'c', lbPolicy: 'CLUSTER_PROVIDED', clusterType: { name: 'a', typedConfig } })
  const loadAssignment = (port: number) => ({ endpoints: [{ lbEndpoints: [endpointJson(port)] }] })
  const x = worker.add({ name: 'x', loadAssignment: loadAssignment(1) })
  worker.add({ name: 'y', loadAssignment: loadAssignment(2) })
  const wishes = context(priorities(1))
  assert.deepEqual(worker.tally('c', 10, wishes), { 1: 10 })
  wishes.onHostAttempted(x.hosts()[0] as Host)
  assert.deepEqual(worker.tally('c', 10, wishes), { 2: 10 })
})

test('dynamic metadata narrows the subset, filters name hosts', () => {
  const info = streamInfo()
  const metadataMatch = { filterMetadata: { 'envoy.lb': { stage: 'prod', v: '1' } } }
  const plain = context(null, { metadataMatch })
  assert.deepEqual(plain.metadataMatch, { stage: 'prod', v: '1' })
  info.dynamicMetadata = new Map([
    ['envoy.lb', { v: '2' }],
    ['ns', { a: { b: 'deep' } }],
  ])
  info.upstreamOverrideHost = '127.0.0.1:2'
  const wishes = context(null, { metadataMatch }, info)
  assert.deepEqual(wishes.metadataMatch, { stage: 'prod', v: '2' })
  assert.equal(wishes.metadataMatch, wishes.metadataMatch)
  assert.equal(wishes.metadataValue('ns', ['a', 'b']), 'deep')
  assert.equal(wishes.metadataValue('ns', ['a', 'b', 'c']), undefined)
  assert.deepEqual([wishes.overrideHost, wishes.overrideHostStrict], ['127.0.0.1:2', false])
})

test('predicates and priorities that nobody knows are refused', () => {
  const unknown = { '@type': 'type.googleapis.com/x.v1.Y' }
  const refused = complaints(
    routes({
      cluster: 'c',
      retryPolicy: { ...predicates(unknown), retryPriority: { name: 'p', typedConfig: unknown } },
    }),
  )
  assert.match(refused.join('\n'), /retry_host_predicate\[0\]\.typed_config: unknown retry host predicate/)
  assert.match(refused.join('\n'), /retry_priority\.typed_config: unknown retry priority/)
})
