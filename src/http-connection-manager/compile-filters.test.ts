import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CompileContext, ConfigPath, Diagnostics, ExtensionRegistry, runtimeSnapshot } from '../config/index.ts'
import { HttpFilter } from '../http/index.ts'
import { compileFilters } from './compile-filters.ts'

class Nothing extends HttpFilter {}

function context(): CompileContext {
  const extensions = new ExtensionRegistry()
  for (const [type, terminal] of [
    ['test.Plain', false],
    ['test.Terminal', true],
  ] as const) {
    extensions.register({
      name: type,
      category: 'envoy.filters.http',
      typeNames: [type],
      compile: () => ({ name: type, terminal, create: () => new Nothing() }),
    })
  }
  return {
    diagnostics: new Diagnostics(),
    extensions,
    node: {},
    runtime: runtimeSnapshot([]),
    hasCluster: () => true,
    readFile: path => Buffer.from(path),
  }
}

const filter = (name: string, type: string, extra: object = {}) => ({
  name,
  typedConfig: { '@type': `type.googleapis.com/test.${type}` },
  ...extra,
})

function compiled(...filters: object[]): { chain: readonly unknown[]; complaints: readonly string[] } {
  const at = context()
  const chain = compileFilters(filters, at, ConfigPath.root)
  return {
    chain: chain.map(({ name, plan, disabled }) => [name, plan.name, disabled]),
    complaints: at.diagnostics.list.map(({ path, message }) => `${path}: ${message}`),
  }
}

test('filters keep the names of their chain, and whether they wait for a route to switch them on', () => {
  assert.deepEqual(compiled(filter('a', 'Plain', { disabled: true }), filter('b', 'Plain'), filter('r', 'Terminal')), {
    chain: [
      ['a', 'test.Plain', true],
      ['b', 'test.Plain', false],
      ['r', 'test.Terminal', false],
    ],
    complaints: [],
  })
})

test('an optional filter that nobody knows is left out', () => {
  const { chain, complaints } = compiled(filter('x', 'Unknown', { isOptional: true }), filter('r', 'Terminal'))
  assert.deepEqual([chain.length, complaints], [1, []])
})

test('exactly one terminal filter, at the end, always on', () => {
  assert.match(compiled(filter('r', 'Terminal'), filter('p', 'Plain')).complaints[0] ?? '', /r must be the last/)
  assert.match(compiled(filter('p', 'Plain')).complaints[0] ?? '', /the last http filter must be a terminal one/)
  assert.match(compiled(filter('r', 'Terminal', { disabled: true })).complaints[0] ?? '', /cannot be disabled/)
  assert.match(compiled().complaints[0] ?? '', /needs a terminal http filter/)
})
