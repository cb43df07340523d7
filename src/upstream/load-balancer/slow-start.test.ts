import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Clock } from '../../base/index.ts'
import { FailedActiveHealthCheck } from '../health.ts'
import { endpointJson, testHost } from '../testing.ts'
import { SlowStart } from './slow-start.ts'
import { policy, TestWorker } from './testing.ts'

const PLAN = { windowMs: 10_000, aggression: 1, aggressionKey: '', minWeight: 0.1 }

function factorAt(ageMs: number, aggression = 1, minWeight = 0.1): number {
  const clock = new Clock({ monotonicMs: () => 100_000, wallMs: () => 0 })
  const slowStart = new SlowStart({ ...PLAN, minWeight }, aggression, clock)
  return slowStart.factor(testHost({ sinceMs: 100_000 - ageMs }))
}

test('the weight grows with the time in health, from a tenth', () => {
  assert.equal(factorAt(0), 0.1)
  assert.equal(factorAt(500), 0.1)
  assert.equal(factorAt(2500), 0.25)
  assert.equal(factorAt(10_000), 1)
  assert.equal(factorAt(2500, 2), 0.5)
  assert.equal(factorAt(2500, 0.5), 0.1)
  assert.equal(factorAt(0, 1, 0.3), 0.3)
})

const EVEN = { endpoints: [{ lbEndpoints: [endpointJson(1), endpointJson(2)] }] }

/** Shares of port 2 right after it recovers, and 1.5, 2.5 and 6 seconds later. */
function sharesAfterRecovery(extra: object): number[] {
  const worker = new TestWorker()
  worker.add({ name: 'c', loadAssignment: EVEN, ...extra })
  worker.main.setHealth('c', '127.0.0.1:2', FailedActiveHealthCheck)
  worker.pass(60_000)
  worker.main.setHealth('c', '127.0.0.1:2', 0, FailedActiveHealthCheck)
  return [0, 1500, 1000, 3500].map(ms => {
    worker.pass(ms)
    return (worker.tally('c', 2000)[2] ?? 0) / 2000
  })
}

test('a host that recovers climbs to its full share, under round robin and least request', () => {
  const slowStartConfig = { slowStartWindow: '5s' }
  for (const extra of [
    { roundRobinLbConfig: { slowStartConfig } },
    { lbPolicy: 'LEAST_REQUEST', leastRequestLbConfig: { slowStartConfig } },
    { loadBalancingPolicy: policy('round_robin.v3.RoundRobin', { slowStartConfig }) },
  ]) {
    const [first, second, third, last] = sharesAfterRecovery(extra) as [number, number, number, number]
    // Weights 0.1, 0.3, 0.5 and 1 against 1.
    assert.ok(Math.abs(first - 0.1 / 1.1) < 0.01, `first ${first}`)
    assert.ok(Math.abs(second - 0.3 / 1.3) < 0.01, `second ${second}`)
    assert.ok(Math.abs(third - 0.5 / 1.5) < 0.01, `third ${third}`)
    assert.ok(Math.abs(last - 0.5) < 0.01, `last ${last}`)
  }
})

test('without slow start a host that recovers gets its share at once', () => {
  assert.equal(sharesAfterRecovery({})[0], 0.5)
})

test('a host that comes while the worker is idle starts slowly too: the clock is asked', () => {
  const worker = new TestWorker()
  const roundRobinLbConfig = { slowStartConfig: { slowStartWindow: '5s' } }
  worker.add({ name: 'c', type: 'STRICT_DNS', loadAssignment: {}, roundRobinLbConfig })
  worker.main.setHosts('c', { endpoints: [{ lbEndpoints: [endpointJson(1)] }] } as never)
  worker.tally('c', 1)
  // Nothing has moved the thread's clock for a minute.
  worker.nowMs += 60_000
  worker.main.setHosts('c', EVEN as never)
  const share = (worker.tally('c', 1100)[2] ?? 0) / 1100
  assert.ok(Math.abs(share - 0.1 / 1.1) < 0.01, String(share))
})
