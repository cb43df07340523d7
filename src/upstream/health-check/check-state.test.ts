import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runtimeSnapshot } from '../../config/index.ts'
import { Changed, ChangePending, CheckState, Unchanged } from './check-state.ts'
import { nextIntervalMs } from './intervals.ts'

const state = (unhealthyThreshold: number, healthyThreshold: number) =>
  new CheckState({ unhealthyThreshold, healthyThreshold })

test('the first answer decides alone; later ones need the threshold in a row', () => {
  const host = state(2, 3)
  assert.deepEqual([host.passed(false), host.failed], [Changed, false])
  assert.deepEqual([host.notPassed(false, false), host.failed], [ChangePending, false])
  assert.equal(host.passed(false), Unchanged)
  assert.equal(host.notPassed(false, false), ChangePending)
  assert.deepEqual([host.notPassed(false, false), host.failed], [Changed, true])
  assert.deepEqual([host.passed(false), host.passed(false)], [ChangePending, ChangePending])
  assert.equal(host.notPassed(false, false), Unchanged)
  const back = [host.passed(false), host.passed(false), host.passed(false)]
  assert.deepEqual([back, host.failed], [[ChangePending, ChangePending, Changed], false])
})

test('a first failure makes no later pass the first one', () => {
  const host = state(1, 2)
  assert.equal(host.notPassed(false, true), Unchanged)
  assert.deepEqual([host.timedOut, host.passed(false), host.passed(false)], [true, ChangePending, Changed])
  assert.equal(host.timedOut, false)
})

test('a definite answer fails at once; a time-out is remembered until the next answer', () => {
  const host = state(9, 1)
  host.passed(false)
  assert.deepEqual([host.notPassed(true, false), host.failed, host.timedOut], [Changed, true, false])
  host.notPassed(false, true)
  assert.equal(host.timedOut, true)
  host.notPassed(false, false)
  assert.equal(host.timedOut, false)
})

test('degraded follows the answer without threshold', () => {
  const host = state(1, 1)
  assert.deepEqual([host.passed(true), host.degraded], [Changed, true])
  assert.deepEqual([host.passed(true), host.degraded], [Unchanged, true])
  assert.deepEqual([host.passed(false), host.degraded], [Changed, false])
})

const PLAN = {
  intervalMs: 1000,
  initialJitterMs: 0,
  jitterMs: 0,
  jitterPercent: 0,
  noTrafficMs: 60_000,
  noTrafficHealthyMs: 90_000,
  unhealthyMs: 2000,
  unhealthyEdgeMs: 300,
  healthyEdgeMs: 400,
}

test('intervals: by answer, by a pending change, and by traffic', () => {
  const next = (
    passed: boolean,
    transition: typeof Unchanged | typeof ChangePending | typeof Changed,
    traffic = true,
  ) => nextIntervalMs(PLAN, { passed, transition, traffic }, () => 0.5, runtimeSnapshot([]))
  assert.deepEqual([next(true, Unchanged), next(true, ChangePending), next(true, Changed)], [1000, 400, 1000])
  assert.deepEqual([next(false, Unchanged), next(false, ChangePending), next(false, Changed)], [2000, 300, 2000])
  assert.deepEqual(
    [next(true, Unchanged, false), next(true, ChangePending, false), next(false, Unchanged, false)],
    [90_000, 60_000, 60_000],
  )
})

test('jitter is added, the runtime bounds the result, and no interval is below 1 ms', () => {
  const last = { passed: true, transition: Unchanged, traffic: true } as const
  const next = (plan: object, layers: readonly object[] = [], random = 0.5) =>
    nextIntervalMs({ ...PLAN, ...plan }, last, () => random, runtimeSnapshot(layers))
  assert.equal(next({ jitterMs: 100, jitterPercent: 20 }), 1000 + 100 + 50)
  assert.equal(next({ jitterMs: 100, jitterPercent: 20 }, [], 0), 1000)
  assert.equal(next({}, [{ health_check: { min_interval: 5000 } }]), 5000)
  assert.equal(next({}, [{ health_check: { max_interval: 70 } }]), 70)
  assert.equal(next({ intervalMs: 0.2 }), 1)
})
