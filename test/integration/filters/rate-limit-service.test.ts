// The ratelimit filter and a rate limit service. PROXY_UNDER_TEST holds the same against a real Envoy.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import {
  answering,
  bootstrap,
  freePorts,
  GrpcService,
  httpListener,
  ProxyProcess,
  parseResponses,
  RawClient,
  type RawResponse,
  ScriptedOrigin,
  staticCluster,
} from '../../harness/index.ts'

const TYPE = 'type.googleapis.com/envoy.extensions'
const FILTER = `${TYPE}.filters.http.ratelimit.v3.RateLimit`
const HTTP2 = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': `${TYPE}.upstreams.http.v3.HttpProtocolOptions`,
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
}
const OK = 1
const OVER = 2

interface Asked {
  readonly domain: string
  readonly descriptors: readonly { readonly entries: readonly { readonly key: string; readonly value: string }[] }[]
}

const descriptorsOf = ({ descriptors }: Asked): readonly string[] =>
  descriptors.map(({ entries }) => entries.map(({ key, value }) => `${key}=${value}`).join())

let service: GrpcService<Asked>
let origin: ScriptedOrigin
let proxy: ProxyProcess
let ports: readonly number[]

const filter = (extra: object = {}): object => ({
  name: 'envoy.filters.http.ratelimit',
  typed_config: {
    '@type': FILTER,
    domain: 'shop',
    timeout: '2s',
    rate_limit_service: { transport_api_version: 'V3', grpc_service: { envoy_grpc: { cluster_name: 'limits' } } },
    ...extra,
  },
})

const router = {
  name: 'envoy.filters.http.router',
  typed_config: { '@type': `${TYPE}.filters.http.router.v3.Router` },
}
const byClient = { actions: [{ request_headers: { header_name: 'x-client', descriptor_key: 'client' } }] }
const own = {
  '@type': `${TYPE}.filters.http.ratelimit.v3.RateLimitPerRoute`,
  rate_limits: [{ actions: [{ generic_key: { descriptor_value: 'own' } }] }],
}
const routes = [
  {
    match: { prefix: '/own' },
    route: { cluster: 'origin', rate_limits: [byClient] },
    typed_per_filter_config: { 'envoy.filters.http.ratelimit': own },
  },
  { match: { prefix: '/free' }, route: { cluster: 'origin' } },
  {
    match: { prefix: '/' },
    route: {
      cluster: 'origin',
      rate_limits: [byClient, { actions: [{ destination_cluster: {} }, { generic_key: { descriptor_value: 'v' } }] }],
    },
  },
]

const CONFIGS: readonly object[] = [
  { enable_x_ratelimit_headers: 'DRAFT_VERSION_03', stat_prefix: 'mine' },
  { failure_mode_deny: true, status_on_error: { code: 'BadGateway' }, timeout: '0.1s' },
  {
    disable_x_envoy_ratelimited_header: true,
    rate_limited_status: { code: 'ServiceUnavailable' },
    response_headers_to_add: [{ header: { key: 'x-limited', value: '%REQ(:PATH)%' } }],
    rate_limited_as_resource_exhausted: true,
  },
  { request_type: 'internal' },
  { timeout: '0.1s' },
]

before(async () => {
  service = await GrpcService.start<Asked>(
    'envoy.service.ratelimit.v3.RateLimitRequest',
    'envoy.service.ratelimit.v3.RateLimitResponse',
    () => ({ overallCode: OK }),
  )
  origin = await ScriptedOrigin.start(answering('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'))
  ports = await freePorts(CONFIGS.length)
  const listeners = CONFIGS.map((config, i) =>
    httpListener({ port: ports[i] as number, routes, hcm: { http_filters: [filter(config), router] } }),
  )
  const clusters = [staticCluster('origin', origin.port), staticCluster('limits', service.port, HTTP2)]
  proxy = await ProxyProcess.start(bootstrap(listeners, clusters))
})

after(async () => {
  await proxy.stop()
  await origin.close()
  await service.close()
})

beforeEach(() => {
  service.requests.length = 0
  origin.reset()
})

async function get(which: number, head = '', path = '/p'): Promise<RawResponse> {
  using client = await RawClient.connect(ports[which] as number)
  client.send(`GET ${path} HTTP/1.1\r\nhost: svc.test\r\n${head}\r\n`)
  await client.until(received => parseResponses(received, ['GET']).length === 1)
  return parseResponses(client.received, ['GET'])[0] as RawResponse
}

const field = ({ headers }: RawResponse, name: string): string | undefined => headers.find(([key]) => key === name)?.[1]

test('the service gets the domain and the descriptors; its headers go both ways', async () => {
  service.answer = () => ({
    overallCode: OK,
    requestHeadersToAdd: [{ key: 'x-quota', value: 'left' }],
    responseHeadersToAdd: [{ key: 'x-said', value: 'yes' }],
  })
  const response = await get(0, 'x-client: a\r\n')
  assert.equal(response.status, 200)
  assert.equal(field(response, 'x-said'), 'yes')
  assert.deepEqual(descriptorsOf(service.requests[0]!.message), [
    'client=a',
    'destination_cluster=origin,generic_key=v',
  ])
  assert.equal(service.requests[0]!.message.domain, 'shop')
  assert.match(origin.received, /x-quota: left/)
  const { headers } = service.requests[0]!
  assert.equal(headers[':path'], '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit')
  assert.equal(headers[':authority'], 'limits')
  assert.equal(headers['content-type'], 'application/grpc')
  assert.equal(headers['te'], 'trailers')
  assert.equal(headers['x-envoy-internal'], 'true')
  await proxy.untilStat('cluster.origin.ratelimit.mine.ok', 1)
})

test('over the limit: 429, the headers of the tightest limit, and the counts', async () => {
  service.answer = () => ({
    overallCode: OVER,
    statuses: [
      {
        code: OK,
        currentLimit: { requestsPerUnit: 9, unit: 2 },
        limitRemaining: 4,
        durationUntilReset: { seconds: 30n },
      },
      {
        code: OVER,
        currentLimit: { requestsPerUnit: 5, unit: 3, name: 'hourly' },
        limitRemaining: 0,
        durationUntilReset: { seconds: 99n },
      },
      { code: OK },
    ],
    responseHeadersToAdd: [{ key: 'x-said', value: 'no' }],
    rawBody: Buffer.from('slow down'),
  })
  const response = await get(0)
  assert.equal(response.status, 429)
  assert.equal(response.body, 'slow down')
  assert.equal(field(response, 'x-envoy-ratelimited'), 'true')
  assert.equal(field(response, 'x-ratelimit-limit'), '5, 9;w=60, 5;w=3600;name="hourly"')
  assert.equal(field(response, 'x-ratelimit-remaining'), '0')
  assert.equal(field(response, 'x-ratelimit-reset'), '99')
  assert.deepEqual(
    response.headers.filter(([name]) => name === 'x-said'),
    [['x-said', 'no']],
  )
  assert.equal(origin.received, '')
  await proxy.untilStat('cluster.origin.ratelimit.mine.over_limit', 1)
})

test('fields of the service that no request may have', async () => {
  service.answer = () => ({ overallCode: OK, requestHeadersToAdd: [{ key: 'x-lf', value: 'a\nb: c' }] })
  const response = await get(0)
  assert.equal(response.status, 503)
  assert.equal(response.body, 'invalid header value for: x-lf')
  assert.equal(origin.received, '')
})

test('another status, no header of Envoy, headers of the configuration', async () => {
  service.answer = () => ({ overallCode: OVER })
  const response = await get(2)
  assert.equal(response.status, 503)
  assert.equal(response.body, '')
  assert.equal(field(response, 'x-envoy-ratelimited'), undefined)
  assert.equal(field(response, 'x-limited'), '/p')
  const grpc = await get(2, 'content-type: application/grpc\r\n')
  assert.equal(field(grpc, 'grpc-status'), '8')
})

test('a service that fails or is silent: refused or let through, as configured', async () => {
  service.answer = () => ({ grpcStatus: 14, grpcMessage: 'no' })
  assert.equal((await get(1)).status, 502)
  assert.equal((await get(4)).status, 200)
  service.answer = () => null
  assert.equal((await get(1)).status, 502)
  assert.equal((await get(4)).status, 200)
  await proxy.untilStat('cluster.origin.ratelimit.error', 4)
  await proxy.untilStat('cluster.origin.ratelimit.failure_mode_allowed', 2)
})

test('who has no descriptor, or is of the other kind, is not asked about', async () => {
  service.answer = () => ({ overallCode: OVER })
  assert.equal((await get(0, '', '/free')).status, 200)
  assert.equal((await get(3)).status, 200)
  assert.equal(service.requests.length, 0)
})

test('a client that leaves while the service thinks leaves nothing behind', async () => {
  service.answer = () => null
  const client = await RawClient.connect(ports[0] as number)
  client.send('GET /p HTTP/1.1\r\nhost: svc.test\r\n\r\n')
  while (service.requests.length === 0) await new Promise(resolve => setImmediate(resolve))
  client.close()
  await proxy.untilStat('cluster.limits.upstream_rq_active', 0)
})

test('rate_limits of a route for this filter stand in place of all others', async () => {
  service.answer = () => ({ overallCode: OK })
  await get(0, 'x-client: good\r\n', '/own')
  assert.deepEqual(
    service.requests.map(({ message }) => descriptorsOf(message)),
    [['generic_key=own']],
  )
})
