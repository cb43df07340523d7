import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadAvoiding, type PriorityHealth, priorityLoad } from './priority-load.ts'

function priority(total: number, healthy: number, degraded = 0, excluded = 0): PriorityHealth {
  const weights = { healthyWeight: healthy, degradedWeight: degraded, totalWeight: total - excluded }
  return { total, healthy, degraded, excluded, ...weights }
}

function load(priorities: readonly PriorityHealth[], factor = 140, threshold = 50) {
  return priorityLoad(priorities, factor, threshold)
}

test('P0 keeps its load until its health, times 1.4, falls below 100 %', () => {
  const expected: [number, number][] = [
    [100, 100],
    [72, 100],
    [71, 99],
    [50, 70],
    [30, 42],
    [25, 35],
    [0, 0],
  ]
  for (const [healthy, share] of expected) {
    assert.deepEqual(load([priority(100, healthy), priority(100, 100)]).healthy, [share, 100 - share], `${healthy} %`)
  }
})

test('three levels', () => {
  const levels = (a: number, b: number, c: number) =>
    load([priority(100, a), priority(100, b), priority(100, c)], 140, 0)
  assert.deepEqual(levels(25, 25, 100).healthy, [35, 35, 30])
  // 35, 35 and 28 of 98 %; what rounding leaves over goes to the first.
  assert.deepEqual(levels(25, 25, 20).healthy, [37, 35, 28])
})

test('the overprovisioning factor', () => {
  assert.deepEqual(load([priority(10, 5), priority(10, 10)], 200).healthy, [100, 0])
  assert.deepEqual(load([priority(10, 4), priority(10, 10)], 200).healthy, [80, 20])
})

test('degraded hosts take what healthy ones leave', () => {
  const shares = (healthy: number, degraded: number): [number, number] => {
    const result = load([priority(100, healthy, degraded)], 140, 0)
    return [result.healthy[0] as number, result.degraded[0] as number]
  }
  assert.deepEqual(shares(100, 0), [100, 0])
  assert.deepEqual(shares(71, 0), [100, 0])
  assert.deepEqual(shares(71, 29), [99, 1])
  assert.deepEqual(shares(25, 65), [35, 65])
  assert.deepEqual(shares(5, 0), [100, 0])
  const six = load([priority(6, 2, 1)], 140, 0)
  assert.deepEqual([six.healthy[0], six.degraded[0]], [67, 33])
})

test('panic is per priority and only while there is not enough health in all', () => {
  const both = load([priority(100, 25), priority(100, 25)])
  assert.deepEqual(
    [both.healthy, both.panic],
    [
      [50, 50],
      [true, true],
    ],
  )
  const first = load([priority(100, 5), priority(100, 65)])
  assert.deepEqual(
    [first.healthy, first.panic],
    [
      [8, 92],
      [true, false],
    ],
  )
  assert.deepEqual(load([priority(100, 5), priority(100, 72)]).panic, [false, false])
  assert.deepEqual(load([priority(4, 2)]).panic, [false])
  assert.deepEqual(load([priority(4, 1)]).panic, [true])
})

test('in total panic the load follows the number of hosts', () => {
  assert.deepEqual(load([priority(1, 0), priority(2, 0)]).healthy, [34, 66])
  assert.deepEqual(load([priority(0, 0), priority(3, 0)]).healthy, [0, 100])
  assert.deepEqual(load([priority(0, 0), priority(0, 0)]).healthy, [100, 0])
})

test('a threshold of 0 never panics', () => {
  const result = load([priority(4, 1), priority(4, 1)], 140, 0)
  assert.deepEqual(
    [result.healthy, result.panic],
    [
      [50, 50],
      [false, false],
    ],
  )
  const none = load([priority(4, 0)], 140, 0)
  assert.deepEqual([none.healthy, none.degraded, none.panic], [[100], [0], [false]])
})

test('excluded hosts do not count', () => {
  assert.deepEqual(load([priority(10, 5, 0, 5), priority(10, 10)]).healthy, [100, 0])
})

test('whatever the health, the loads add up to 100', () => {
  for (let seed = 0; seed < 2000; seed++) {
    const priorities = [0, 1, 2].map(level => {
      const total = (seed * (7 + level)) % 13
      const healthy = total === 0 ? 0 : (seed * 3 + level) % (total + 1)
      const degraded = total - healthy === 0 ? 0 : (seed + level) % (total - healthy + 1)
      return priority(total, healthy, degraded)
    })
    const result = load(priorities, 140, seed % 101)
    const total = [...result.healthy, ...result.degraded].reduce((sum, value) => sum + value, 0)
    assert.equal(total, 100, JSON.stringify(priorities))
  }
})

test('a retry leaves out the priorities that have been tried, until none is left', () => {
  const all = load([priority(4, 4), priority(4, 2), priority(4, 0, 4)])
  assert.deepEqual(loadAvoiding(all, new Set([0]))?.healthy, [0, 70, 0])
  assert.deepEqual(loadAvoiding(all, new Set([0]))?.degraded, [0, 0, 30])
  assert.deepEqual(loadAvoiding(all, new Set([0, 1]))?.degraded, [0, 0, 100])
  assert.equal(loadAvoiding(all, new Set([0, 1, 2])), null)
})
