// Where the bridges for gRPC differ from a real Envoy, and their limits.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  answering,
  bootstrap,
  exchange,
  freePorts,
  httpListener,
  ProxyProcess,
  parseResponses,
  type RawResponse,
  ScriptedOrigin,
  staticCluster,
} from '../../harness/index.ts'

const TYPE = 'type.googleapis.com/envoy.extensions'
const ROUTER = { name: 'router', typed_config: { '@type': `${TYPE}.filters.http.router.v3.Router` } }

const REVERSE = 'grpc_http1_reverse_bridge.v3.FilterConfig'
const CHAINS: Readonly<Record<string, object>> = {
  web: { '@type': `${TYPE}.filters.http.grpc_web.v3.GrpcWeb` },
  bridge: { '@type': `${TYPE}.filters.http.grpc_http1_bridge.v3.Config`, upgrade_protobuf_to_grpc: true },
  reverse: {
    '@type': `${TYPE}.filters.http.${REVERSE}`,
    content_type: 'application/x-protobuf',
    withhold_grpc_frames: true,
  },
  sized: {
    '@type': `${TYPE}.filters.http.${REVERSE}`,
    content_type: 'application/x-protobuf',
    withhold_grpc_frames: true,
    response_size_header: 'custom-length',
  },
}

let proxy: ProxyProcess
let origin: ScriptedOrigin
const ports = new Map<string, number>()

before(async () => {
  origin = await ScriptedOrigin.start(() => {})
  const names = Object.keys(CHAINS)
  const free = await freePorts(names.length)
  const listeners = names.map((name, i) => {
    ports.set(name, free[i]!)
    const hcm = { http_filters: [{ name, typed_config: CHAINS[name] }, ROUTER] }
    return { ...httpListener({ port: free[i]!, hcm }), per_connection_buffer_limit_bytes: 1000 }
  })
  proxy = await ProxyProcess.start(bootstrap(listeners, [staticCluster('origin', origin.port)]))
})
after(async () => {
  await proxy?.stop()
  await origin?.close()
})

const post = (name: string, type: string, body: string) =>
  exchange(
    ports.get(name)!,
    `POST /pkg.Svc/Call HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: ${type}\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  )

async function answer(name: string, type: string, body: string): Promise<RawResponse> {
  const [response] = parseResponses(await post(name, type, body))
  assert.ok(response)
  return response
}

const field = ({ headers }: RawResponse, name: string) => headers.find(([key]) => key === name)?.[1]

test('grpc_web: base64 that does not decode is refused', async () => {
  origin.reset(() => {})
  for (const body of ['AAAAAAJoaQ', '????????', 'AAAA=AAA']) {
    const response = await answer('web', 'application/grpc-web-text', body)
    assert.equal(response.status, 400)
    assert.equal(field(response, 'grpc-status'), '13')
    assert.equal(field(response, 'grpc-message'), 'Bad gRPC-web request, invalid base64 data.')
  }
})

test('reverse bridge: a body that is too short for a frame is answered for what it is', async () => {
  const response = await answer('reverse', 'application/grpc', '\0\0')
  assert.equal(response.status, 200)
  assert.equal(field(response, 'grpc-status'), '2')
  assert.equal(field(response, 'grpc-message'), 'invalid request body')
})

test('reverse bridge: a response of another size than announced is cut', async () => {
  const head =
    'HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncustom-length: 9\r\ncontent-length: 5\r\n\r\n'
  origin.reset(answering(`${head}hello`))
  const received = await post('sized', 'application/grpc', '\0\0\0\0\x02hi')
  assert.match(received, /content-length: 14\r\n/)
  assert.ok(received.length - received.indexOf('\r\n\r\n') - 4 < 14)
})

test('bodies that a bridge must hold are bounded', async () => {
  const long = 'x'.repeat(2000)
  const response = (type: string) =>
    `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ntransfer-encoding: chunked\r\n\r\n7d0\r\n${long}\r\n1\r\nx\r\n0\r\n\r\n`
  origin.reset(answering(response('application/grpc')))
  const bridged = await answer('bridge', 'application/grpc', 'hi')
  assert.deepEqual([bridged.status, field(bridged, 'grpc-message')], [200, 'Internal Server Error'])
  origin.reset(answering(response('application/x-protobuf')))
  // Its head is out already, so all that is left is to cut the response.
  assert.equal(parseResponses(await post('reverse', 'application/grpc', '\0\0\0\0\x02hi')).length, 0)
  origin.reset(answering('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'))
  // The request is complete with its last piece, so what is held is what came before it.
  const chunked = `POST / HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-protobuf\r\ntransfer-encoding: chunked\r\n\r\n7d0\r\n${long}\r\n`
  const [refused] = parseResponses(await exchange(ports.get('bridge')!, chunked))
  // An answer that is no gRPC keeps its first bytes.
  assert.deepEqual([refused?.status, refused?.body], [413, 'Payload Too Large'])
})

test('grpc_web: a long response passes through a small buffer', async () => {
  const message = `\0\0\0\x27\x10${'m'.repeat(10_000)}`
  const chunks = [message.slice(0, 3), message.slice(3, 5000), message.slice(5000)]
  const body = chunks.map(chunk => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('')
  origin.reset(
    answering(
      `HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\n\r\n${body}0\r\n\r\n`,
    ),
  )
  const text = `POST /pkg.Svc/Call HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/grpc-web-text\r\naccept: application/grpc-web-text\r\ncontent-length: 8\r\n\r\nAAAAAAA=`
  const [response] = parseResponses(await exchange(ports.get('web')!, text))
  assert.equal(response?.body, Buffer.from(message, 'latin1').toString('base64'))
})
