import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import type { StatPrefixes } from '../observability/index.ts'
import { StatRemoval } from './stat-removal.ts'

test('stats of what is gone and has not come back are forgotten after a while, all at once', () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  const inUse = new Set(['cluster.back.', 'cluster.a.b.', 'cluster.other.'])
  const forgotten: StatPrefixes[] = []
  const removal = new StatRemoval({ inUse: () => inUse, forget: prefixes => forgotten.push(prefixes), restMs: 1000 })
  removal.note('cluster.a.')
  removal.note('cluster.back.')
  mock.timers.tick(999)
  removal.note('cluster.c.')
  assert.deepEqual(forgotten, [])
  mock.timers.tick(1)
  assert.deepEqual(forgotten, [{ gone: new Set(['cluster.a.', 'cluster.c.']), kept: new Set(['cluster.a.b.']) }])
  removal.note('cluster.back.')
  mock.timers.tick(1000)
  assert.equal(forgotten.length, 1)
  mock.timers.reset()
})
