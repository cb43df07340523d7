// Spans of what a request causes beside itself: calls of filters, copies for mirrors. PROXY_UNDER_TEST holds the same
// against a real Envoy.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  answering,
  bootstrap,
  Collector,
  exchange,
  freePorts,
  GrpcService,
  httpListener,
  ProxyProcess,
  type RawRequest,
  ScriptedOrigin,
  staticCluster,
} from '../../harness/index.ts'
import { headerOf } from '../../harness/message-body.ts'
import { flushEach, http2Cluster, zipkin } from './providers.ts'

const FILTERS = 'type.googleapis.com/envoy.extensions.filters.http'
const SCRIPT = `
function envoy_on_request(handle)
  local to = { [":method"] = "GET", [":path"] = "/seen", [":authority"] = "seen.test" }
  handle:httpCall("origin", to, nil, { timeout_ms = 1000 })
  to[":authority"] = "unseen.test"
  handle:httpCall("origin", to, nil, { timeout_ms = 1000, trace_sampled = false })
end`

interface ZipkinSpan {
  readonly name: string
  readonly id: string
  readonly traceId: string
  readonly parentId?: string
  readonly tags: Readonly<Record<string, string>>
}

let collector: Collector
let checks: GrpcService<object>
let limits: GrpcService<object>
let origin: ScriptedOrigin
let proxy: ProxyProcess
let ports: readonly number[]

before(async () => {
  collector = await Collector.start()
  checks = await GrpcService.start('envoy.service.auth.v3.CheckRequest', 'envoy.service.auth.v3.CheckResponse', () => ({
    status: { code: 7 },
  }))
  const limit = 'envoy.service.ratelimit.v3.RateLimit'
  limits = await GrpcService.start(`${limit}Request`, `${limit}Response`, () => ({ overallCode: 1 }))
  origin = await ScriptedOrigin.start(answering('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'))
  const service = (cluster: string): object => ({ envoy_grpc: { cluster_name: cluster } })
  const server_uri = { uri: 'http://origin.test', cluster: 'origin', timeout: '1s' }
  const filters = [
    { '@type': `${FILTERS}.ext_authz.v3.ExtAuthz`, http_service: { server_uri, path_prefix: '/check' } },
    { '@type': `${FILTERS}.ext_authz.v3.ExtAuthz`, grpc_service: service('checks') },
    {
      '@type': `${FILTERS}.ratelimit.v3.RateLimit`,
      domain: 'd',
      rate_limit_service: { grpc_service: service('limits') },
    },
    { '@type': `${FILTERS}.lua.v3.Lua`, default_source_code: { inline_string: SCRIPT } },
    null,
  ]
  ports = await freePorts(filters.length)
  const router = { name: 'router', typed_config: { '@type': `${FILTERS}.router.v3.Router` } }
  const limited = { rate_limits: [{ actions: [{ generic_key: { descriptor_value: 'x' } }] }] }
  const copied = { request_mirror_policies: [{ cluster: 'copies' }] }
  const discreet = { request_mirror_policies: [{ cluster: 'copies', trace_sampled: false }] }
  const routes = [
    { match: { path: '/copied' }, route: { cluster: 'origin', ...copied } },
    { match: { path: '/discreet' }, route: { cluster: 'origin', ...discreet } },
    { match: { prefix: '/' }, route: { cluster: 'origin', ...limited } },
  ]
  const listeners = filters.map((filter, i) => {
    const chain = filter === null ? [router] : [{ name: 'filter', typed_config: filter }, router]
    return httpListener({ port: ports[i]!, routes, hcm: { tracing: { provider: zipkin() }, http_filters: chain } })
  })
  const clusters = [
    staticCluster('origin', origin.port),
    staticCluster('copies', origin.port),
    staticCluster('collector', collector.port),
    http2Cluster('checks', checks.port),
    http2Cluster('limits', limits.port),
  ]
  proxy = await ProxyProcess.start(bootstrap(listeners, clusters, flushEach('zipkin', 1)))
})

after(async () => {
  await proxy?.stop()
  await origin?.close()
  for (const each of [checks, limits, collector]) await each?.close()
})

/** The spans of one request by name, its own as ''. */
async function ask(index: number, path: string, count: number): Promise<ReadonlyMap<string, ZipkinSpan>> {
  await exchange(ports[index]!, `GET ${path} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n`)
  const batches = await collector.take(all => all.length >= count)
  const spans = batches.flatMap(({ body }) => JSON.parse(body.toString()) as readonly ZipkinSpan[])
  assert.equal(spans.length, count)
  const own = spans.find(({ name }) => name === 'shop')!
  for (const span of spans) {
    assert.equal(span.traceId, own.traceId)
    assert.equal(span.parentId, span === own ? undefined : own.id)
  }
  return new Map(spans.map(span => [span === own ? '' : span.name, span]))
}

const requestTo = (host: string): RawRequest =>
  origin.requests.findLast(({ headers }) => headerOf(headers, 'host') === host)!

test('an HTTP check', async () => {
  const spans = await ask(0, '/a', 2)
  const span = spans.get('async origin egress')!
  const { headers } = origin.requests.findLast(({ target }) => target === '/check/a')!
  assert.equal(headerOf(headers, 'x-b3-spanid'), span.id)
  assert.equal(span.tags['ext_authz_status'], 'ext_authz_ok')
  assert.equal(span.tags['ext_authz_http_status'], 'OK')
  assert.equal(span.tags['peer.address'], `127.0.0.1:${origin.port}`)
})

test('a gRPC check that denies', async () => {
  const span = (await ask(1, '/a', 2)).get('async envoy.service.auth.v3.Authorization.Check egress')!
  assert.equal(checks.requests.at(-1)!.headers['x-b3-spanid'], span.id)
  assert.deepEqual(span.tags, {
    component: 'proxy',
    ext_authz_status: 'ext_authz_unauthorized',
    'grpc.status_code': '0',
    upstream_address: 'checks',
    upstream_cluster: 'checks',
  })
})

test('a question for the rate limit service', async () => {
  const span = (await ask(2, '/a', 2)).get('async envoy.service.ratelimit.v3.RateLimitService.ShouldRateLimit egress')!
  assert.equal(limits.requests.at(-1)!.headers['x-b3-spanid'], span.id)
  assert.equal(span.tags['ratelimit_status'], 'ok')
})

test('calls of a script, one of them not sampled', async () => {
  const span = (await ask(3, '/a', 2)).get('async origin egress')!
  assert.equal(headerOf(requestTo('seen.test').headers, 'x-b3-spanid'), span.id)
  assert.equal(headerOf(requestTo('unseen.test').headers, 'x-b3-sampled'), '0')
})

test('a copy for a mirror, and one whose span is not sent', async () => {
  const span = (await ask(4, '/copied', 2)).get('mirror')!
  assert.equal(headerOf(requestTo('shop-shadow').headers, 'x-b3-spanid'), span.id)
  assert.equal(span.tags['upstream_cluster'], 'copies')
  assert.equal(span.tags['http.status_code'], '200')
  await ask(4, '/discreet', 1)
  assert.equal(headerOf(requestTo('shop-shadow').headers, 'x-b3-sampled'), '0')
})
