// Segments on a stream to SkyWalking's backend. PROXY_UNDER_TEST holds the same against a real Envoy.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  answering,
  bootstrap,
  exchange,
  freePorts,
  httpListener,
  type JsonMessage,
  ProxyProcess,
  ScriptedGrpc,
  ScriptedOrigin,
  staticCluster,
} from '../../harness/index.ts'
import { headerOf } from '../../harness/message-body.ts'
import { http2Cluster, skyWalking } from './providers.ts'

const SEGMENTS = {
  path: '/skywalking.v3.TraceSegmentReportService/collect',
  request: 'skywalking.v3.SegmentObject',
  response: 'skywalking.v3.Commands',
}
const base64 = (text: string): string => Buffer.from(text).toString('base64')
const CALLER = [
  '1',
  base64('trace'),
  base64('segment'),
  '3',
  base64('web'),
  base64('web-1'),
  base64('/in'),
  base64('b:1'),
]
const SW8 = CALLER.join('-')

let backend: ScriptedGrpc
let origin: ScriptedOrigin
let proxy: ProxyProcess
let ports: readonly number[]
let received: JsonMessage[] = []
let arrived = (): void => undefined

before(async () => {
  backend = await ScriptedGrpc.start(SEGMENTS, {
    onMessage: message => {
      received.push(message)
      arrived()
    },
  })
  origin = await ScriptedOrigin.start(answering('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'))
  ports = await freePorts(3)
  const tracings = [
    { provider: skyWalking({ backend_token: 'secret' }), spawn_upstream_span: true },
    { provider: skyWalking() },
    { provider: skyWalking(), spawn_upstream_span: true, random_sampling: { value: 0 } },
  ]
  const listeners = tracings.map((tracing, i) => httpListener({ port: ports[i]!, hcm: { tracing } }))
  const clusters = [staticCluster('origin', origin.port), http2Cluster('collector', backend.port)]
  proxy = await ProxyProcess.start(bootstrap(listeners, clusters))
})

after(async () => {
  await proxy?.stop()
  await origin?.close()
  await backend?.close()
})

interface Segment {
  readonly trace_id: string
  readonly trace_segment_id: string
  readonly spans: readonly Record<string, unknown>[]
}

async function ask(index: number, path: string, headers = ''): Promise<{ sw8: string | undefined; segment: Segment }> {
  received = []
  const came = new Promise<void>(resolve => {
    arrived = resolve
  })
  const response = await exchange(
    ports[index]!,
    `GET ${path} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n${headers}\r\n`,
  )
  assert.match(response, /^HTTP\/1.1 200 /)
  await came
  assert.equal(received.length, 1)
  return { sw8: headerOf(origin.requests.at(-1)!.headers, 'sw8'), segment: received[0] as unknown as Segment }
}

const decoded = (sw8: string | undefined): readonly string[] =>
  (sw8 ?? '').split('-').map((part, i) => (i === 0 || i === 3 ? part : Buffer.from(part, 'base64').toString()))

test('a segment of the request and of its attempt; the next hop refers to the attempt', async () => {
  const { sw8, segment } = await ask(0, '/cart?q=1')
  const [entry, exit] = segment.spans
  const told = decoded(sw8)
  assert.deepEqual(told.slice(0, 4), ['1', segment.trace_id, segment.trace_segment_id, '1'])
  assert.deepEqual(told.slice(4), ['shop', 'shop-1', '/cart?q=1', `127.0.0.1:${origin.port}`])
  const kinds = [entry, exit].map(span => [
    span?.['operation_name'],
    span?.['peer'],
    span?.['span_layer'],
    span?.['component_id'],
  ])
  assert.deepEqual(kinds, [
    ['/cart?q=1', '127.0.0.1', 3, 9000],
    ['/cart?q=1', `127.0.0.1:${origin.port}`, 3, 9000],
  ])
  assert.deepEqual([entry?.['parent_span_id'], exit?.['span_type'], exit?.['span_id']], [-1, 1, 1])
  const tags = entry?.['tags'] as readonly { readonly key: string; readonly value: string }[]
  assert.ok(tags.some(({ key, value }) => key === 'url' && value === 'http://shop/cart?q=1'))
  assert.ok(tags.some(({ key, value }) => key === 'status_code' && value === '200'))
  assert.deepEqual(backend.streams[0]?.metadata.get('authentication'), ['secret'])
})

test('a request with a context joins its trace, whatever the verdict', async () => {
  const { sw8, segment } = await ask(2, '/cart', `sw8: ${SW8}\r\n`)
  assert.equal(segment.trace_id, 'trace')
  assert.equal(decoded(sw8)[1], 'trace')
  assert.deepEqual(segment.spans[0]?.['refs'], [
    {
      trace_id: 'trace',
      parent_trace_segment_id: 'segment',
      parent_span_id: 3,
      parent_service: 'web',
      parent_service_instance: 'web-1',
      parent_endpoint: '/in',
      network_address_used_at_peer: 'b:1',
    },
  ])
})

test('without a span of the attempt the header goes on as it came', async () => {
  const { sw8, segment } = await ask(1, '/cart', `sw8: ${SW8}\r\n`)
  assert.equal(segment.spans.length, 1)
  assert.equal(sw8, SW8)
})

test('a request that is not traced leaves nothing', async () => {
  received = []
  await exchange(ports[2]!, 'GET / HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n')
  assert.equal(headerOf(origin.requests.at(-1)!.headers, 'sw8'), undefined)
  await proxy.untilStat('tracing.skywalking.segments_sent', 3)
  assert.equal(received.length, 0)
})
