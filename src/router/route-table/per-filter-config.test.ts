import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ExtensionRegistry } from '../../config/index.ts'
import { PER_ROUTE_CATEGORY } from '../../http/index.ts'
import { compileContext, complaints, head, routeOf, table } from './testing.ts'

const FILTER_CONFIG = 'type.googleapis.com/envoy.config.route.v3.FilterConfig'
const settings = (value: string): object => ({ '@type': 'type.googleapis.com/test.Settings', value })

/** A registry with one filter's settings: they compile to their value. */
function contextWithFilter() {
  const extensions = new ExtensionRegistry()
  extensions.register({
    name: 'f',
    category: PER_ROUTE_CATEGORY,
    typeNames: ['test.Settings'],
    compile: config => ({ value: (config as { value: string }).value }),
  })
  return { ...compileContext(), extensions }
}

const configuration = (route: object, host: object = {}, whole: object = {}): object => ({
  typedPerFilterConfig: whole,
  virtualHosts: [
    {
      name: 'v',
      domains: ['*'],
      typedPerFilterConfig: host,
      routes: [{ match: { prefix: '/' }, route: { cluster: 'c' }, typedPerFilterConfig: route }],
    },
  ],
})

const resolved = (route: object, host?: object, whole?: object) =>
  routeOf(table(configuration(route, host, whole), contextWithFilter()), head({}))?.perFilterConfig('f')

test('settings come from the most specific level that has any; all levels are kept in order', () => {
  const [a, b, c] = ['a', 'b', 'c'].map(value => ({ value })) as [object, object, object]
  assert.deepEqual(resolved({ f: settings('c') }, { f: settings('b') }, { f: settings('a') }), {
    disabled: false,
    plan: c,
    levels: [a, b, c],
    extension: 'f',
  })
  assert.deepEqual(resolved({ f: { '@type': FILTER_CONFIG, config: {} } }, { f: settings('b') }), {
    disabled: false,
    plan: b,
    levels: [b],
    extension: 'f',
  })
  assert.equal(resolved({}), null)
})

test('the most specific level says whether the filter runs', () => {
  const off = { '@type': FILTER_CONFIG, disabled: true }
  assert.equal(resolved({ f: off }, { f: settings('b') })?.disabled, true)
  assert.equal(resolved({ f: settings('c') }, { f: off })?.disabled, false)
  assert.equal(resolved({ g: off }, { f: off })?.disabled, true)
})

test('an optional filter that nobody knows only says that it runs', () => {
  const unknown = { '@type': 'type.googleapis.com/test.Unknown' }
  const optional = { f: { '@type': FILTER_CONFIG, isOptional: true, config: unknown } }
  assert.deepEqual(resolved(optional), { disabled: false, plan: null, levels: [], extension: null })
  assert.match(complaints(configuration({ f: unknown }), contextWithFilter())[0] ?? '', /no extension of category/)
})

test('a FilterConfig that says nothing is an error', () => {
  assert.match(
    complaints(configuration({ f: { '@type': FILTER_CONFIG } }), contextWithFilter())[0] ?? '',
    /the FilterConfig of f says nothing/,
  )
})
