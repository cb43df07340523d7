import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { Runtime } from './runtime.ts'

test('layers, lowest first, with the value in force', () => {
  const layers = [
    { name: 'base', staticLayer: { a: 1, b: { c: 'x' }, f: { numerator: 5 } } },
    { name: 'top', staticLayer: { a: 2 } },
    { name: 'adm', adminLayer: {} },
  ]
  const runtime = new Runtime({ layeredRuntime: { layers } }, '', () => {})
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
  const runtime = new Runtime({}, '', layers => void posted.push(layers))
  assert.equal(runtime.modify(new Map([['k', '5']])), true)
  assert.equal(runtime.snapshot.getNumber('k', 0), 5)
  assert.deepEqual(posted, [[{ k: 5 }]])
  runtime.modify(new Map([['k', '']]))
  assert.equal(runtime.snapshot.getNumber('k', 0), 0)
})

test('without an admin layer there is nothing to override', () => {
  const runtime = new Runtime({ layeredRuntime: { layers: [{ name: 's', staticLayer: {} }] } }, '', () => {})
  assert.equal(runtime.modify(new Map([['k', '5']])), false)
})

test('files: the folders are the key, the content is the value; what stands above overrides', () => {
  const folder = mkdtempSync(join(tmpdir(), 'runtime-'))
  const write = (name: string, text: string): void => {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  write('v1/envoy/a/number', '# how many\n12\n')
  write('v1/envoy/a/text', ' some text \n')
  write('v1/envoy/on', 'true')
  write('v1/envoy/part', '{numerator: 1, denominator: MILLION}\n')
  write('v1/own/mine/a/number', '13')
  const symlinkRoot = join(folder, 'current')
  const disk = (name: string, subdirectory: string, appendServiceCluster = false) => ({
    name,
    diskLayer: { symlinkRoot, subdirectory, appendServiceCluster },
  })
  const layers = [disk('root', 'envoy'), disk('own', 'own', true), { name: 'adm', adminLayer: {} }]
  const posted: (readonly object[])[] = []
  const runtime = new Runtime({ layeredRuntime: { layers } }, 'mine', now => void posted.push(now))
  try {
    assert.deepEqual([runtime.status().layers, runtime.folderCount], [['adm'], 0])
    symlinkSync(join(folder, 'v1'), symlinkRoot)
    runtime.refresh()
    assert.deepEqual([runtime.status().layers, runtime.folderCount], [['root', 'own', 'adm'], 2])
    const { snapshot } = runtime
    assert.equal(snapshot.getNumber('a.number', 0), 13)
    assert.equal(snapshot.getString('a.text'), ' some text')
    assert.equal(snapshot.getBoolean('on', false), true)
    assert.equal(snapshot.featureEnabled('part', { numerator: 1, denominator: 1 }, 0.01), false)
    assert.deepEqual(posted.at(-1)?.[1], { 'a.number': 13 })

    symlinkSync(folder, join(folder, 'v1', 'envoy', 'loop'))
    runtime.refresh()
    assert.match(runtime.problem, /^runtime layer root: .* folders deep$/)
    assert.equal(runtime.snapshot.getBoolean('on', false), true)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
