// Batches, what is dropped, who is logged. PROXY_UNDER_TEST holds the same against a real Envoy.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import {
  answering,
  bootstrap,
  Collector,
  exchange,
  freePorts,
  httpListener,
  ProxyProcess,
  ScriptedOrigin,
  staticCluster,
} from '../../harness/index.ts'
import { zipkin } from './providers.ts'

const CLUSTER = { internal_address_config: { cidr_ranges: [{ address_prefix: '127.0.0.0', prefix_len: 8 }] } }

let folder: string
let collector: Collector
let origin: ScriptedOrigin
let proxy: ProxyProcess
let ports: readonly number[]

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tracing-'))
  collector = await Collector.start()
  origin = await ScriptedOrigin.start(answering('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'))
  ports = await freePorts(2)
  const log = (path: string, filter: object | undefined, format: string): object => ({
    name: 'file',
    filter,
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
      path: join(folder, path),
      log_format: { text_format_source: { inline_string: `${format}\n` } },
    },
  })
  const service = {
    http_uri: { uri: 'http://zipkin.test/spans', cluster: 'collector', timeout: '1s' },
    request_headers_to_add: [{ header: { key: 'x-token', value: 'secret' } }],
  }
  const managers = [
    // No provider: that of the bootstrap serves.
    { tracing: {}, access_log: [log('ids', undefined, '%TRACE_ID% %REQ(X-B3-TRACEID)%')] },
    {
      tracing: {
        provider: zipkin({ collector_service: service, trace_id_128bit: true }),
        random_sampling: { value: 0 },
      },
      access_log: [log('forced', { traceable_filter: {} }, '%REQ(:PATH)%')],
      ...CLUSTER,
      use_remote_address: true,
    },
  ]
  const listeners = managers.map((hcm, i) => httpListener({ port: ports[i]!, hcm }))
  const clusters = [staticCluster('origin', origin.port), staticCluster('collector', collector.port)]
  const runtime = { layers: [{ name: 'static', static_layer: { 'tracing.zipkin.flush_interval_ms': 500 } }] }
  proxy = await ProxyProcess.start(
    bootstrap(listeners, clusters, { tracing: { http: zipkin() }, layered_runtime: runtime }),
  )
})

after(async () => {
  await proxy?.stop()
  await origin?.close()
  await collector?.close()
  await rm(folder, { recursive: true, force: true })
})

const get = (index: number, path: string, headers = ''): Promise<string> =>
  exchange(ports[index]!, `GET ${path} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n${headers}\r\n`)
const lengths = (bodies: readonly Buffer[]): readonly number[] =>
  bodies.map(body => (JSON.parse(body.toString()) as readonly unknown[]).length)

test('five spans go together, the rest when it is time; what the collector refuses is counted', async () => {
  for (let i = 0; i < 6; i++) await get(0, '/')
  const batches = await collector.take(all => all.length >= 2)
  const sizes = lengths(batches.map(({ body }) => body))
  assert.equal(
    sizes.reduce((sum, size) => sum + size, 0),
    6,
  )
  assert.equal(batches[0]!.url, '/api/v2/spans')
  assert.equal(batches[0]!.headers.host, 'collector')
  assert.equal(batches[0]!.headers['content-type'], 'application/json')
  await proxy.untilStat('tracing.zipkin.reports_sent', batches.length)
  collector.status = 503
  for (let i = 0; i < 5; i++) await get(0, '/')
  await collector.take(all => lengths(all.map(({ body }) => body)).reduce((sum, size) => sum + size, 0) >= 5)
  collector.status = 202
  const stats = await proxy.stats('tracing.zipkin')
  assert.equal(stats.get('tracing.zipkin.spans_sent'), 11)
  await proxy.admin('/reopen_logs', { method: 'POST' })
})

test('a request that an internal client forces is traced and is traceable; the collector is named by its URI', async () => {
  await get(1, '/usual')
  const response = await get(1, '/forced', 'x-envoy-force-trace: 1\r\n')
  assert.match(response, /x-request-id: .{14}a/)
  const [batch] = await collector.take(all => all.length > 0)
  assert.equal(batch!.url, '/spans')
  assert.equal(batch!.headers.host, 'zipkin.test')
  assert.equal(batch!.headers['x-token'], 'secret')
  const [span] = JSON.parse(batch!.body.toString()) as readonly { traceId: string; tags: Record<string, string> }[]
  assert.equal(span!.traceId.length, 32)
  assert.equal(span!.tags['http.url'], 'http://shop/forced')
  await proxy.admin('/reopen_logs', { method: 'POST' })
  await proxy.stop()
  assert.equal(await readFile(join(folder, 'forced'), 'utf8'), '/forced\n')
  const ids = (await readFile(join(folder, 'ids'), 'utf8')).trim().split('\n')
  assert.equal(ids.length, 11)
  for (const line of ids) assert.match(line, /^([0-9a-f]{16}) \1$/)
})
