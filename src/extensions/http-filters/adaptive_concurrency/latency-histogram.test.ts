import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HISTOGRAM_CELLS, LatencyHistogram } from './latency-histogram.ts'

const histogram = (): LatencyHistogram =>
  new LatencyHistogram(new Int32Array(new SharedArrayBuffer(HISTOGRAM_CELLS * 4)))

test('a quantile lies within the bucket of two digits, as far in as its rank', () => {
  const latencies = histogram()
  for (const us of [203_000, 203_999, 209_999]) latencies.record(us)
  assert.equal(latencies.takeQuantile(0.5), 205_000)
  assert.equal(latencies.count, 0)
  assert.equal(latencies.takeQuantile(0.5), 0)
})

test('the smallest and the largest', () => {
  const latencies = histogram()
  assert.equal(latencies.record(0), 1)
  assert.equal(latencies.record(-5), 2)
  assert.equal(latencies.takeQuantile(1), 0)
  latencies.record(1)
  assert.equal(latencies.takeQuantile(0), 1)
  latencies.record(1e12)
  assert.equal(latencies.takeQuantile(1), 1_000_000_000)
})

test('threads with the same memory count together', () => {
  const memory = new Int32Array(new SharedArrayBuffer(HISTOGRAM_CELLS * 4))
  const [one, other] = [new LatencyHistogram(memory), new LatencyHistogram(memory)]
  for (let ms = 1; ms <= 100; ms++) (ms % 2 === 0 ? one : other).record(ms * 1000)
  assert.equal(other.count, 100)
  assert.equal(Math.abs(one.takeQuantile(0.9) - 90_000) <= 1000, true)
})
