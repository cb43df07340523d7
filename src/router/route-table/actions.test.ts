import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HeaderMap, HeaderName, type RouteTable } from '../../http/index.ts'
import { finalizedRequest, head, type RequestLines, routeOf, streamInfo, table } from './testing.ts'

function oneRoute(match: object, rest: object, config: object = {}): RouteTable {
  return table({ ...config, virtualHosts: [{ name: 'v', domains: ['*'], routes: [{ match, ...rest }] }] })
}

test('path rewrites', () => {
  const cases: [object, object, string, string][] = [
    [{ prefix: '/p/' }, { prefixRewrite: '/new/' }, '/p/a?b=c', '/new/a?b=c'],
    [{ prefix: '/root' }, { prefixRewrite: '/' }, '/root', '/'],
    [{ prefix: '/CI', caseSensitive: false }, { prefixRewrite: '/lower' }, '/ci/x', '/lower/x'],
    [{ path: '/exact' }, { prefixRewrite: '/other' }, '/exact?q', '/other?q'],
    [{ safeRegex: { regex: '/rx/.*' } }, { prefixRewrite: '/whole' }, '/rx/a/b?c', '/whole?c'],
    [{ pathSeparatedPrefix: '/sep' }, { prefixRewrite: '/done' }, '/sep/a', '/done/a'],
    [{ prefix: '/' }, { regexRewrite: regex('^/r/([^/]+)/(.*)$', '/\\2/as/\\1') }, '/r/1/2/3?q=/r/', '/2/3/as/1?q=/r/'],
    [{ prefix: '/' }, { regexRewrite: regex('a', 'bb') }, '/all/a?a=a', '/bbll/bb?a=a'],
    [{ prefix: '/' }, { regexRewrite: regex('zzz', 'y') }, '/noop?zzz', '/noop?zzz'],
    [{ prefix: '/' }, { pathRewrite: '/x%REQ(x-p)%' }, '/fp?q=1', '/xv?q=1'],
    [
      { pathMatchPolicy: template('match', 'pathTemplate', '/a/{x}/{y=**}') },
      { pathRewritePolicy: template('rewrite', 'pathTemplateRewrite', '/{y}/b/{x}') },
      '/a/1/2/3?q',
      '/2/3/b/1?q',
    ],
  ]
  for (const [match, action, path, want] of cases) {
    const compiled = oneRoute(match, { route: { cluster: 'a', ...action } })
    const lines = [['x-p', 'v']] as const
    assert.deepEqual(finalizedRequest(compiled, head({ path, lines })), [
      want,
      'svc.test',
      'x-p: v',
      `x-envoy-original-path: ${path}`,
    ])
    assert.deepEqual(finalizedRequest(compiled, head({ path, lines }), 0, true), [want, 'svc.test', 'x-p: v'])
  }
})

function regex(pattern: string, substitution: string): object {
  return { pattern: { regex: pattern }, substitution }
}

function template(kind: 'match' | 'rewrite', field: string, text: string): object {
  const name = kind === 'match' ? 'UriTemplateMatchConfig' : 'UriTemplateRewriteConfig'
  const type = `type.googleapis.com/envoy.extensions.path.${kind}.uri_template.v3.${name}`
  return { name: kind, typedConfig: { '@type': type, [field]: text } }
}

test('host rewrites', () => {
  const original = 'x-envoy-original-host: svc.test'
  const cases: [object, RequestLines, readonly string[]][] = [
    [{ hostRewriteLiteral: 'lit.test' }, {}, ['/', 'lit.test', original]],
    [{ hostRewriteHeader: 'x-host' }, { lines: [['x-host', 'h']] }, ['/', 'h', 'x-host: h', original]],
    [{ hostRewriteHeader: 'x-host' }, {}, ['/', 'svc.test']],
    [
      { hostRewritePathRegex: regex('^/re/([a-z]+)/.*$', '\\1') },
      { path: '/re/abc/d?e' },
      ['/re/abc/d?e', 'abc', original],
    ],
    [{ hostRewrite: 'h-%REQ(:path)%' }, {}, ['/', 'h-/', original]],
    [
      { hostRewriteLiteral: 'lit.test', appendXForwardedHost: true },
      { lines: [['x-forwarded-host', 'q']] },
      ['/', 'lit.test', 'x-forwarded-host: q,svc.test', original],
    ],
  ]
  for (const [action, request, want] of cases) {
    const compiled = oneRoute({ prefix: '/' }, { route: { cluster: 'a', ...action } })
    assert.deepEqual(finalizedRequest(compiled, head(request)), want)
  }
})

test('a rewrite that leaves nothing is none', () => {
  const actions = [{ regexRewrite: regex('^.*$', '') }, { hostRewritePathRegex: regex('^.*$', '') }]
  for (const action of actions) {
    const compiled = oneRoute({ prefix: '/' }, { route: { cluster: 'a', ...action } })
    assert.deepEqual(finalizedRequest(compiled, head({ path: '/a?q' })), ['/a?q', 'svc.test'])
  }
})

test('redirects', () => {
  const cases: [object, RequestLines, string][] = [
    [{ pathRedirect: 'rel' }, { path: '/x?q' }, '301 http://svc.test/rel?q'],
    [{ regexRewrite: regex('^/', '') }, { path: '/x?q' }, '301 http://svc.test/x?q'],
    [{ regexRewrite: regex('^.*$', '') }, { path: '/x?q' }, '301 http://svc.test/x?q'],
    [{ hostRedirect: 'new.test' }, { path: '/a?b=c' }, '301 http://new.test/a?b=c'],
    [{ pathRedirect: '/else' }, { path: '/x?q=1' }, '301 http://svc.test/else?q=1'],
    [{ pathRedirect: '/else?fixed=1', stripQuery: true }, { path: '/x?q=1' }, '301 http://svc.test/else?fixed=1'],
    [{ pathRedirect: '/x', stripQuery: true }, { path: '/y?b=c' }, '301 http://svc.test/x'],
    [{ prefixRewrite: '/moved' }, { path: '/pre/a/b?c' }, '301 http://svc.test/moved/a/b?c'],
    [
      { regexRewrite: regex('^/pre/(\\w+)/(.*)$', '/\\2/\\1') },
      { path: '/pre/one/two?q' },
      '301 http://svc.test/two/one?q',
    ],
    [{ httpsRedirect: true }, { path: '/x?y' }, '301 https://svc.test/x?y'],
    [{ httpsRedirect: true }, { authority: 'svc.test:8080' }, '301 https://svc.test:8080/'],
    [{ httpsRedirect: true }, { authority: 'svc.test:80' }, '301 https://svc.test/'],
    [{ httpsRedirect: true }, { authority: '[::1]:80' }, '301 https://[::1]/'],
    [{ httpsRedirect: true }, { authority: '[::1]' }, '301 https://[::1]/'],
    [{ hostRedirect: 'h', stripQuery: true, responseCode: 'FOUND' }, { path: '/a?b' }, '302 http://h/a'],
    [{ portRedirect: 8443 }, { authority: 'svc.test:80' }, '301 http://svc.test:8443/'],
    [
      {
        httpsRedirect: true,
        hostRedirect: 'n',
        portRedirect: 444,
        pathRedirect: '/p',
        responseCode: 'PERMANENT_REDIRECT',
      },
      {},
      '308 https://n:444/p',
    ],
  ]
  for (const [action, request, want] of cases) {
    const match = request.path?.startsWith('/pre') === true ? { prefix: '/pre' } : { prefix: '/' }
    const compiled = oneRoute(match, { redirect: action })
    const headers = head({ ...request, lines: [['x-forwarded-proto', 'http']] })
    const answer = routeOf(compiled, headers)?.redirect(headers, streamInfo())
    assert.equal(`${answer?.status} ${answer?.location}`, want)
  }
})

test('header mutations of every level, in Envoy order', () => {
  const add = (value: string): object[] => [{ header: { key: 'x-level', value } }]
  const levels = (mostSpecificHeaderMutationsWins: boolean): RouteTable =>
    table({
      mostSpecificHeaderMutationsWins,
      requestHeadersToAdd: add('config'),
      responseHeadersToAdd: add('config'),
      responseHeadersToRemove: ['x-origin-drop'],
      virtualHosts: [
        {
          name: 'v',
          domains: ['*'],
          requestHeadersToAdd: add('vhost'),
          requestHeadersToRemove: ['X-Drop'],
          responseHeadersToAdd: add('vhost'),
          routes: [
            {
              match: { prefix: '/' },
              requestHeadersToAdd: add('route'),
              responseHeadersToAdd: add('route'),
              route: {
                weightedClusters: {
                  clusters: [
                    { name: 'a', weight: 1, requestHeadersToAdd: add('cluster'), responseHeadersToAdd: add('cluster') },
                  ],
                },
              },
            },
          ],
        },
      ],
    })
  for (const [wins, order] of [
    [false, ['cluster', 'route', 'vhost', 'config']],
    [true, ['cluster', 'config', 'vhost', 'route']],
  ] as const) {
    const compiled = levels(wins)
    const request = head({ lines: [['x-drop', '1']] })
    const want = order.map(level => `x-level: ${level}`)
    assert.deepEqual(finalizedRequest(compiled, request), ['/', 'svc.test', ...want])
    const response = new HeaderMap()
    response.status = 200
    response.append(HeaderName.of('x-origin-drop'), '1')
    routeOf(compiled, head({}))?.finalizeResponse(response, request, streamInfo())
    const lines: string[] = []
    response.forEach((name, value) => {
      lines.push(`${name}: ${value}`)
    })
    assert.deepEqual(lines, want)
  }
})

test('durations, priorities and limits', () => {
  const route = routeOf(
    table({
      virtualHosts: [
        {
          name: 'v',
          domains: ['*'],
          retryPolicy: { retryOn: '5xx,reset', numRetries: 3, retryBackOff: { baseInterval: '0.1s' } },
          perRequestBufferLimitBytes: 10,
          routes: [
            {
              match: { prefix: '/' },
              requestBodyBufferLimit: '20',
              route: {
                cluster: 'a',
                timeout: '1.5s',
                idleTimeout: '0s',
                priority: 'HIGH',
                clusterNotFoundResponseCode: 'NOT_FOUND',
                maxStreamDuration: { grpcTimeoutHeaderMax: '0s' },
                upgradeConfigs: [{ upgradeType: 'WebSocket' }, { upgradeType: 'CONNECT', enabled: false }],
              },
            },
          ],
        },
      ],
    }),
    head({}),
  )
  assert.ok(route)
  assert.deepEqual(
    [
      route.timeoutMs,
      route.idleTimeoutMs,
      route.maxStreamDurationMs,
      route.grpcTimeoutHeaderMaxMs,
      route.bufferLimitBytes,
    ],
    [1500, 0, -1, 0, 20],
  )
  assert.deepEqual([route.priority, route.clusterNotFoundStatus, route.retryPolicy?.retryOn], [1, 404, 1 | 4])
  assert.deepEqual([route.retryPolicy?.numRetries, route.retryPolicy?.maxIntervalMs], [3, 1000])
  assert.deepEqual(
    [...(route.upgrades ?? [])],
    [
      ['websocket', true],
      ['connect', false],
    ],
  )
})
