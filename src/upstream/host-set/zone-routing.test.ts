import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Host } from '../host.ts'
import { testHost } from '../testing.ts'
import { hostSet, type PriorityHosts } from './host-set.ts'
import { zoneRouting } from './zone-routing.ts'

const PLAN = { minClusterSize: 6, forceLocalMinSize: null, byWeight: false }
const zone = (name: string) => ({ region: '', zone: name, subZone: '' })

/** Zone -> number of healthy hosts, or the hosts. This proxy is in zone a. */
function hosts(zones: Record<string, number | readonly Host[]>): PriorityHosts {
  const groups = Object.entries(zones).map(([name, list]) => ({
    locality: zone(name),
    weight: 0,
    priority: 0,
    hosts: typeof list === 'number' ? Array.from({ length: list }, () => testHost()) : list,
  }))
  const set = hostSet(groups, { overprovisioningFactor: 140, weightedPriorityHealth: false }, zone('a'))
  return set.priorities[0] as PriorityHosts
}

test('what fits stays: an upstream share as large as the local one takes everything', () => {
  assert.deepEqual(zoneRouting(hosts({ a: 3, b: 3 }), hosts({ a: 2, b: 2 }), PLAN), { state: 'direct' })
  assert.deepEqual(zoneRouting(hosts({ a: 4, b: 3 }), hosts({ a: 2, b: 2 }), PLAN), { state: 'direct' })
})

test('what does not fit goes where capacity is left, in proportion', () => {
  // 40/40/20 % of the callers, 25/50/25 % of the hosts: 62.5 % stays, the rest splits 10 to 5.
  assert.deepEqual(zoneRouting(hosts({ a: 2, b: 4, c: 2 }), hosts({ a: 2, b: 2, c: 1 }), PLAN), {
    state: 'residual',
    localShare: 6250,
    residual: [0, 1000, 1500],
  })
})

test('without hosts in the own zone everything crosses', () => {
  assert.deepEqual(zoneRouting(hosts({ b: 3, c: 3 }), hosts({ a: 1, b: 1 }), PLAN), {
    state: 'residual',
    localShare: 0,
    residual: [0, 5000],
  })
})

test('the reasons not to look at zones', () => {
  const reason = (upstream: PriorityHosts, local: PriorityHosts, plan = PLAN) => {
    const routing = zoneRouting(upstream, local, plan)
    return routing.state === 'off' ? routing.reason : routing.state
  }
  const even = hosts({ a: 3, b: 3 })
  assert.equal(reason(hosts({ a: 6 }), even), 'one_upstream_locality')
  assert.equal(reason(even, hosts({ a: 6 })), 'one_local_locality')
  assert.equal(reason(even, hosts({ b: 1, c: 1 })), 'local_cluster_not_here')
  assert.equal(reason(even, hosts({ a: 0, b: 1 })), 'local_cluster_not_here')
  assert.equal(reason(hosts({ a: 2, b: 3 }), even), 'cluster_too_small')
  assert.equal(reason(hosts({ a: 2, b: 3 }), even, { ...PLAN, minClusterSize: 5 }), 'residual')
})

test('force_local_zone keeps everything as long as enough hosts are healthy here', () => {
  const local = hosts({ a: 6 })
  const forced = (minSize: number) => zoneRouting(hosts({ a: 2, b: 6 }), local, { ...PLAN, forceLocalMinSize: minSize })
  assert.equal(forced(2).state, 'direct')
  assert.equal(forced(3).state, 'residual')
})

test('by weight, a heavy host counts for what it weighs', () => {
  const upstream = hosts({ a: [testHost({ weight: 4 })], b: [1, 1, 1, 1, 1].map(weight => testHost({ weight })) })
  const local = hosts({ a: 1, b: 1 })
  assert.deepEqual(zoneRouting(upstream, local, PLAN), { state: 'residual', localShare: 3332, residual: [0, 3333] })
  assert.deepEqual(zoneRouting(upstream, local, { ...PLAN, byWeight: true }), {
    state: 'residual',
    localShare: 8888,
    residual: [0, 555],
  })
})
