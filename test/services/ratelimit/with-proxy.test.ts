// The real proxy with its ratelimit filters, the service, and a real Redis that goes and comes back.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import {
  answering,
  bootstrap,
  freePorts,
  httpListener,
  ProxyProcess,
  parseResponses,
  RawClient,
  RedisServer,
  ScriptedOrigin,
  socketAddress,
  staticCluster,
} from '../../harness/index.ts'
import { ServiceProcess } from './service-process.ts'

const ROOT = join(import.meta.dirname, '..', '..', '..')
const TYPE = 'type.googleapis.com/envoy.extensions'
const HTTP2 = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': `${TYPE}.upstreams.http.v3.HttpProtocolOptions`,
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
}
const CONFIG = `domain: shop
descriptors:
  - {key: client, rate_limit: {unit: day, requests_per_unit: 20}}
  - {key: who, rate_limit: {unit: day, requests_per_unit: 3}}
`

let redis: RedisServer
let service: ServiceProcess
let origin: ScriptedOrigin
let proxy: ProxyProcess
let open: number
let strict: number
let tcp: number

const service_ = { transport_api_version: 'V3', grpc_service: { envoy_grpc: { cluster_name: 'limits' } } }

function http(port: number, deny: boolean): object {
  const limit = {
    '@type': `${TYPE}.filters.http.ratelimit.v3.RateLimit`,
    domain: 'shop',
    timeout: '5s',
    failure_mode_deny: deny,
    enable_x_ratelimit_headers: 'DRAFT_VERSION_03',
    rate_limit_service: service_,
  }
  const rateLimits = [{ actions: [{ request_headers: { header_name: 'x-client', descriptor_key: 'client' } }] }]
  return httpListener({
    port,
    routes: [{ match: { prefix: '/' }, route: { cluster: 'origin', rate_limits: rateLimits } }],
    hcm: {
      http_filters: [
        { name: 'envoy.filters.http.ratelimit', typed_config: limit },
        { name: 'router', typed_config: { '@type': `${TYPE}.filters.http.router.v3.Router` } },
      ],
    },
  })
}

function network(port: number): object {
  const limit = {
    '@type': `${TYPE}.filters.network.ratelimit.v3.RateLimit`,
    stat_prefix: 'tcp',
    domain: 'shop',
    timeout: '5s',
    descriptors: [{ entries: [{ key: 'who', value: 'anybody' }] }],
    rate_limit_service: service_,
  }
  const filters = [
    { name: 'envoy.filters.network.ratelimit', typed_config: limit },
    { name: 'echo', typed_config: { '@type': `${TYPE}.filters.network.echo.v3.Echo` } },
  ]
  return { name: 'tcp', address: socketAddress(port), filter_chains: [{ filters }] }
}

before(async () => {
  redis = await RedisServer.start()
  service = await ServiceProcess.start({ 'shop.yaml': CONFIG }, ['--redis', redis.url, '--redis-timeout', '200ms'])
  origin = await ScriptedOrigin.start(answering('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'))
  ;[open, strict, tcp] = (await freePorts(3)) as [number, number, number]
  const limits = staticCluster('limits', Number(service.grpc.split(':')[1]), HTTP2)
  const listeners = [http(open, false), http(strict, true), network(tcp)]
  proxy = await ProxyProcess.start(bootstrap(listeners, [staticCluster('origin', origin.port), limits]))
})

after(async () => {
  await proxy.stop()
  await service.stop()
  await origin.close()
  await redis.kill()
})

/** The statuses of requests one after the other on one connection. */
async function statuses(port: number, client: string, count: number): Promise<readonly number[]> {
  using connection = await RawClient.connect(port)
  const all: number[] = []
  for (let i = 1; i <= count; i++) {
    connection.send(`GET / HTTP/1.1\r\nhost: a\r\nx-client: ${client}\r\n\r\n`)
    const methods = new Array<string>(i).fill('GET')
    await connection.until(text => parseResponses(text, methods).length === i)
    all.push(parseResponses(connection.received, methods).at(-1)!.status)
  }
  return all
}

const many = async (port: number, client: string, callers: number, each: number): Promise<readonly number[]> =>
  (await Promise.all(Array.from({ length: callers }, () => statuses(port, client, each)))).flat()

const countOf = (all: readonly number[], status: number): number => all.filter(one => one === status).length

test('many clients of the proxy at once: exactly the limit passes', async () => {
  const told = await many(open, 'exact', 16, 10)
  assert.deepEqual([countOf(told, 200), countOf(told, 429)], [20, 140])
})

test('connections under the network filter', async () => {
  const echoes = async (): Promise<boolean> => {
    using client = await RawClient.connect(tcp)
    client.send('hello')
    return (await client.until(text => text === 'hello')) === 'hello'
  }
  const told: boolean[] = []
  for (let i = 0; i < 5; i++) told.push(await echoes())
  assert.deepEqual(told, [true, true, true, false, false])
})

test('a reload under load: nothing fails, and the new limit holds', async () => {
  const loading = Array.from({ length: 8 }, (_, i) => statuses(strict, `load${i}`, 150))
  const from = service.output.text.length
  writeFileSync(join(service.folder, 'shop.yaml'), CONFIG.replace('requests_per_unit: 20', 'requests_per_unit: 30'))
  await service.output.until(/is in force/, from)
  writeFileSync(join(service.folder, 'shop.yaml'), 'domain: [')
  await service.output.until(/the last good one stays/, from)
  const told = (await Promise.all(loading)).flat()
  assert.equal(countOf(told, 200) + countOf(told, 429), told.length)
  const after = await many(open, 'reloaded', 8, 10)
  assert.deepEqual([countOf(after, 200), countOf(after, 429)], [30, 50])
})

test('Redis is killed: the failure mode of each filter decides; it comes back: limits hold again', async () => {
  assert.deepEqual(await statuses(open, 'before', 2), [200, 200])
  await redis.kill()
  await service.output.until(/cannot be counted until it is back/)
  const [allowed, denied] = await Promise.all([many(open, 'outage', 4, 10), many(strict, 'outage', 4, 10)])
  assert.deepEqual([countOf(allowed, 200), countOf(denied, 500)], [40, 40])
  const from = service.output.text.length
  await redis.restart()
  await service.output.until(/connected again/, from)
  const back = await many(strict, 'back', 4, 10)
  assert.deepEqual([countOf(back, 200), countOf(back, 429)], [30, 10])
})

test('the example of docs/ratelimit.md works as it is written', async () => {
  const docs = readFileSync(join(ROOT, 'docs', 'ratelimit.md'), 'utf8')
  for (const name of ['config', 'outrider.yaml']) assert.ok(docs.includes(`examples/ratelimit/${name}`), name)
  const limits = readFileSync(join(ROOT, 'examples', 'ratelimit', 'config', 'shop.yaml'), 'utf8')
  // A day ends more rarely in the middle of a test than a minute does.
  const limiter = await ServiceProcess.start({ 'shop.yaml': limits.replaceAll('unit: minute', 'unit: day') })
  const [port, shop, admin] = await freePorts(3)
  const ports: Record<string, number | string> = {
    8000: port!,
    8001: shop!,
    9901: admin!,
    8081: limiter.grpc.split(':')[1]!,
  }
  const text = readFileSync(join(ROOT, 'examples', 'ratelimit', 'outrider.yaml'), 'utf8')
  const yaml = text.replace(/port_value: (\d+)/g, (_, original: string) => `port_value: ${ports[original]}`)
  const example = await ProxyProcess.start({}, { args: ['--config-yaml', yaml] })
  const get = async (client: string, path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { 'x-client': client } })
    await response.text()
    return { status: response.status, limit: response.headers.get('x-ratelimit-limit') }
  }
  const told: number[] = []
  for (let i = 0; i < 5; i++) told.push((await get('ann', '/')).status)
  assert.deepEqual(told, [200, 200, 200, 429, 429])
  assert.equal((await get('ann', '/')).limit, '3, 3;w=86400')
  assert.equal((await get('partner-7', '/')).limit, '100, 100;w=86400')
  assert.equal((await get('partner-7', '/search')).limit, '1, 100;w=86400, 1;w=1')
  await example.stop()
  await limiter.stop()
})
