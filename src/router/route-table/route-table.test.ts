import assert from 'node:assert/strict'
import { test } from 'node:test'
import { finalizedRequest, head, routeOf, streamInfo, table } from './testing.ts'

const direct = (name: string, match: object): object => ({ name, match, directResponse: { status: 200 } })

test('virtual hosts by domain', () => {
  const hosts = {
    exact: ['a.test'],
    suffix: ['*.test'],
    longer: ['*.b.test'],
    prefix: ['a.*', 'abc.*'],
    port: ['b.test:8080'],
  }
  const compiled = table({
    virtualHosts: Object.entries(hosts).map(([name, domains]) => ({
      name,
      domains,
      routes: [direct(name, { prefix: '/' })],
    })),
  })
  const rows: [string, string | undefined][] = [
    ['a.test', 'exact'],
    ['A.TeSt', 'exact'],
    ['x.test', 'suffix'],
    ['abc.test', 'suffix'],
    ['x.b.test', 'longer'],
    ['.test', undefined],
    ['a.example', 'prefix'],
    ['a.', undefined],
    ['b.test:8080', 'port'],
    ['b.test:8081', undefined],
    ['', undefined],
  ]
  for (const [authority, want] of rows) {
    assert.equal(routeOf(compiled, head({ authority }))?.name, want, authority)
  }
})

test('ports are ignored where asked', () => {
  const compiled = table({
    ignorePortInHostMatching: true,
    virtualHosts: [{ name: 'v', domains: ['a.test', '[::1]'], routes: [direct('r', { prefix: '/' })] }],
  })
  for (const authority of ['a.test', 'a.test:80', '[::1]', '[::1]:80']) {
    assert.equal(routeOf(compiled, head({ authority }))?.name, 'r', authority)
  }
})

test('paths', () => {
  const compiled = table({
    virtualHosts: [
      {
        name: 'v',
        domains: ['*'],
        routes: [
          direct('exact', { path: '/exact' }),
          direct('pre', { prefix: '/pre' }),
          direct('sep', { pathSeparatedPrefix: '/sep' }),
          direct('re', { safeRegex: { regex: '/re/[0-9]+(/x)?' } }),
          direct('nocase', { prefix: '/CaSe', caseSensitive: false }),
          direct('template', {
            pathMatchPolicy: {
              typedConfig: {
                '@type': 'type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig',
                pathTemplate: '/t/{a}/{b=**}',
              },
            },
          }),
          direct('utf8', { path: '/é' }),
        ],
      },
    ],
  })
  const rows: [string, string | undefined][] = [
    ['/exact', 'exact'],
    ['/exact?a=1', 'exact'],
    ['/exact#f', 'exact'],
    ['/exact/', undefined],
    ['/prefix', 'pre'],
    ['/pr', undefined],
    ['/sep', 'sep'],
    ['/sep?x', 'sep'],
    ['/sep/a', 'sep'],
    ['/sepa', undefined],
    ['/re/12/x', 're'],
    ['/re/12/x?q', 're'],
    ['/re/12/y', undefined],
    ['/cAsE/1', 'nocase'],
    ['/t/1/2/3', 'template'],
    ['/t/1', undefined],
    ['/Ã©', 'utf8'],
  ]
  for (const [path, want] of rows) assert.equal(routeOf(compiled, head({ path }))?.name, want, path)
})

test('CONNECT matches a connect matcher only', () => {
  const compiled = table({
    virtualHosts: [
      {
        name: 'v',
        domains: ['*'],
        routes: [direct('all', { prefix: '/' }), direct('connect', { connectMatcher: {} })],
      },
    ],
  })
  assert.equal(routeOf(compiled, head({ method: 'CONNECT', path: '' }))?.name, 'connect')
  assert.equal(routeOf(compiled, head({}))?.name, 'all')
})

test('conditions beside the path', () => {
  const named = (name: string, match: object): object => direct(name, { prefix: '/', ...match })
  const compiled = table({
    virtualHosts: [
      {
        name: 'v',
        domains: ['*'],
        routes: [
          named('grpc', { grpc: {} }),
          named('never', { runtimeFraction: { defaultValue: { numerator: 0 } } }),
          named('method', { headers: [{ name: ':method', stringMatch: { exact: 'PUT' } }] }),
          named('query', { queryParameters: [{ name: 'a', stringMatch: { exact: '1' } }] }),
          named('present', { queryParameters: [{ name: 'd', presentMatch: true }] }),
          named('rest', {}),
        ],
      },
    ],
  })
  const rows: [string, Parameters<typeof head>[0]][] = [
    ['grpc', { lines: [['content-type', 'application/grpc+proto']] }],
    ['rest', { lines: [['content-type', 'application/grpcx']] }],
    ['method', { method: 'PUT' }],
    ['query', { path: '/q?a=1' }],
    ['rest', { path: '/q?a=0&a=1' }],
    ['rest', { path: '/q?ba=1' }],
    ['present', { path: '/q?x=1&d' }],
    ['rest', {}],
  ]
  for (const [want, request] of rows) {
    assert.equal(routeOf(compiled, head(request))?.name, want, JSON.stringify(request))
  }
})

test('weighted clusters', () => {
  const compiled = table({
    virtualHosts: [
      {
        name: 'v',
        domains: ['*'],
        routes: [
          {
            match: { prefix: '/' },
            route: {
              weightedClusters: {
                headerName: 'x-pick',
                clusters: [
                  { name: 'none', weight: 0 },
                  { name: 'a', weight: 30 },
                  { name: 'b', weight: 70, hostRewriteLiteral: 'b.host', metadataMatch: lb({ v: '2' }) },
                ],
              },
              metadataMatch: lb({ v: '1', stage: 'prod' }),
            },
          },
        ],
      },
    ],
  })
  const picked = (pick: string): string | null | undefined =>
    routeOf(compiled, head({ lines: [['x-pick', pick]] }), 7)?.clusterName
  assert.deepEqual(['0', '29', '30', '99', '130', '18446744073709551615'].map(picked), ['a', 'a', 'b', 'b', 'b', 'a'])
  assert.equal(picked('not a number'), 'a', 'the stream draws instead')
  assert.deepEqual(routeOf(compiled, head({}), 50)?.metadataMatch, { v: '2', stage: 'prod' })
  assert.deepEqual(finalizedRequest(compiled, head({}), 50), ['/', 'b.host'])
})

function lb(fields: object): object {
  return { filterMetadata: { 'envoy.lb': fields } }
}

test('require_tls', () => {
  const compiled = table({
    virtualHosts: [
      { name: 's', domains: ['all.test'], requireTls: 'ALL', routes: [direct('in', { prefix: '/' })] },
      { name: 'e', domains: ['ext.test'], requireTls: 'EXTERNAL_ONLY', routes: [direct('in', { prefix: '/' })] },
    ],
  })
  const answer = (authority: string, ...lines: [string, string][]): string | null | undefined => {
    const headers = head({ authority, path: '/a?b', lines: [['x-forwarded-proto', 'http'], ...lines] })
    const route = routeOf(compiled, headers)
    return route?.kind === 'redirect' ? route.redirect(headers, streamInfo()).location : route?.name
  }
  assert.equal(answer('all.test'), 'https://all.test/a?b')
  assert.equal(answer('ext.test'), 'https://ext.test/a?b')
  assert.equal(answer('ext.test', ['x-envoy-internal', 'true']), 'in')
})
