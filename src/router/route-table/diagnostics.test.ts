import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileContext, complaints } from './testing.ts'

function ofRoute(route: object, clusters?: readonly string[]): readonly string[] {
  const virtualHosts = [{ name: 'v', domains: ['*'], routes: [{ match: { prefix: '/' }, ...route }] }]
  return complaints({ virtualHosts }, compileContext(clusters))
}

const ROUTE = 'virtual_hosts[0].routes[0]'

test('mistakes in a route are found, with their path', () => {
  const cluster = { cluster: 'a' }
  const add = (key: string, value = 'x', more: object = {}): object => ({ header: { key, value }, ...more })
  const cases: [object, string][] = [
    [
      { route: cluster, requestHeadersToAdd: [add(':path')] },
      '.request_headers_to_add[0].header.key: :path cannot be set',
    ],
    [
      { route: cluster, responseHeadersToAdd: [add('Host')] },
      '.response_headers_to_add[0].header.key: Host cannot be set',
    ],
    [
      { route: cluster, requestHeadersToRemove: ['x', 'host'] },
      '.request_headers_to_remove[1]: host cannot be removed',
    ],
    [{ route: cluster, requestHeadersToAdd: [add('x', '50%')] }, '.request_headers_to_add[0].header.value: '],
    [
      { route: cluster, requestHeadersToAdd: [add('x', 'y', { append: true, appendAction: 'ADD_IF_ABSENT' })] },
      '.request_headers_to_add[0].append: append and append_action',
    ],
    [
      { route: { ...cluster, retryPolicy: { retryOn: '5xx,rest' } } },
      '.route.retry_policy.retry_on: unknown retry condition rest',
    ],
    [
      { route: { ...cluster, prefixRewrite: '/x', pathRewrite: '/y' } },
      '.route: a route rewrites the path in one way only',
    ],
    [
      { route: { weightedClusters: { clusters: [{ name: 'a', weight: 0 }] } } },
      '.route.weighted_clusters.clusters: the weights',
    ],
    [
      { route: { weightedClusters: { clusters: [{ weight: 1 }] } } },
      '.route.weighted_clusters.clusters[0]: a weighted cluster',
    ],
    [
      { directResponse: { status: 200, body: { inlineString: 'x'.repeat(4097) } } },
      '.direct_response.body: the body has 4097',
    ],
    [{ match: { safeRegex: { regex: '(' } }, route: cluster }, '.match.safe_regex.regex: not a valid RE2 pattern'],
    [
      { route: { ...cluster, upgradeConfigs: [{ upgradeType: 'a' }, { upgradeType: 'A' }] } },
      '.route.upgrade_configs[1].upgrade_type: duplicate upgrade A',
    ],
    [
      { route: { ...cluster, retryPolicy: { retryBackOff: { baseInterval: '1s', maxInterval: '0.5s' } } } },
      '.route.retry_policy.retry_back_off.max_interval: shorter than base_interval',
    ],
    [
      { route: { ...cluster, regexRewrite: { pattern: { regex: 'a' }, substitution: '\\1' } } },
      '.route.regex_rewrite.substitution: not a valid substitution',
    ],
  ]
  for (const [route, want] of cases) {
    const found = ofRoute(route)
    assert.equal(found.length, 1, `${want}: ${found.join('; ')}`)
    assert.ok(found[0]!.startsWith(ROUTE + want), `${found[0]} starts with ${want}`)
  }
})

test('unknown clusters are named, with the nearest one', () => {
  const context = compileContext(['backend'])
  const resource = (validateClusters?: boolean): object => ({
    ...(validateClusters === undefined ? {} : { validateClusters }),
    virtualHosts: [{ name: 'v', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'backned' } }] }],
  })
  complaints(resource(), context)
  assert.deepEqual(
    context.diagnostics.list.map(({ path, suggestion }) => [path, suggestion]),
    [[`${ROUTE}.route.cluster`, 'backend']],
  )
  assert.deepEqual(complaints(resource(false), compileContext(['backend'])), [])
})

test('a domain and a name belong to one virtual host', () => {
  const host = (name: string, ...domains: string[]): object => ({ name, domains, routes: [] })
  assert.deepEqual(
    complaints({ virtualHosts: [host('v', 'a.b', 'A.B'), host('v', '*'), host('w', '*.x', '*', '*.X')] }),
    [
      'virtual_hosts[0].domains[1]: domain A.B appears twice',
      'virtual_hosts[1].name: two virtual hosts are named v; their stats are one',
      'virtual_hosts[2].domains[1]: domain * appears twice',
      'virtual_hosts[2].domains[2]: domain *.X appears twice',
    ],
  )
})
