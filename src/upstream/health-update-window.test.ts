import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StatStore } from '../observability/index.ts'
import { HealthUpdateWindow } from './health-update-window.ts'
import { CLUSTER_MANAGER_STATS } from './stats.ts'

function setUp(windowMs: number) {
  const time = { ms: 10_000, due: null as null | { readonly ms: number; readonly run: () => void } }
  const stats = new StatStore().block('cluster_manager.', CLUSTER_MANAGER_STATS)
  const seen = { published: 0 }
  const window = new HealthUpdateWindow(windowMs, {
    schedule: (ms, run) => {
      time.due = { ms, run }
      return () => {
        time.due = null
      }
    },
    now: () => time.ms,
    stats,
    publish: () => {
      seen.published++
    },
  })
  const stat = (name: string): number => stats.cells[CLUSTER_MANAGER_STATS.slot(name)] as number
  return { time, window, seen, stat }
}

test('the first change goes out at once, the next ones together when the window is over', () => {
  const { time, window, seen, stat } = setUp(1000)
  window.onChange()
  assert.equal(seen.published, 1)
  time.ms += 300
  window.onChange()
  window.onChange()
  assert.deepEqual([seen.published, time.due?.ms], [1, 700])
  time.due?.run()
  assert.deepEqual([seen.published, stat('cluster_updated_via_merge')], [2, 1])
  time.ms += 1001
  window.onChange()
  assert.deepEqual([seen.published, stat('update_out_of_merge_window'), stat('cluster_updated')], [3, 2, 2])
})

test('new hosts take what is held back with them', () => {
  const { time, window, seen, stat } = setUp(1000)
  window.onChange()
  window.onChange()
  window.onHostsPublished()
  assert.deepEqual([time.due, seen.published, stat('update_merge_cancelled')], [null, 1, 1])
})

test('without a window every change goes out at once; while the cluster warms, none', () => {
  const { window, seen } = setUp(0)
  window.hold()
  window.onChange()
  assert.equal(seen.published, 0)
  window.release()
  window.onChange()
  window.onChange()
  assert.equal(seen.published, 3)
})
