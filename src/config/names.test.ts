import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigPath } from './config-path.ts'
import { durationMs } from './durations.ts'
import { nearestName, typeName } from './names.ts'

test('a path prints snake_case names, indices and quoted keys', () => {
  const path = ConfigPath.root.field('staticResources').field('listeners').index(0).field('filter_chains').key('a.b')
  assert.equal(String(path), 'static_resources.listeners[0].filter_chains["a.b"]')
  assert.equal(String(ConfigPath.root), '')
})

test('the nearest name survives swaps, case and missing letters, and is absent when nothing is near', () => {
  const known = ['stat_prefix', 'codec_type', 'route_config', 'rds']
  assert.equal(nearestName('stat_prefx', known), 'stat_prefix')
  assert.equal(nearestName('codce_type', known), 'codec_type')
  assert.equal(nearestName('RDS', known), 'rds')
  assert.equal(nearestName('completely_else', known), undefined)
  assert.equal(nearestName('x', known), undefined)
})

test('the type of an Any is what follows the last slash', () => {
  assert.equal(typeName({ '@type': 'type.googleapis.com/a.b.C' }), 'a.b.C')
  assert.equal(typeName({}), '')
})

test('durations become milliseconds without binary noise', () => {
  const cases: readonly (readonly [string, number])[] = [
    ['15s', 15_000],
    ['0.25s', 250],
    ['0.0011s', 1.1],
    ['1.5s', 1500],
    ['0s', 0],
    ['315576000000s', 315_576_000_000_000],
  ]
  for (const [text, ms] of cases) assert.equal(durationMs(text), ms, text)
  assert.equal(durationMs(undefined, 7), 7)
})
