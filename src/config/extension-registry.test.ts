import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { CompileContext } from './compile-context.ts'
import { ConfigPath } from './config-path.ts'
import { dataSourceBytes, dataSourceText } from './data-source.ts'
import { Diagnostics } from './diagnostics.ts'
import { type ExtensionFactory, ExtensionRegistry } from './extension-registry.ts'
import { runtimeSnapshot } from './runtime-snapshot.ts'

const ROUTER = 'envoy.extensions.filters.http.router.v3.Router'
const router: ExtensionFactory = {
  name: 'envoy.filters.http.router',
  category: 'envoy.filters.http',
  typeNames: [ROUTER],
  compile: config => config,
}

function context(): CompileContext {
  const extensions = new ExtensionRegistry()
  extensions.register(router)
  return {
    diagnostics: new Diagnostics(),
    extensions,
    node: {},
    runtime: runtimeSnapshot([]),
    hasCluster: () => false,
    readFile: path => readFileSync(path),
  }
}

const at = ConfigPath.root.field('http_filters').index(0)

test('an extension is found by the type of its config, whatever its name', () => {
  const ctx = context()
  const config = { name: 'anything', typedConfig: { '@type': `type.googleapis.com/${ROUTER}` } }
  assert.equal(ctx.extensions.find('envoy.filters.http', config, ctx, at), router)
  assert.deepEqual(ctx.diagnostics.list, [])
})

test('an unknown type, a wrong category and a missing config are errors that list the known types', () => {
  const ctx = context()
  const find = (category: string, typedConfig?: object) =>
    ctx.extensions.find(category, typedConfig === undefined ? { name: 'x' } : { name: 'x', typedConfig }, ctx, at)
  assert.equal(find('envoy.filters.http', { '@type': `type.googleapis.com/${ROUTER}s` }), undefined)
  assert.equal(find('envoy.access_loggers', { '@type': `type.googleapis.com/${ROUTER}` }), undefined)
  assert.equal(find('envoy.filters.http'), undefined)
  assert.deepEqual(
    ctx.diagnostics.list.map(({ path, code, expected, suggestion }) => [path, code, expected, suggestion]),
    [
      ['http_filters[0].typed_config', 'unknown-extension', `one of ${ROUTER}`, ROUTER],
      [
        'http_filters[0].typed_config',
        'unknown-extension',
        'nothing: this release has no extension of category envoy.access_loggers',
        undefined,
      ],
      ['http_filters[0].typed_config', 'missing-typed-config', `one of ${ROUTER}`, undefined],
    ],
  )
})

test('two extensions of a category cannot read the same type', () => {
  const { extensions } = context()
  assert.throws(() => extensions.register({ ...router, name: 'other' }), /two extensions/)
})

test('data sources come from text, bytes, files and the environment; what cannot be read is an error at its path', () => {
  const ctx = context()
  const path = ConfigPath.root.field('body')
  assert.equal(dataSourceText({ inlineString: 'hé' }, ctx, path), 'hé')
  assert.deepEqual(dataSourceBytes({ inlineBytes: 'AP8=' }, ctx, path), Buffer.from([0, 255]))
  assert.match(dataSourceText({ filename: new URL(import.meta.url).pathname }, ctx, path) ?? '', /^import assert/)
  assert.equal(dataSourceText({ environmentVariable: 'PATH' }, ctx, path), process.env['PATH'])
  assert.deepEqual(ctx.diagnostics.list, [])
  assert.equal(dataSourceText({ filename: '/nowhere/at/all' }, ctx, path), undefined)
  assert.equal(dataSourceText({ environmentVariable: 'OUTRIDER_NOT_SET' }, ctx, path), undefined)
  assert.deepEqual(
    ctx.diagnostics.list.map(({ path: where, code }) => [where, code]),
    [
      ['body.filename', 'unreadable'],
      ['body.environment_variable', 'unreadable'],
    ],
  )
})
