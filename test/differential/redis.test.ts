// redis_proxy beside a recorded Envoy: the same bytes in, the same bytes out, and the same stats. PROXY_UNDER_TEST holds a real
// one against the recording.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { playAll, readUnits } from './redis/play.ts'

const units = readUnits(fileURLToPath(new URL('redis/envoy-answers.yaml', import.meta.url)))

describe('redis_proxy answers as Envoy', () => {
  let seen: Awaited<ReturnType<typeof playAll>> = []
  before(async () => {
    seen = await playAll(units)
  })
  units.forEach((unit, u) => {
    test(unit.about, () => {
      const { replies, stats, keys } = seen[u]!
      for (const [i, { send, seen: expected }] of unit.cases.entries()) {
        assert.equal(replies[i], expected, send.join(' | '))
      }
      assert.deepEqual(keys, unit.keys)
      assert.deepEqual(stats, unit.stats)
    })
  })
})
