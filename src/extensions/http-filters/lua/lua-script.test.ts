import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigPath, Diagnostics, ExtensionRegistry, runtimeSnapshot } from '../../../config/index.ts'
import { luaFactory, luaPerRouteFactory } from './index.ts'
import { checkScript } from './lua-script.ts'

test('a script that is no Lua is told by its line', () => {
  assert.equal(
    checkScript('function envoy_on_request(handle)\n  local x = = 1\nend'),
    '[string "function envoy_on_request(handle)..."]:2: unexpected symbol near \'=\'',
  )
})

test('a script that fails while it is loaded does not load', () => {
  assert.equal(
    checkScript('local t = nil\nt.x = 1'),
    '[string "local t = nil..."]:2: attempt to index a nil value (local \'t\')',
  )
  assert.equal(checkScript('while true do end'), 'script stopped after 10000000 instructions')
  assert.equal(checkScript('coroutine.yield()'), 'attempt to yield from outside a coroutine')
  assert.equal(checkScript('\x1bLua'), "attempt to load a binary chunk (mode is 't')")
})

test('a script may define nothing at all', () => {
  assert.equal(checkScript(''), null)
  assert.equal(checkScript('x = 1'), null)
})

function problems(config: object, factory: typeof luaFactory | typeof luaPerRouteFactory): readonly string[] {
  const diagnostics = new Diagnostics()
  const context = {
    diagnostics,
    extensions: new ExtensionRegistry(),
    node: {},
    runtime: runtimeSnapshot([]),
    hasCluster: () => true,
    readFile: () => Buffer.from('end'),
  }
  factory.compile(config, context, ConfigPath.root.field('typed_config'))
  return diagnostics.list.map(({ path, message }) => `${path}: ${message}`)
}

test('every script of a configuration is tried, and told by where it stands', () => {
  const sourceCodes = {
    good: { inlineString: 'x = 1' },
    'bad one': { filename: '/a.lua' },
    worse: { inlineString: 'y(' },
  }
  assert.deepEqual(problems({ inlineCode: 'x =', sourceCodes }, luaFactory), [
    'typed_config.inline_code: script load error: [string "x ="]:1: unexpected symbol near <eof>',
    'typed_config.source_codes["bad one"]: script load error: [string "end"]:1: <eof> expected near \'end\'',
    'typed_config.source_codes["worse"]: script load error: [string "y("]:1: unexpected symbol near <eof>',
  ])
  assert.deepEqual(problems({ inlineCode: 'x = 1', defaultSourceCode: { inlineString: 'x = 2' } }, luaFactory), [
    'typed_config.default_source_code: there is one default script',
  ])
  assert.deepEqual(problems({ sourceCode: { inlineString: 'error("no")' } }, luaPerRouteFactory), [
    'typed_config.source_code: script load error: [string "error("no")"]:1: no',
  ])
})
