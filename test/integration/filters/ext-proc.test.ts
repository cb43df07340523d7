// The ext_proc filter when somebody is slow or sends much. What it says and does with each message: its envoy-answers.yaml.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import {
  answering,
  bootstrap,
  freePorts,
  httpListener,
  type JsonMessage,
  ProxyProcess,
  parseRequests,
  parseResponses,
  RawClient,
  ScriptedGrpc,
  ScriptedOrigin,
  type ServiceStream,
  staticCluster,
} from '../../harness/index.ts'

const TYPE = 'type.googleapis.com/envoy.extensions'
const LIMIT = 32 * 1024
const HTTP2 = {
  per_connection_buffer_limit_bytes: LIMIT,
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': `${TYPE}.upstreams.http.v3.HttpProtocolOptions`,
      explicit_http_config: { http2_protocol_options: { initial_stream_window_size: 65535 } },
    },
  },
}
const BODY = 'x'.repeat(2 * 1024 * 1024)
const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

let processor: ScriptedGrpc
let origin: ScriptedOrigin
let proxy: ProxyProcess
let ports: readonly number[]

const MODES = [
  { request_body_mode: 'STREAMED', response_header_mode: 'SKIP' },
  { request_body_mode: 'FULL_DUPLEX_STREAMED', request_trailer_mode: 'SEND', response_header_mode: 'SKIP' },
  { request_body_mode: 'BUFFERED', response_header_mode: 'SKIP' },
  { request_body_mode: 'BUFFERED_PARTIAL', response_header_mode: 'SKIP' },
  { request_header_mode: 'SKIP', response_body_mode: 'STREAMED' },
]

const filter = (processing_mode: object): object => ({
  name: 'envoy.filters.http.ext_proc',
  typed_config: {
    '@type': `${TYPE}.filters.http.ext_proc.v3.ExternalProcessor`,
    grpc_service: { envoy_grpc: { cluster_name: 'processor' }, initial_metadata: [{ key: 'x-own', value: 'a' }] },
    message_timeout: '30s',
    processing_mode,
  },
})
const router = {
  name: 'envoy.filters.http.router',
  typed_config: { '@type': `${TYPE}.filters.http.router.v3.Router` },
}

before(async () => {
  processor = await ScriptedGrpc.start({
    path: '/envoy.service.ext_proc.v3.ExternalProcessor/Process',
    request: 'envoy.service.ext_proc.v3.ProcessingRequest',
    response: 'envoy.service.ext_proc.v3.ProcessingResponse',
  })
  origin = await ScriptedOrigin.start(answering(OK))
  ports = await freePorts(MODES.length)
  const listeners = MODES.map((mode, i) => ({
    ...httpListener({ port: ports[i]!, hcm: { http_filters: [filter(mode), router] } }),
    per_connection_buffer_limit_bytes: LIMIT,
  }))
  const slow = { per_connection_buffer_limit_bytes: LIMIT }
  const clusters = [staticCluster('origin', origin.port, slow), staticCluster('processor', processor.port, HTTP2)]
  proxy = await ProxyProcess.start(bootstrap(listeners, clusters))
})

after(async () => {
  await proxy.stop()
  await origin.close()
  processor.close()
})

beforeEach(() => {
  origin.reset(answering(OK))
  processor.streams.length = 0
})

const kindOf = (message: JsonMessage): string => Object.keys(message).find(name => /^re(quest|sponse)_/.test(name))!
const post = (body: string): string =>
  `POST /p HTTP/1.1\r\nhost: svc.test\r\ncontent-length: ${body.length}\r\n\r\n${body}`
const answered = (client: RawClient): Promise<string> => client.until(text => parseResponses(text).length === 1)

/** Waits until a counter has moved at all. */
async function untilCounted(name: string): Promise<void> {
  const deadline = performance.now() + 4000
  while (((await proxy.stats(name)).get(name) ?? 0) === 0) {
    if (performance.now() > deadline) throw new Error(`${name} stays 0`)
    await new Promise(resolve => setImmediate(resolve))
  }
}

/** How much has been read of the client once it is held back. */
async function takenWhenPaused(i: number): Promise<number> {
  const prefix = `http.in_${ports[i]}.downstream_`
  const deadline = performance.now() + 4000
  while (performance.now() < deadline) {
    const stats = await proxy.stats(prefix)
    const paused = stats.get(`${prefix}flow_control_paused_reading_total`) ?? 0
    const resumed = stats.get(`${prefix}flow_control_resumed_reading_total`) ?? 0
    if (paused > resumed) return stats.get(`${prefix}cx_rx_bytes_total`) ?? 0
  }
  throw new Error('the client is not held back')
}

for (const [i, name] of [
  [0, 'STREAMED'],
  [1, 'FULL_DUPLEX_STREAMED'],
] as const) {
  test(`${name}: a processor that does not read stops the client, and nothing is lost`, async () => {
    let stopped: ServiceStream | null = null
    const began = Promise.withResolvers<void>()
    processor.script = {
      onMessage: (message, stream) => {
        const kind = kindOf(message)
        if (kind === 'request_headers') {
          stream.send({ request_headers: {} })
          if (stopped === null) stream.pause()
          stopped ??= stream
          began.resolve()
          return
        }
        const { body = '', end_of_stream = false } = message[kind] as { body?: string; end_of_stream?: boolean }
        const streamed_response = { body, end_of_stream }
        stream.send({ request_body: i === 0 ? {} : { response: { body_mutation: { streamed_response } } } })
      },
    }
    using client = await RawClient.connect(ports[i]!)
    client.send(post(BODY))
    // The client may be held back while the processor is still being connected to.
    await began.promise
    const taken = await takenWhenPaused(i)
    assert.ok(taken < BODY.length / 2, `${taken} bytes were taken of the client`)
    stopped!.resume()
    assert.match(await answered(client), /^HTTP\/1.1 200/)
    assert.equal(parseRequests(origin.received)[0]!.body.length, BODY.length)
  })
}

test('a processor that makes much out of little is not read while the origin does not read', async () => {
  const pieces = 100
  const body = 'y'.repeat(64 * 1024)
  processor.script = {
    onMessage: (message, stream) => {
      if (kindOf(message) === 'request_headers') stream.send({ request_headers: {} })
      else if (kindOf(message) === 'request_body') {
        for (let n = 1; n <= pieces; n++) {
          const streamed_response = { body: Buffer.from(body).toString('base64'), end_of_stream: n === pieces }
          stream.send({ request_body: { response: { body_mutation: { streamed_response } } } })
        }
      }
    },
  }
  origin.reset(({ socket }) => void socket.pause())
  using client = await RawClient.connect(ports[1]!)
  client.send(post('z'))
  await untilCounted('cluster.processor.upstream_flow_control_paused_reading_total')
  const [connection] = origin.connections
  origin.script = answering(OK)
  connection!.socket.resume()
  assert.match(await answered(client), /^HTTP\/1.1 200/)
  assert.equal(parseRequests(origin.received)[0]!.body.length, pieces * body.length)
})

test('BUFFERED: a body over the limit is refused', async () => {
  processor.script = { onMessage: (_, stream) => stream.send({ request_headers: {} }) }
  using client = await RawClient.connect(ports[2]!)
  client.send(post('x'.repeat(LIMIT * 4)))
  assert.match(await answered(client), /^HTTP\/1.1 413/)
})

test('BUFFERED_PARTIAL: the processor gets what fits, the rest passes behind it', async () => {
  let seen = 0
  processor.script = {
    onMessage: (message, stream) => {
      if (kindOf(message) === 'request_headers') stream.send({ request_headers: {} })
      else {
        seen += Buffer.from((message['request_body'] as { body: string }).body, 'base64').length
        stream.send({
          request_body: { response: { body_mutation: { body: Buffer.from('short').toString('base64') } } },
        })
      }
    },
  }
  using client = await RawClient.connect(ports[3]!)
  client.send(post(BODY))
  assert.match(await answered(client), /^HTTP\/1.1 200/)
  assert.ok(seen > 0 && seen < BODY.length, `the processor saw ${seen} bytes`)
  const { body } = parseRequests(origin.received)[0]!
  assert.equal(body.length, BODY.length - seen + 'short'.length)
  assert.match(body, /^shortx+$/)
})

test('a response that the client does not read stops at the origin, and comes whole in the end', async () => {
  processor.script = {
    onMessage: (message, stream) =>
      stream.send(kindOf(message) === 'response_headers' ? { response_headers: {} } : { response_body: {} }),
  }
  origin.reset(answering(`HTTP/1.1 200 OK\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`))
  using client = await RawClient.connect(ports[4]!)
  client.socket.pause()
  client.send('GET / HTTP/1.1\r\nhost: svc.test\r\n\r\n')
  await untilCounted('cluster.origin.upstream_flow_control_paused_reading_total')
  client.socket.resume()
  await answered(client)
  assert.equal(parseResponses(client.received)[0]!.body.length, BODY.length)
})

test('the stream carries the metadata of the service, and ends with its request', async () => {
  let ended = 0
  processor.script = {
    onMessage: (message, stream) => stream.send({ [kindOf(message)]: {} }),
    onEnd: () => {
      ended++
    },
  }
  using client = await RawClient.connect(ports[0]!)
  client.send('GET / HTTP/1.1\r\nhost: svc.test\r\n\r\n')
  await answered(client)
  assert.deepEqual(processor.streams[0]!.metadata.get('x-own'), ['a'])
  while (ended === 0) await new Promise(resolve => setImmediate(resolve))
})

test('a client that leaves takes its stream along', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  processor.script = { onCancelled: () => resolve(), onEnd: () => resolve() }
  using client = await RawClient.connect(ports[0]!)
  client.send('GET / HTTP/1.1\r\nhost: svc.test\r\n\r\n')
  while (processor.streams.length === 0) await new Promise(done => setImmediate(done))
  client.close()
  await promise
})
