import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Runtime } from './runtime.ts'

test('layers, lowest first, with the value in force', () => {
  const layers = [
    { name: 'base', staticLayer: { a: 1, b: { c: 'x' }, f: { numerator: 5 } } },
    { name: 'top', staticLayer: { a: 2 } },
    { name: 'adm', adminLayer: {} },
  ]
  const runtime = new Runtime({ layeredRuntime: { layers } }, () => {})
  const { layers: names, entries } = runtime.status()
  assert.deepEqual(names, ['base', 'top', 'adm'])
  assert.deepEqual(
    [...entries].map(({ key, finalValue }) => [key, finalValue]),
    [
      ['a', '2'],
      ['b.c', 'x'],
      ['f', '{"numerator":5}'],
    ],
  )
  assert.equal(runtime.keyCount, 3)
})

test('overrides go to the admin layer, an empty one goes away', () => {
  const posted: (readonly object[])[] = []
  const runtime = new Runtime({}, layers => void posted.push(layers))
  assert.equal(runtime.modify(new Map([['k', '5']])), true)
  assert.equal(runtime.snapshot.getNumber('k', 0), 5)
  assert.deepEqual(posted, [[{ k: 5 }]])
  runtime.modify(new Map([['k', '']]))
  assert.equal(runtime.snapshot.getNumber('k', 0), 0)
})

test('without an admin layer there is nothing to override', () => {
  const runtime = new Runtime({ layeredRuntime: { layers: [{ name: 's', staticLayer: {} }] } }, () => {})
  assert.equal(runtime.modify(new Map([['k', '5']])), false)
})
