// Two proxies, one behind the other: one trace, one decision. PROXY_UNDER_TEST holds the same against a real Envoy.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  answering,
  bootstrap,
  Collector,
  exchange,
  freePorts,
  type GrpcRequest,
  GrpcService,
  httpListener,
  ProxyProcess,
  ScriptedOrigin,
  staticCluster,
} from '../../harness/index.ts'
import { headerOf } from '../../harness/message-body.ts'
import { flushEach, http2Cluster, openTelemetry, zipkin } from './providers.ts'

const TRACES = 'opentelemetry.proto.collector.trace.v1.ExportTrace'

interface OtelSpan {
  readonly traceId: Uint8Array
  readonly spanId: Uint8Array
  readonly parentSpanId: Uint8Array
  readonly name: string
}
interface ExportRequest {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly OtelSpan[] }[] }[]
}
interface ZipkinSpan {
  readonly traceId: string
  readonly id: string
  readonly kind: string
  readonly tags: Readonly<Record<string, string>>
}

let zipkinCollector: Collector
let otel: GrpcService<ExportRequest>
let origin: ScriptedOrigin
let front: ProxyProcess
let back: ProxyProcess
let ports: readonly number[]

const collectors = (): readonly object[] => [
  staticCluster('collector', zipkinCollector.port),
  http2Cluster('otel', otel.port),
]
const OTEL = openTelemetry({ grpc_service: { envoy_grpc: { cluster_name: 'otel' }, timeout: '1s' } })
const HALF = { random_sampling: { value: 50 } }

before(async () => {
  zipkinCollector = await Collector.start()
  otel = await GrpcService.start(`${TRACES}ServiceRequest`, `${TRACES}ServiceResponse`, () => ({}))
  origin = await ScriptedOrigin.start(answering('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'))
  ports = await freePorts(4)
  const hop = (port: number, tracing: object, cluster: string): object =>
    httpListener({ port, hcm: { tracing }, routes: [{ match: { prefix: '/' }, route: { cluster } }] })
  const [zipkinFront = 0, otelFront = 0, zipkinBack = 0, otelBack = 0] = ports
  back = await ProxyProcess.start(
    bootstrap(
      [hop(zipkinBack, { provider: zipkin(), ...HALF }, 'origin'), hop(otelBack, { provider: OTEL }, 'origin')],
      [staticCluster('origin', origin.port), ...collectors()],
      flushEach('zipkin', 1),
    ),
  )
  const runtime = { tracing: { zipkin: { min_flush_spans: 1 }, opentelemetry: { min_flush_spans: 1 } } }
  front = await ProxyProcess.start(
    bootstrap(
      [
        hop(zipkinFront, { provider: zipkin(), ...HALF }, 'zipkin_back'),
        hop(otelFront, { provider: OTEL }, 'otel_back'),
      ],
      [staticCluster('zipkin_back', zipkinBack), staticCluster('otel_back', otelBack), ...collectors()],
      { layered_runtime: { layers: [{ name: 'static', static_layer: runtime }] } },
    ),
  )
})

after(async () => {
  await front?.stop()
  await back?.stop()
  await origin?.close()
  await zipkinCollector?.close()
  await otel?.close()
})

const get = (port: number, headers = ''): Promise<string> =>
  exchange(port, `GET / HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n${headers}\r\n`)

test('both hops decide alike by the request id, and share their span', async () => {
  for (const [number, sampled] of [
    [0, true],
    [4999, true],
    [5000, false],
    [9999, false],
    [10_000, true],
  ] as const) {
    const id = `${number.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`
    await get(ports[0]!, `x-request-id: ${id}\r\n`)
    const { headers } = origin.requests.at(-1)!
    assert.equal(headerOf(headers, 'x-request-id'), `${id.slice(0, 14)}${sampled ? 9 : 4}${id.slice(15)}`)
    assert.equal(headerOf(headers, 'x-b3-sampled'), sampled ? '1' : '0')
    const batches = await zipkinCollector.take(all => all.length >= (sampled ? 2 : 0))
    const spans = batches.flatMap(({ body }) => JSON.parse(body.toString()) as readonly ZipkinSpan[])
    assert.equal(spans.length, sampled ? 2 : 0)
    const traceId = headerOf(headers, 'x-b3-traceid')
    for (const span of spans) assert.deepEqual([span.kind, span.traceId, span.id], ['SERVER', traceId, traceId])
  }
})

const spansOf = ({ message }: GrpcRequest<ExportRequest>): readonly OtelSpan[] =>
  message.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

test('over OTLP by gRPC the second hop is a child of the first; five spans make a batch', async () => {
  for (let i = 0; i < 5; i++) await get(ports[1]!)
  const told = origin.requests.slice(-5).map(({ headers }) => headerOf(headers, 'traceparent') ?? '')
  await front.untilStat('tracing.opentelemetry.spans_sent', 5)
  await back.untilStat('tracing.opentelemetry.spans_sent', 5)
  const deadline = performance.now() + 3000
  while (otel.requests.length < 6 && performance.now() < deadline) await new Promise(resolve => setImmediate(resolve))
  const batches = otel.requests.map(spansOf)
  assert.deepEqual(batches.map(spans => spans.length).sort(), [1, 1, 1, 1, 1, 5])
  for (const { headers } of otel.requests) {
    assert.equal(headers[':path'], '/opentelemetry.proto.collector.trace.v1.TraceService/Export')
  }
  const hops = batches.find(spans => spans.length === 5)!
  const first = new Map(batches.filter(spans => spans.length === 1).map(([span]) => [hex(span!.spanId), span!]))
  for (const hop of hops) {
    const parent = first.get(hex(hop.parentSpanId))
    assert.equal(hex(parent!.traceId), hex(hop.traceId))
    assert.equal(parent!.parentSpanId.length, 0)
    assert.ok(told.includes(`00-${hex(hop.traceId)}-${hex(hop.spanId)}-01`))
  }
})
