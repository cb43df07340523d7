import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Clock } from '../../../base/index.ts'
import { DynamicBuckets, dynamicCells } from './dynamic-buckets.ts'

const CLOCK = new Clock({ monotonicMs: () => 0, wallMs: () => 0 })
const ONE = { maxTokens: 1, tokensPerFill: 1, fillIntervalMs: 1e9 }

const tables = (capacity: number, count: number): DynamicBuckets[] => {
  const cells = new BigInt64Array(new SharedArrayBuffer(dynamicCells(capacity) * 8))
  return Array.from({ length: count }, () => new DynamicBuckets(ONE, capacity, cells))
}

test('each value has its bucket, the same for every thread', () => {
  const [one, other] = tables(20, 2) as [DynamicBuckets, DynamicBuckets]
  assert.equal(one.bucket('a').tryTake(CLOCK), true)
  assert.equal(other.bucket('a').tryTake(CLOCK), false)
  assert.equal(other.bucket('b').tryTake(CLOCK), true)
  assert.equal(one.bucket('b').tryTake(CLOCK), false)
})

test('the least recently used one goes, whoever used it', () => {
  const [one, other] = tables(3, 2) as [DynamicBuckets, DynamicBuckets]
  for (const value of ['a', 'b', 'c']) one.bucket(value).tryTake(CLOCK)
  other.bucket('a')
  other.bucket('d').tryTake(CLOCK)
  const full = (value: string): boolean => one.bucket(value).tryTake(CLOCK)
  assert.deepEqual([full('a'), full('c'), full('d')], [false, false, false])
  assert.equal(full('b'), true)
})

test('values without end take no memory, and those in use keep their buckets', () => {
  const [one] = tables(1000, 1) as [DynamicBuckets]
  one.bucket('regular').tryTake(CLOCK)
  for (let i = 0; i < 5000; i++) {
    one.bucket(`invented ${i}`).tryTake(CLOCK)
    assert.equal(one.bucket('regular').tryTake(CLOCK), false)
  }
})
