import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RequestWindow } from './request-window.ts'

test('requests count for as long as the window, second by second', () => {
  const window = new RequestWindow(3000)
  window.record(1000, true)
  window.record(2500, false)
  window.record(3999, true)
  assert.deepEqual([window.requests, window.successes], [3, 2])
  window.advance(4000)
  assert.deepEqual([window.requests, window.successes], [2, 1])
  window.advance(5100)
  assert.deepEqual([window.requests, window.successes], [1, 1])
  assert.equal(window.requestsPerSecond, 1 / 3)
})

test('a long silence empties it', () => {
  const window = new RequestWindow(2000)
  for (let i = 0; i < 10; i++) window.record(1000, true)
  window.advance(1_000_000)
  assert.deepEqual([window.requests, window.successes], [0, 0])
})
