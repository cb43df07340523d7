import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Clock, TimerWheel } from '../base/index.ts'
import type { ThreadContext } from '../net/index.ts'
import { testThread } from '../net/testing.ts'
import { ByteBucket, type RateLimitedStream, StreamRateLimiter } from './stream-rate-limiter.ts'

/** A limiter of 1000 bytes/s in slices of 50 ms, on a clock that the test turns. */
class Bench implements RateLimitedStream {
  readonly seen: string[] = []
  readonly bufferLimitBytes = 100
  readonly limiter: StreamRateLimiter
  onPass: () => void = () => {}
  private nowMs = 0
  private tick: () => void = () => {}

  constructor(firstBytes = 50) {
    const clock = new Clock({ monotonicMs: () => this.nowMs, wallMs: () => this.nowMs })
    const timers = new TimerWheel(clock, { start: (_ms, tick) => (this.tick = tick), stop: () => {} })
    const thread: ThreadContext = { ...testThread(), clock, timers }
    this.limiter = new StreamRateLimiter(thread, this, new ByteBucket(1000, firstBytes), 50)
  }

  advance(ms: number): void {
    for (let i = 0; i < ms; i += 10) {
      this.nowMs += 10
      this.tick()
    }
  }

  write(bytes: number, endStream = false): void {
    this.limiter.write(Buffer.alloc(bytes), 0, bytes, endStream)
  }

  passData(_data: Buffer, start: number, end: number, endStream: boolean): void {
    this.seen.push(`${end - start}${endStream ? ' end' : ''}`)
    this.onPass()
  }

  passTrailers(): void {
    this.seen.push('trailers')
  }

  pauseSource(): void {
    this.seen.push('pause')
  }

  resumeSource(): void {
    this.seen.push('resume')
  }
}

test('the first slice passes at once, the others in their time, the end with the last', () => {
  const bench = new Bench()
  bench.write(80, true)
  assert.deepEqual(bench.seen, ['50'])
  bench.advance(40)
  assert.deepEqual(bench.seen, ['50'])
  bench.advance(20)
  assert.deepEqual(bench.seen, ['50', '30 end'])
})

test('the source stops while more than the limit waits', () => {
  const bench = new Bench()
  bench.write(200)
  assert.deepEqual(bench.seen, ['50', 'pause'])
  bench.advance(400)
  assert.equal(bench.seen.at(-1), 'resume')
  assert.equal(bench.limiter.length, 0)
})

test('trailers wait for the body before them', () => {
  const bench = new Bench()
  bench.write(50)
  assert.equal(bench.limiter.writeTrailers(), false)
  bench.write(20)
  assert.equal(bench.limiter.writeTrailers(), true)
  bench.advance(60)
  assert.deepEqual(bench.seen, ['50', '20', 'trailers'])
})

test('an end without bytes passes; nothing does after the stream is over', () => {
  const bench = new Bench()
  bench.write(0, true)
  assert.deepEqual(bench.seen, ['0 end'])
  const other = new Bench()
  other.write(300)
  other.limiter.destroy()
  other.advance(500)
  assert.deepEqual(other.seen, ['50', 'pause', 'resume'])
})

test('a stream that ends while its bytes pass gets no more of them', () => {
  const bench = new Bench(0)
  bench.write(30)
  bench.write(30)
  bench.onPass = () => bench.limiter.destroy()
  bench.advance(1000)
  assert.deepEqual(bench.seen, ['30'])
})

test('a shared bucket lets through what all streams together may', () => {
  const bucket = new ByteBucket(1000, 1000)
  assert.equal(bucket.take(600, 0), 600)
  assert.equal(bucket.take(600, 0), 400)
  assert.equal(bucket.take(600, 100), 100)
  assert.equal(bucket.take(5000, 10_000), 1000)
})
