import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RateLimitJson } from '#api/envoy/config/route/v3/route_components_pb.ts'
import { ConfigPath, Diagnostics, ExtensionRegistry, runtimeSnapshot } from '../../config/index.ts'
import { StreamInfo } from '../../observability/index.ts'
import { HeaderName } from '../header-name.ts'
import { HeaderMap } from '../headers.ts'
import type { Route } from '../route.ts'
import type { RateLimitDescriptor } from './descriptor.ts'
import { compileRateLimits, type RateLimitPlace } from './policy.ts'

const CONNECTION = {
  connectionId: 1,
  remoteAddress: '[2001:db8:0:0:1::7]:99',
  directRemoteAddress: '127.0.0.1:99',
  localAddress: '127.0.0.1:80',
  directLocalAddress: '127.0.0.1:80',
  requestedServerName: null,
  filterChainName: '',
  ssl: null,
}

function compile(limits: readonly object[], place: RateLimitPlace = 'route') {
  const diagnostics = new Diagnostics()
  const context = {
    diagnostics,
    extensions: new ExtensionRegistry(),
    node: {},
    runtime: runtimeSnapshot([]),
    hasCluster: () => true,
    readFile: () => Buffer.alloc(0),
  }
  const policy = compileRateLimits(limits as RateLimitJson[], place, context, ConfigPath.root.field('rate_limits'))
  return { policy, problems: diagnostics.list.map(({ path, message }) => `${path}: ${message}`) }
}

function describe(limits: readonly object[], runtime: object = {}, done = false): readonly RateLimitDescriptor[] {
  const headers = new HeaderMap()
  headers.method = 'GET'
  headers.path = '/p?a=1'
  headers.append(HeaderName.of('x-tenant'), 't1')
  const info = new StreamInfo(CONNECTION as never, 0)
  info.dynamicMetadata = new Map([
    ['ns', { deep: { list: ['zero', 'one'] }, limit: { requests_per_unit: 9, unit: 'HOUR' }, number: 4 }],
  ])
  info.clusterMetadata = { own: { name: 'of the cluster' } }
  const route = { clusterName: 'c', clusterHeader: null, metadata: { own: { name: 'r' } } } as unknown as Route
  const out: RateLimitDescriptor[] = []
  const subject = { headers, info, route, serviceCluster: 'me' }
  const place = limits.some(limit => 'hitsAddend' in limit) ? 'filter' : 'route'
  compile(limits, place).policy.populate(out, 0, done, runtimeSnapshot([runtime]), subject)
  return out
}

const texts = (descriptors: readonly RateLimitDescriptor[]): readonly string[] =>
  descriptors.map(({ entries }) => entries.map(({ key, value }) => `${key}=${value}`).join(','))

test('metadata: by path, of the request or the route, text only', () => {
  const of = (metadata: object) => texts(describe([{ actions: [{ metadata: { descriptorKey: 'm', ...metadata } }] }]))
  const key = (...path: object[]) => ({ metadataKey: { key: 'ns', path } })
  assert.deepEqual(of(key({ key: 'deep' }, { key: 'list' }, { index: 1 })), ['m=one'])
  assert.deepEqual(of(key({ key: 'number' })), [])
  assert.deepEqual(of({ ...key({ key: 'number' }), defaultValue: 'd' }), ['m=d'])
  assert.deepEqual(of({ ...key({ key: 'none' }), skipIfAbsent: true }), [''])
  assert.deepEqual(of({ source: 'ROUTE_ENTRY', metadataKey: { key: 'own', path: [{ key: 'name' }] } }), ['m=r'])
  const ofCluster = { source: 'CLUSTER_ENTRY', metadataKey: { key: 'own', path: [{ key: 'name' }] } }
  assert.deepEqual(of(ofCluster), ['m=of the cluster'])
})

test('addresses of IPv6 clients are masked and written as usual', () => {
  assert.deepEqual(texts(describe([{ actions: [{ remoteAddress: {} }] }])), ['remote_address=2001:db8::1:0:0:7'])
  const masked = [{ actions: [{ maskedRemoteAddress: { v6PrefixMaskLen: 48 } }] }]
  assert.deepEqual(texts(describe(masked)), ['masked_remote_address=2001:db8::/48'])
})

test('the value of an expression is a descriptor; without one there is none, or the others stand alone', () => {
  const expression = (config: object) => ({
    extension: {
      name: 'expr',
      typedConfig: {
        '@type': 'type.googleapis.com/envoy.extensions.rate_limit_descriptors.expr.v3.Descriptor',
        descriptorKey: 'e',
        ...config,
      },
    },
  })
  const of = (config: object) => texts(describe([{ actions: [{ remoteAddress: {} }, expression(config)] }]))
  const address = 'remote_address=2001:db8::1:0:0:7'
  assert.deepEqual(of({ text: "request.headers['x-tenant']" }), [`${address},e=t1`])
  assert.deepEqual(of({ text: 'request.query.size() > 2' }), [`${address},e=true`])
  const path = { selectExpr: { operand: { identExpr: { name: 'request' } }, field: 'url_path' } }
  assert.deepEqual(of({ parsed: path }), [`${address},e=/p`])
  assert.deepEqual(of({ text: "request.headers['none']" }), [])
  assert.deepEqual(of({ text: "request.headers['none']", skipIfError: true }), [address])
  assert.match(compile([{ actions: [expression({ text: '1 +' })] }]).problems[0] ?? '', /text: not a CEL expression/)
})

test('an input of a matcher tree is a descriptor under the name of its extension', () => {
  const extension = (type: string, config: object = {}) => ({
    extension: { name: 'own', typedConfig: { '@type': `type.googleapis.com/envoy.${type}`, ...config } },
  })
  const header = (headerName: string) => extension('type.matcher.v3.HttpRequestHeaderMatchInput', { headerName })
  const of = (...actions: object[]) => texts(describe([{ actions } as RateLimitJson]))
  assert.deepEqual(of(header('x-tenant'), header(':method')), ['own=t1,own=GET'])
  assert.deepEqual(of(header('x-none')), [], 'without it there is no descriptor')
  assert.deepEqual(of(extension('type.matcher.v3.HttpRequestQueryParamMatchInput', { queryParam: 'a' })), ['own=1'])
  const late = extension('type.matcher.v3.HttpResponseHeaderMatchInput', { headerName: 'x' })
  assert.deepEqual(compile([{ actions: [late] }]).problems, [
    'rate_limits[0].actions[0].extension.typed_config: unknown rate limit descriptor',
  ])
})

test('a limit comes from the configuration or from metadata', () => {
  const action = [{ genericKey: { descriptorValue: 'v' } }]
  const fixed = describe([{ actions: action, limit: { rateLimit: { requestsPerUnit: 3, unit: 'DAY' } } }])
  assert.deepEqual(fixed[0]?.limit, { requestsPerUnit: 3, unit: 'DAY' })
  const at = (name: string) => ({ dynamicMetadata: { metadataKey: { key: 'ns', path: [{ key: name }] } } })
  assert.deepEqual(describe([{ actions: action, limit: at('limit') }])[0]?.limit, { requestsPerUnit: 9, unit: 'HOUR' })
  assert.equal(describe([{ actions: action, limit: at('number') }])[0]?.limit, null)
})

test('hits: a number, a format that yields one, or no descriptor', () => {
  const of = (hitsAddend: object) => describe([{ actions: [{ genericKey: { descriptorValue: 'v' } }], hitsAddend }])
  assert.equal(of({ number: '7' })[0]?.hitsAddend, 7)
  assert.equal(of({ format: '%BYTES_SENT%' })[0]?.hitsAddend, 0)
  assert.deepEqual(of({ format: '%REQ(x-tenant)%' }), [])
  assert.equal(of({ number: '2', isNegativeHits: true })[0]?.isNegativeHits, true)
})

test('runtime switches entries off by their key, and those of the stream end wait for it', () => {
  const limits = [
    { actions: [{ genericKey: { descriptorValue: 'keyed' } }], disableKey: 'off' },
    { actions: [{ genericKey: { descriptorValue: 'late' } }], applyOnStreamDone: true },
  ]
  assert.deepEqual(texts(describe(limits)), ['generic_key=keyed'])
  assert.deepEqual(texts(describe(limits, { ratelimit: { off: { http_filter_enabled: 0 } } })), [])
  assert.deepEqual(texts(describe(limits, {}, true)), ['generic_key=late'])
})

test('what Envoy would ignore or refuse is an error with its place', () => {
  const generic = { genericKey: { descriptorValue: 'v' } }
  assert.deepEqual(compile([{ actions: [generic], hitsAddend: { number: '1' } }]).problems, [
    'rate_limits[0].hits_addend: hits_addend has no effect in the rate_limits of a route',
  ])
  assert.deepEqual(compile([{ actions: [generic], stage: 0 }], 'filter').problems, [
    'rate_limits[0].stage: stage cannot be used in the rate_limits of a filter',
  ])
  const range = { remoteAddressMatch: { descriptorValue: 'v', addressMatcher: { ranges: [{ addressPrefix: 'x' }] } } }
  assert.deepEqual(compile([{ actions: [range] }]).problems, [
    'rate_limits[0].actions[0].remote_address_match.address_matcher.ranges[0].address_prefix: is not an IP address',
  ])
})
