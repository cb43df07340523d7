import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BalancerPlan } from '../balancer-plan.ts'
import type { Host } from '../host.ts'
import { TestWorker } from '../load-balancer/testing.ts'
import { endpointJson } from '../testing.ts'
import { explainBalancing } from './explain-balancing.ts'

interface Group {
  readonly zone?: string
  readonly priority?: number
  readonly weight?: number
  readonly hosts: readonly object[]
}

let port = 0
const healthy = (extra: object = {}) => endpointJson(++port, extra)
const unhealthy = () => endpointJson(++port, { healthStatus: 'UNHEALTHY' })
const degraded = () => endpointJson(++port, { healthStatus: 'DEGRADED' })

/** The explanation, and what a worker really does with the same cluster. */
function explain(groups: readonly Group[], extra: object = {}, local: readonly Group[] | null = null) {
  const worker = new TestWorker({ zone: 'a', ...(local === null ? {} : { localClusterName: 'me' }) })
  const endpoints = (list: readonly Group[]) =>
    list.map(({ zone, priority = 0, weight, hosts }) => ({
      priority,
      lbEndpoints: hosts,
      ...(zone === undefined ? {} : { locality: { zone } }),
      ...(weight === undefined ? {} : { loadBalancingWeight: weight }),
    }))
  const cluster = worker.add({ name: 'c', loadAssignment: { endpoints: endpoints(groups) }, ...extra })
  const me = local === null ? null : worker.add({ name: 'me', loadAssignment: { endpoints: endpoints(local) } })
  const { balancer: plan, healthyPanicThreshold: panicThreshold } = cluster.plan as { balancer: BalancerPlan } & {
    healthyPanicThreshold: number
  }
  const explained = explainBalancing({ plan, set: cluster.hostSet, local: me?.hostSet ?? null, panicThreshold })
  const counts = new Map<Host, number>()
  for (let i = 0; i < 20_000; i++) {
    const host = cluster.chooseHost(null)
    if (host !== null) counts.set(host, (counts.get(host) ?? 0) + 1)
  }
  for (const [index, host] of cluster.hostSet.priorities.flatMap(({ hosts }) => hosts).entries()) {
    const share = explained.hosts[index]?.share
    if (share === null || share === undefined) continue
    const real = (counts.get(host) ?? 0) / 20_000
    assert.ok(Math.abs(real - share) < 0.015, `${host.addressText}: explained ${share}, real ${real}`)
  }
  return explained
}

const reasons = (explained: ReturnType<typeof explain>) => explained.hosts.map(host => host.reasons[0])

test('shares are what really happens: health, weights, priorities, degraded hosts, panic', () => {
  explain([{ hosts: [healthy({ loadBalancingWeight: 3 }), healthy(), unhealthy()] }])
  explain([{ hosts: [healthy(), healthy(), healthy()] }], { lbPolicy: 'RANDOM' })
  const spilling = explain([
    { hosts: [healthy(), unhealthy()] },
    { priority: 1, hosts: [healthy(), healthy()] },
    { priority: 2, hosts: [healthy()] },
  ])
  assert.deepEqual(
    spilling.priorities.map(({ healthyLoad }) => healthyLoad),
    [70, 30, 0],
  )
  assert.deepEqual(reasons(spilling), [
    'it is healthy',
    'it is not healthy',
    'it is healthy',
    'it is healthy',
    'priority 2 gets nothing, because priorities before it can take all',
  ])
  const mixed = explain([{ hosts: [healthy(), degraded(), degraded(), unhealthy()] }])
  assert.equal(reasons(mixed)[1], 'it is degraded, and healthy hosts do not suffice')
  const panic = explain([{ hosts: [healthy(), unhealthy(), unhealthy(), unhealthy()] }])
  assert.equal(reasons(panic)[0], 'priority 0 is in panic, so health does not count')
  assert.equal(panic.hosts[1]?.healthFlags, '/failed_eds_health')
})

test('localities: by weight, and by zone', () => {
  const weighted = explain(
    [
      { zone: 'a', weight: 1, hosts: [healthy(), healthy()] },
      { zone: 'b', weight: 3, hosts: [healthy(), unhealthy()] },
      { zone: 'c', hosts: [healthy()] },
    ],
    { commonLbConfig: { localityWeightedLbConfig: {} } },
  )
  assert.equal(reasons(weighted)[4], 'its locality has no weight')
  const three = (zone: string) => ({ zone, hosts: [healthy(), healthy(), healthy()] })
  const local = [
    { zone: 'a', hosts: [healthy()] },
    { zone: 'b', hosts: [healthy()] },
  ]
  const direct = explain([three('a'), three('b')], {}, local)
  assert.equal(direct.zoneRouting?.state, 'direct')
  assert.equal(reasons(direct)[3], 'zone aware routing sends nothing to its zone')
  const residual = explain([{ zone: 'a', hosts: [healthy(), healthy()] }, three('b'), three('c')], {}, local)
  assert.equal(residual.zoneRouting?.state, 'residual')
  assert.deepEqual(explain([three('a'), three('b')]).zoneRouting, { state: 'off', reason: 'no_local_cluster' })
})

test('where requests decide, no share is claimed', () => {
  const subset = explain([{ hosts: [healthy()] }], { lbSubsetConfig: { subsetSelectors: [{ keys: ['v'] }] } })
  assert.deepEqual(subset.policies, ['subset', 'round_robin'])
  assert.equal(subset.hosts[0]?.share, null)
  assert.equal(explain([{ hosts: [healthy()] }], { lbPolicy: 'MAGLEV' }).hosts[0]?.share, null)
})
