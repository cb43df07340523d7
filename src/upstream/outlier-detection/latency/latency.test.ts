import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../testing.ts'
import { bucketStartMs, LATENCY_BUCKETS, latencyBucket } from './buckets.ts'
import { slowHosts } from './judge.ts'
import { LATENCY_DEFAULTS } from './latency-plan.ts'
import { LatencySketch } from './sketch.ts'
import { LATENCY_MODELS, type LatencyModel, simulate } from './testing.ts'

test('buckets: every latency lies in its own, and none is wider than an eighth', () => {
  for (let bucket = 0; bucket < LATENCY_BUCKETS - 1; bucket++) {
    const [from, to] = [bucketStartMs(bucket), bucketStartMs(bucket + 1)]
    assert.equal(latencyBucket(from + 1e-9), bucket)
    assert.equal(latencyBucket((from + to) / 2), bucket)
    if (bucket >= 8) assert.ok((to - from) / from <= 0.125 + 1e-12, String(bucket))
  }
  assert.deepEqual([latencyBucket(-5), latencyBucket(0)], [0, 0])
  assert.deepEqual([latencyBucket(1e6), latencyBucket(1e12)], [LATENCY_BUCKETS - 1, LATENCY_BUCKETS - 1])
})

function sketchOf(...values: number[]): LatencySketch {
  const sketch = new LatencySketch()
  for (const ms of values) sketch.add(latencyBucket(ms), 1)
  return sketch
}

test('a sketch knows quantiles to the width of a bucket, and forgets', () => {
  const sketch = sketchOf(...Array.from({ length: 1000 }, (_, i) => i + 1))
  for (const q of [0.1, 0.5, 0.9, 0.99]) assert.ok(Math.abs(sketch.quantileMs(q) / (1000 * q) - 1) < 0.05, String(q))
  assert.equal(sketch.volume, 1000)
  sketch.decay(0.1)
  for (let i = 0; i < 500; i++) sketch.add(latencyBucket(5000), 1)
  assert.ok(sketch.quantileMs(0.5) > 4500)
  assert.ok(sketch.volume < 1000)
  sketch.clear()
  assert.deepEqual([sketch.quantileMs(0.5), sketch.volume], [0, 0])
})

test('a host is judged against the others, without itself', () => {
  const random = seededRandom(7)
  const many = (ms: number, count = 200): LatencySketch =>
    sketchOf(...Array.from({ length: count }, () => ms * (0.8 + 0.4 * random())))
  const hosts = ['a', 'b', 'c', 'd'].map(key => ({ key, sketch: many(key === 'c' ? 100 : 5) }))
  const [verdict] = slowHosts(LATENCY_DEFAULTS, hosts)
  assert.equal(verdict?.key, 'c')
  assert.ok(Math.abs((verdict?.hostMs ?? 0) - 100) < 10 && Math.abs((verdict?.othersMs ?? 0) - 5) < 0.5)
  const near = hosts.map(({ key }) => ({ key, sketch: many(key === 'c' ? 12 : 5) }))
  assert.deepEqual(slowHosts(LATENCY_DEFAULTS, near), [])
  const tiny = hosts.map(({ key }) => ({ key, sketch: many(key === 'c' ? 5 : 0.5) }))
  assert.deepEqual(slowHosts(LATENCY_DEFAULTS, tiny), [])
  const quiet = hosts.map(({ key }) => ({ key, sketch: many(key === 'c' ? 100 : 5, key === 'c' ? 20 : 200) }))
  assert.deepEqual(slowHosts(LATENCY_DEFAULTS, quiet), [])
  assert.deepEqual(slowHosts(LATENCY_DEFAULTS, hosts.slice(1, 3)), [])
})

for (const [name, model] of Object.entries(LATENCY_MODELS)) {
  test(`${name}: one host of ten 20 times slower is out within 10 s, and the cluster is as before`, () => {
    const traffic = { model, seconds: 300, slowFromS: 60 }
    const result = simulate(traffic)
    const healthy = simulate({ ...traffic, slowness: 1 })
    assert.ok(result.detectedAfterS > 0 && result.detectedAfterS < 10, JSON.stringify(result))
    assert.ok(result.slowShare < 0.01, JSON.stringify(result))
    assert.equal(result.falseEjections, 0)
    assert.ok(result.p99Ms <= 1.2 * healthy.p99Ms, JSON.stringify({ result, healthy }))
  })

  test(`${name}: an hour of noise ejects nobody`, () => {
    assert.equal(simulate({ model, seconds: 3600, requestsPerSecond: 300, seed: 3 }).falseEjections, 0)
  })
}

test('how slow is too slow is what the configuration says; in shadow mode nobody goes', () => {
  const traffic = { model: LATENCY_MODELS['bimodal'] as LatencyModel, seconds: 120, slowFromS: 60, slowness: 2 }
  assert.equal(simulate(traffic).detectedAfterS, -1)
  assert.ok(simulate({ ...traffic, latency: { factor: 1.2, floorMs: 1 } }).detectedAfterS > 0)
  assert.equal(simulate({ ...traffic, slowness: 20, latency: { enforcing: 0 } }).detectedAfterS, -1)
})
