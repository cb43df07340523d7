import assert from 'node:assert/strict'
import { test } from 'node:test'
import { descriptorConfig as limit, TestLimiter } from '../testing.ts'
import type { CounterStore } from './counter-store.ts'
import { MemoryCounters } from './memory-counters.ts'
import { OverLimitCache } from './over-limit-cache.ts'

test('an entry lasts to the end of its window, and the oldest make room', () => {
  const cache = new OverLimitCache(3 * 97)
  for (const key of ['a', 'b', 'c']) cache.add(key, 100)
  assert.deepEqual([cache.has('a', 99), cache.has('a', 100), cache.size], [true, false, 2])
  cache.add('d', 100)
  cache.add('e', 100)
  assert.deepEqual(
    ['b', 'c', 'd', 'e'].map(key => cache.has(key, 1)),
    [false, true, true, true],
  )
})

test('the store is not asked about what is known to be over', async () => {
  let asked = 0
  const store = (stats: ConstructorParameters<typeof MemoryCounters>[1]): CounterStore => {
    const counters = new MemoryCounters({ window: 'fixed', maxCounters: 9, stopWhenOver: false }, stats)
    const count = counters.count.bind(counters)
    counters.count = (counts, ...rest) => {
      asked += counts.length
      count(counts, ...rest)
    }
    return counters
  }
  const limiter = new TestLimiter([limit('a', '1/minute'), limit('b', '9/minute')], { store, localCacheBytes: 1000 })
  for (let i = 0; i < 4; i++) await limiter.told('a=1 b=1')
  assert.equal(asked, 2 + 2 + 1 + 1)
  assert.equal(await limiter.told('a=1 b=1'), 'OVER OVER:0/1 OK:4/9')
  assert.equal(limiter.counted()['d.a.over_limit_with_local_cache'], 3)
  assert.equal(limiter.counted()['d.a.over_limit'], 4)
  limiter.nowMs += 60_000
  assert.equal(await limiter.told('a=1'), 'OK OK:0/1')
})
