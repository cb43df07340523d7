import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RecentRequests, recentRequestsMemory } from './recent-requests.ts'

test('requests are forgotten by tenths of the interval; priorities count for themselves', () => {
  let nowMs = 123_456_000
  const memory = recentRequestsMemory()
  const [low, high] = ([0, 1] as const).map(priority => new RecentRequests(memory, priority, 1000, () => nowMs))
  for (let i = 0; i < 10; i++) {
    low!.note()
    low!.note()
    nowMs += 100
  }
  high!.note()
  // The first tenth has just been left behind.
  assert.deepEqual([low!.count, high!.count], [18, 1])
  nowMs += 400
  assert.equal(low!.count, 10)
  low!.note()
  assert.equal(low!.count, 11)
  nowMs += 1000
  assert.deepEqual([low!.count, high!.count], [0, 0])
})
