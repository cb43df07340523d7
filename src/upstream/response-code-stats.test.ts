import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StatStore } from '../observability/index.ts'
import { ResponseCodeStats } from './response-code-stats.ts'

test('a response counts plain, by origin, and again for canaries and by zones; discarded ones under retry', () => {
  const store = new StatStore()
  const stats = new ResponseCodeStats(store, 'cluster.c.', 'here', store.counter('cluster.c.upstream_rq_completed'))
  stats.charge(200, false, false, 'there')
  stats.charge(204, true, true, '')
  stats.charge(503, false, false, 'here')
  stats.chargeRetry(503)
  const value = (name: string): number => {
    const cell = store.counter(`cluster.c.${name}`)
    return cell.cells[cell.slot] as number
  }
  const expected: Record<string, number> = {
    upstream_rq_completed: 3,
    upstream_rq_2xx: 2,
    upstream_rq_200: 1,
    upstream_rq_204: 1,
    upstream_rq_5xx: 1,
    upstream_rq_503: 1,
    'external.upstream_rq_completed': 2,
    'external.upstream_rq_2xx': 1,
    'external.upstream_rq_503': 1,
    'internal.upstream_rq_completed': 1,
    'internal.upstream_rq_204': 1,
    'internal.upstream_rq_503': 0,
    'canary.upstream_rq_completed': 1,
    'canary.upstream_rq_2xx': 1,
    'retry.upstream_rq_503': 1,
    'retry.upstream_rq_5xx': 1,
    'retry.upstream_rq_completed': 1,
    'zone.here.there.upstream_rq_200': 1,
    'zone.here.here.upstream_rq_5xx': 1,
    'zone.here.here.upstream_rq_completed': 1,
  }
  for (const [name, count] of Object.entries(expected)) assert.equal(value(name), count, name)
})

test('any status from 100 to 999 is counted once, those of no class as unknown', () => {
  const store = new StatStore()
  const stats = new ResponseCodeStats(store, 'c.', '', store.counter('c.upstream_rq_completed'))
  for (let status = 999; status >= 100; status--) stats.charge(status, false, false, 'there')
  for (const name of ['upstream_rq_599', 'upstream_rq_100', 'upstream_rq_418']) {
    const cell = store.counter(`c.${name}`)
    assert.equal(cell.cells[cell.slot], 1, name)
  }
  for (const [name, count] of [
    ['upstream_rq_5xx', 100],
    ['upstream_rq_unknown', 400],
    ['upstream_rq_completed', 900],
  ] as const) {
    const group = store.counter(`c.${name}`)
    assert.equal(group.cells[group.slot], count, name)
  }
})
