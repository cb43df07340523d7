import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type CompileContext,
  ConfigPath,
  Diagnostics,
  ExtensionRegistry,
  runtimeSnapshot,
} from '../../../config/index.ts'
import { HttpFilter } from '../../../http/index.ts'
import { compositeFactory, matchDelegateFactory } from './index.ts'

class Nothing extends HttpFilter {}

const API = 'envoy.extensions.filters.http.composite.v3'
const typed = (name: string, type: string, config: object = {}) => ({ name, typedConfig: { '@type': type, ...config } })
const execute = (config: object) => ({ action: typed('e', `${API}.ExecuteFilterAction`, config) })

function complaints(config: object, factory = compositeFactory): readonly string[] {
  const extensions = new ExtensionRegistry()
  extensions.register(compositeFactory)
  extensions.register(matchDelegateFactory)
  for (const type of ['test.Plain', 'test.Terminal']) {
    const plan = { name: type, terminal: type === 'test.Terminal', create: () => new Nothing() }
    extensions.register({ name: type, category: 'envoy.filters.http', typeNames: [type], compile: () => plan })
  }
  const context: CompileContext = {
    diagnostics: new Diagnostics(),
    extensions,
    node: {},
    runtime: runtimeSnapshot([]),
    hasCluster: () => true,
    readFile: path => Buffer.from(path),
  }
  factory.compile(config, context, ConfigPath.root.field('c'))
  return context.diagnostics.list.map(({ path, message }) => `${path}: ${message}`)
}

const AT = 'c.matcher.on_no_match.action.typed_config'
const always = (config: object, extra: object = {}) => complaints({ matcher: { onNoMatch: execute(config) }, ...extra })

test('what cannot stand in the place of a filter is said where it stands', () => {
  assert.deepEqual(always({ typedConfig: typed('r', 'test.Terminal') }), [
    `${AT}.typed_config: test.Terminal ends the chain and cannot stand for another filter`,
  ])
  assert.deepEqual(
    always({ filterChain: { typedConfig: [typed('p', 'test.Plain'), typed('n', `${API}.Composite`)] } }),
    [`${AT}.filter_chain.typed_config[1]: envoy.filters.http.composite cannot stand in the place of another filter`],
  )
  assert.deepEqual(always({}), [`${AT}: an action needs filters`])
})

test('a chain is known by its name', () => {
  const chains = { namedFilterChains: { one: { typedConfig: [typed('p', 'test.Plain')] } } }
  assert.deepEqual(always({ filterChainName: 'one' }, chains), [])
  assert.deepEqual(always({ filterChainName: 'two' }, chains), [
    `${AT}.filter_chain_name: there is no filter chain of the name two`,
  ])
})

test('an action that no filter knows', () => {
  const config = { extensionConfig: typed('p', 'test.Plain'), xdsMatcher: { onNoMatch: { action: typed('a', 'x.Y') } } }
  assert.deepEqual(complaints(config, matchDelegateFactory), [
    'c.xds_matcher.on_no_match.action.typed_config: x.Y is no action of filters',
  ])
})
