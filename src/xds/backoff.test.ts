import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Backoff } from './backoff.ts'

test('the bound doubles up to its most, and any part of it may be waited', () => {
  const randoms = [0, 0.999, 0.5, 0.999, 0.999, 0.5]
  const backoff = new Backoff({ baseMs: 100, maxMs: 500 }, () => randoms.shift() as number)
  assert.deepEqual(
    Array.from({ length: 5 }, () => backoff.nextMs()),
    [0, 199, 200, 499, 499],
  )
  backoff.reset()
  assert.equal(backoff.nextMs(), 50)
})
