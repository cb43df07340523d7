import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { Clock } from './clock.ts'
import { TokenBucket } from './token-bucket.ts'

const TEN_PER_SECOND = { maxTokens: 5, tokensPerFill: 10, fillIntervalMs: 1000 }

const at = (nowMs: number): Clock => new Clock({ monotonicMs: () => nowMs, wallMs: () => nowMs })

const take = (bucket: TokenBucket, nowMs: number, times: number): number =>
  Array.from({ length: times }, () => bucket.tryTake(at(nowMs))).filter(Boolean).length

test('a bucket starts full, and is filled smoothly up to its size', () => {
  const bucket = new TokenBucket(TEN_PER_SECOND)
  assert.equal(take(bucket, 1000, 9), 5)
  assert.equal(bucket.tryTake(at(1099)), false)
  assert.equal(bucket.tryTake(at(1101)), true)
  assert.equal(take(bucket, 1401, 9), 3)
  assert.equal(take(bucket, 9000, 9), 5)
})

test('several tokens are taken together or not at all', () => {
  const bucket = new TokenBucket(TEN_PER_SECOND)
  assert.equal(bucket.tryTake(at(0), 3), true)
  assert.equal(bucket.tryTake(at(0), 3), false)
  assert.equal(bucket.tryTake(at(0), 2), true)
  assert.equal(bucket.tryTake(at(0), 6), false)
})

test('tells what is there and when the next token comes', () => {
  const bucket = new TokenBucket(TEN_PER_SECOND)
  assert.equal(bucket.available(0), 5)
  assert.equal(bucket.msToNextToken(0), 0)
  take(bucket, 0, 5)
  assert.ok(Math.abs(bucket.msToNextToken(0) - 100) < 0.001)
  assert.ok(Math.abs(bucket.available(150) - 1.5) < 0.001)
  assert.ok(bucket.available(-1000) === 0, 'a clock that lags behind sees an empty bucket')
})

test('a turn that began before the last token was taken sees what is left', () => {
  const bucket = new TokenBucket({ maxTokens: 3, tokensPerFill: 1, fillIntervalMs: 600_000 })
  assert.equal(take(bucket, 5000, 2), 2)
  let nowMs = 4990
  const lagging = new Clock({ monotonicMs: () => nowMs, wallMs: () => nowMs })
  nowMs = 5001
  assert.equal(bucket.tryTake(lagging), true)
  assert.equal(bucket.tryTake(lagging), false)
})

test('a bucket without room lets nothing through', () => {
  const bucket = new TokenBucket({ maxTokens: 0, tokensPerFill: 1, fillIntervalMs: 50 })
  assert.equal(bucket.tryTake(at(1e9)), false)
})

test('threads that share a bucket get no token twice', async () => {
  const memory = new SharedArrayBuffer(8)
  const source = `
    const { parentPort, workerData } = require('node:worker_threads')
    import(workerData.module).then(({ TokenBucket }) => {
      const clock = { now: performance.now(), update: () => performance.now() }
      const bucket = new TokenBucket(workerData.settings, new BigInt64Array(workerData.memory))
      let taken = 0
      for (let i = 0; i < 20000; i++) if (bucket.tryTake(clock)) taken++
      parentPort.postMessage(taken)
    })`
  const settings = { maxTokens: 10_000, tokensPerFill: 1, fillIntervalMs: 1e9 }
  const workerData = { memory, settings, module: new URL('./token-bucket.ts', import.meta.url).href }
  const counts = await Promise.all(
    [0, 1, 2].map(
      () =>
        new Promise<number>((resolve, reject) => {
          new Worker(source, { eval: true, workerData }).on('message', resolve).on('error', reject)
        }),
    ),
  )
  assert.equal(
    counts.reduce((sum, count) => sum + count, 0),
    10_000,
  )
})
