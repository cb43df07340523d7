import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HistogramSnapshot } from './histogram.ts'
import { StatReader } from './stat-reader.ts'
import { StatStore } from './stat-store.ts'

function snapshotOf(values: readonly number[]): HistogramSnapshot {
  const reader = new StatReader()
  const store = new StatStore(definitions => reader.define('main', definitions))
  const histogram = store.histogram('h')
  for (const value of values) histogram.record(value)
  store.flush()
  return reader.histogramOf('h') ?? new HistogramSnapshot()
}

/** Numbers in [0, 1), the same in every run. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => (state = (state * 48271) % 2147483647) / 2147483647
}

test('every quantile is within 1 % of the exact one, from microseconds to weeks', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = randomFrom(seed * 7919)
    const spread = 1 + random() * 49
    const values = Array.from({ length: 2000 }, () => 0.001 * 2 ** (random() * spread))
    const snapshot = snapshotOf(values)
    const sorted = values.toSorted((a, b) => a - b)
    assert.equal(snapshot.count, values.length)
    for (const q of [0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 0.99999, 1]) {
      const exact = sorted[Math.max(1, Math.ceil(q * values.length)) - 1]!
      const found = snapshot.quantile(q)
      assert.ok(Math.abs(found - exact) <= exact * 0.01, `seed ${seed}, quantile ${q}: ${found} for ${exact}`)
    }
  }
})

test('a decimal value opens its own bucket', () => {
  for (let value = 1; value < 1000; value++) {
    const [bucket] = snapshotOf([value / 100]).buckets()
    assert.ok(bucket !== undefined)
    assert.ok(bucket.start <= value / 100 && value / 100 < bucket.start + bucket.width, `${value / 100}`)
    if (value >= 100) assert.equal(bucket.start, value / 100)
  }
})

test('zero, negative, tiny and NaN count as 0; infinity as the highest value', () => {
  const snapshot = snapshotOf([0, -5, 0.0001, Number.NaN, Number.POSITIVE_INFINITY])
  const [zeroes, highest] = snapshot.buckets()
  assert.deepEqual(zeroes, { start: 0, width: 0, count: 4 })
  assert.equal(highest?.count, 1)
  assert.ok(Number.isFinite(snapshot.sum))
})

test('nothing recorded: no buckets, NaN quantiles', () => {
  const snapshot = new HistogramSnapshot()
  assert.equal(snapshot.isEmpty, true)
  assert.equal(snapshot.count, 0)
  assert.equal(snapshot.quantile(0.5), Number.NaN)
})

test('an interval is what came between two moments', () => {
  const interval = snapshotOf([1, 5, 5, 700]).since(snapshotOf([1, 5]))
  assert.deepEqual(
    [...interval.buckets()].map(({ start, count }) => [start, count]),
    [
      [5, 1],
      [700, 1],
    ],
  )
})
