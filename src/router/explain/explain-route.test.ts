import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RouteConfigurationJson } from '#api/envoy/config/route/v3/route_pb.ts'
import { ConfigPath } from '../../config/index.ts'
import { compileRouteConfiguration } from '../route-table/index.ts'
import { compileContext, head, type RequestLines, streamInfo } from '../route-table/testing.ts'
import { explainRoute } from './explain-route.ts'

function explain(config: RouteConfigurationJson, request: RequestLines, random = 0) {
  const context = compileContext()
  const path = ConfigPath.root.field('route_config')
  const table = compileRouteConfiguration(config, context, path)
  assert.deepEqual(context.diagnostics.list, [])
  const headers = head(request)
  const suppressEnvoyHeaders = true
  return explainRoute({ table, config, path, context, headers, info: streamInfo(), random, suppressEnvoyHeaders })
    .outcome
}

const to = (cluster: string) => ({ cluster })

const CONFIG: RouteConfigurationJson = {
  name: 'edge',
  requestHeadersToAdd: [{ header: { key: 'x-table', value: '1' } }],
  virtualHosts: [
    {
      name: 'shop',
      domains: ['shop.test', '*.shop.test'],
      typedPerFilterConfig: {
        cors: { '@type': 'type.googleapis.com/envoy.config.route.v3.FilterConfig', disabled: true } as object as never,
      },
      routes: [
        {
          name: 'flagged',
          match: { prefix: '/', headers: [{ name: 'x-flag', stringMatch: { exact: 'on' } }] },
          route: to('flags'),
        },
        {
          name: 'items',
          match: { prefix: '/items', queryParameters: [{ name: 'v', stringMatch: { exact: '2' } }] },
          route: {
            prefixRewrite: '/v2/items',
            timeout: '3s',
            retryPolicy: { retryOn: '5xx,reset', numRetries: 4 },
            weightedClusters: {
              clusters: [
                { name: 'a', weight: 30 },
                { name: 'b', weight: 70, requestHeadersToRemove: ['x-gone'] },
              ],
            },
          },
        },
        { match: { path: '/old' }, redirect: { pathRedirect: '/new' } },
        { match: { path: '/ping' }, directResponse: { status: 200, body: { inlineString: 'pong' } } },
      ],
    },
    { name: 'safe', domains: ['safe.test'], requireTls: 'ALL', routes: [{ match: { prefix: '/' }, route: to('x') }] },
  ],
}

test('a hit: the route, the shares, what changes, and what was passed over', () => {
  const random = 50
  const outcome = explain(CONFIG, { authority: 'shop.test', path: '/items/7?v=2', lines: [['x-gone', '1']] }, random)
  assert.equal(outcome.virtualHost, 'shop')
  assert.deepEqual([outcome.route?.index, outcome.route?.name], [1, 'items'])
  assert.equal(outcome.route?.at, 'route_config.virtual_hosts[0].routes[1]')
  const { action } = outcome
  assert.deepEqual(action?.clusters, [
    { name: 'a', share: 0.3, chosen: false },
    { name: 'b', share: 0.7, chosen: true },
  ])
  assert.deepEqual([action?.timeoutMs, action?.retries?.on, action?.retries?.count], [3000, ['5xx', 'reset'], 4])
  assert.deepEqual(action?.changes, [
    { name: ':path', before: '/items/7?v=2', after: '/v2/items/7?v=2' },
    { name: 'x-gone', before: '1', after: null },
    { name: 'x-table', before: null, after: '1' },
  ])
  assert.deepEqual(
    outcome.headers.map(({ level, request }) => [level, ...request]),
    [
      ['weighted_cluster', 'remove x-gone'],
      ['route_configuration', 'add x-table: 1'],
    ],
  )
  assert.deepEqual(
    outcome.filters.map(({ name, levels }) => [name, levels]),
    [['cors', ['virtual_host']]],
  )
  assert.deepEqual(
    outcome.nearest.map(({ index, failed }) => [index, failed.at, failed.found]),
    [[0, 'match.headers[0]', 'no header x-flag']],
  )
})

test('a miss: the nearest routes and the first condition that does not hold', () => {
  const outcome = explain(CONFIG, { authority: 'a.shop.test', path: '/items?v=1' })
  assert.equal(outcome.route, null)
  assert.deepEqual(
    outcome.nearest.map(({ index, passed, failed }) => [index, passed, failed.at, failed.found]),
    [
      [0, 1, 'match.headers[0]', 'no header x-flag'],
      [1, 1, 'match.query_parameters[0]', 'v=1'],
      [2, 0, 'match.path', '/items?v=1'],
    ],
  )
})

test('no virtual host, redirects, direct responses, TLS', () => {
  const lost = explain(CONFIG, { authority: 'shops.test' })
  assert.deepEqual([lost.virtualHost, lost.nearestDomain], [null, 'shop.test'])
  const moved = explain(CONFIG, { authority: 'shop.test', path: '/old' })
  assert.deepEqual(
    [moved.kind, moved.answer?.status, moved.answer?.location],
    ['redirect', 301, 'http://shop.test/new'],
  )
  assert.deepEqual(explain(CONFIG, { authority: 'shop.test', path: '/ping' }).answer?.body, 'pong')
  const safe = explain(CONFIG, { authority: 'safe.test', path: '/x' })
  assert.deepEqual([safe.kind, safe.route, safe.answer?.location], ['redirect', null, 'https://safe.test/x'])
})

test('a route of a matcher tree is named by its place in the tree', () => {
  const type = (name: string) => `type.googleapis.com/${name}`
  const route = (name: string, prefix: string) => {
    const typedConfig = { '@type': type('envoy.config.route.v3.Route'), name, match: { prefix }, route: to(name) }
    return { action: { name: 'route', typedConfig: typedConfig as never } }
  }
  const header = { '@type': type('envoy.type.matcher.v3.HttpRequestHeaderMatchInput'), headerName: 'x-v' }
  const matcher = {
    matcherTree: {
      input: { name: 'header', typedConfig: header as never },
      exactMatchMap: { map: { one: route('one', '/a'), two: route('two', '/') } },
    },
    onNoMatch: route('other', '/'),
  }
  const config = { name: 'edge', virtualHosts: [{ name: 'v', domains: ['*'], matcher }] }
  const hit = explain(config, { path: '/a', lines: [['x-v', 'one']] })
  assert.equal(hit.route?.name, 'one')
  assert.match(hit.route?.at ?? '', /matcher_tree\.exact_match_map\.map\["one"\]\.action\.typed_config$/)
  assert.equal(explain(config, { path: '/b' }).action?.clusters[0]?.name, 'other')
  const miss = explain(config, { path: '/b', lines: [['x-v', 'one']] })
  assert.deepEqual([miss.route, miss.kind], [null, 'none'])
})
