// Collectors that do not answer or are away, and trace headers that are none: requests are answered all the same.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  answering,
  bootstrap,
  exchange,
  freePorts,
  httpListener,
  ProxyProcess,
  ScriptedOrigin,
  staticCluster,
} from '../harness/index.ts'
import { headerOf } from '../harness/message-body.ts'
import { datadog, http2Cluster, openTelemetry, skyWalking, zipkin } from '../integration/tracing/providers.ts'

const REQUESTS = 40
/** So many posts may be under way. */
const POSTS = 32

let origin: ScriptedOrigin
let silent: ScriptedOrigin
let proxy: ProxyProcess
let ports: readonly number[]

before(async () => {
  origin = await ScriptedOrigin.start(answering('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'))
  silent = await ScriptedOrigin.start(() => undefined)
  ports = await freePorts(6)
  const away = ports[5]!
  const gone = { grpc_service: { envoy_grpc: { cluster_name: 'away' } } }
  const providers = [
    zipkin({ collector_cluster: 'silent' }),
    zipkin({ collector_cluster: 'away' }),
    openTelemetry(gone),
    { ...skyWalking({ max_cache_size: 8 }) },
    datadog({ collector_cluster: 'away' }),
  ]
  const listeners = providers.map((provider, i) => httpListener({ port: ports[i]!, hcm: { tracing: { provider } } }))
  const clusters = [
    staticCluster('origin', origin.port),
    staticCluster('silent', silent.port, {
      circuit_breakers: { thresholds: [{ max_pending_requests: 1000, max_connections: 1000, max_requests: 1000 }] },
    }),
    http2Cluster('away', away),
    http2Cluster('collector', away),
  ]
  const one = { min_flush_spans: 1 }
  const layer = { tracing: { zipkin: { ...one, request_timeout: 60_000 }, opentelemetry: one } }
  const runtime = { layers: [{ name: 'static', static_layer: layer }] }
  proxy = await ProxyProcess.start(bootstrap(listeners, clusters, { layered_runtime: runtime }))
})

after(async () => {
  await proxy?.stop()
  await origin?.close()
  await silent?.close()
})

const get = (index: number, headers = ''): Promise<string> =>
  exchange(ports[index]!, `GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n${headers}\r\n`)

test('a collector that never answers is not given ever more', async () => {
  for (let i = 0; i < REQUESTS; i++) assert.match(await get(0), /^HTTP\/1.1 200 /)
  await proxy.untilStat('tracing.zipkin.reports_dropped', REQUESTS - POSTS)
  assert.equal(silent.requests.length, POSTS)
})

test('collectors that are away cost their spans, and nothing else', async () => {
  const before = (await proxy.stats('reports_dropped')).get('tracing.zipkin.reports_dropped')!
  for (const index of [1, 2, 3, 4]) {
    for (let i = 0; i < 20; i++) assert.match(await get(index), /^HTTP\/1.1 200 /)
  }
  await proxy.untilStat('tracing.zipkin.reports_dropped', before + 20)
  await proxy.untilStat('tracing.opentelemetry.spans_sent', 20)
  // The first ones find that nobody is there; of those behind them eight are kept.
  const deadline = performance.now() + 3000
  let counted = 0
  while (counted < 12 && performance.now() < deadline) {
    const stats = await proxy.stats('tracing.skywalking.segments_(sent|dropped)')
    counted = [...stats.values()].reduce((sum, value) => sum + value, 0)
  }
  assert.ok(counted >= 12, String(counted))
})

test('trace headers that are none harm nobody', async () => {
  const junk = '\x80\xff'.repeat(200)
  const names = ['b3', 'x-b3-traceid', 'x-b3-spanid', 'x-b3-sampled', 'traceparent', 'tracestate', 'sw8']
  const all = [...names, 'x-datadog-trace-id', 'x-datadog-tags', 'x-request-id', 'x-client-trace-id']
  for (const value of ['', '-', '1', '0'.repeat(400), `${'a'.repeat(32)}-${'b'.repeat(16)}-1`, junk]) {
    for (const index of [1, 2, 3, 4]) {
      for (const name of all) assert.match(await get(index, `${name}: ${value}\r\n`), /^HTTP\/1.1 200 /, name)
      assert.match(await get(index, all.map(name => `${name}: ${value}\r\n`).join('')), /^HTTP\/1.1 200 /)
    }
  }
  const last = origin.requests.at(-1)!
  assert.equal(headerOf(last.headers, 'x-request-id'), junk)
})
