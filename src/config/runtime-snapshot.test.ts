import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fractionalPercent, runtimeSnapshot } from './runtime-snapshot.ts'

test('later layers win, and nested structs make dotted keys', () => {
  const runtime = runtimeSnapshot([{ a: { b: 1, c: 'x' }, flag: true }, { 'a.b': 2 }, { flag: 'false' }])
  assert.equal(runtime.getNumber('a.b', 9), 2)
  assert.equal(runtime.getString('a.c'), 'x')
  assert.equal(runtime.getBoolean('flag', true), false)
  assert.equal(runtime.getNumber('missing', 9), 9)
  assert.equal(runtime.getNumber('a.c', 9), 9)
  assert.equal(runtime.getString('missing'), undefined)
})

test('a fraction is a share of random values, and the runtime can replace it', () => {
  const runtime = runtimeSnapshot([{ half: { numerator: 500000, denominator: 'MILLION' }, ten: 10, none: 0 }])
  const quarter = { numerator: 25, denominator: 100 }
  assert.equal(runtime.featureEnabled(undefined, quarter, 0.2499), true)
  assert.equal(runtime.featureEnabled(undefined, quarter, 0.25), false)
  assert.equal(runtime.featureEnabled('missing', quarter, 0.2499), true)
  assert.equal(runtime.featureEnabled('half', quarter, 0.49), true)
  assert.equal(runtime.featureEnabled('half', quarter, 0.5), false)
  assert.equal(runtime.featureEnabled('ten', quarter, 0.1), false)
  assert.equal(runtime.featureEnabled('ten', quarter, 0.09), true)
  assert.equal(runtime.featureEnabled('none', quarter, 0), false)
})

test('fractional percents default to hundredths', () => {
  assert.deepEqual(fractionalPercent({ numerator: 5 }), { numerator: 5, denominator: 100 })
  assert.deepEqual(fractionalPercent({ numerator: 5, denominator: 'TEN_THOUSAND' }), {
    numerator: 5,
    denominator: 10_000,
  })
  assert.deepEqual(fractionalPercent(undefined), { numerator: 0, denominator: 100 })
})
