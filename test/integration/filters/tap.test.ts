// Taps through the admin interface and into files. PROXY_UNDER_TEST holds the same against a real Envoy.
import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import {
  bootstrap,
  exchange,
  freePorts,
  httpListener,
  jsonMessages,
  ProxyProcess,
  ScriptedOrigin,
  staticCluster,
} from '../../harness/index.ts'

const TYPE = 'type.googleapis.com/envoy.extensions'
const ROUTER = { name: 'router', typed_config: { '@type': `${TYPE}.filters.http.router.v3.Router` } }
const tap = (common_config: object, extra: object = {}) => ({
  name: 'tap',
  typed_config: { '@type': `${TYPE}.filters.http.tap.v3.Tap`, common_config, ...extra },
})
const TRAILERS = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': `${TYPE}.upstreams.http.v3.HttpProtocolOptions`,
      explicit_http_config: { http_protocol_options: { enable_trailers: true } },
    },
  },
}
const ANSWER =
  'HTTP/1.1 200 OK\r\nx-o: 1\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\nx-t: end\r\n\r\n'
const ANY = { any_match: true }
const TEXT = { format: 'JSON_BODY_AS_STRING' }

let origin: ScriptedOrigin
let proxy: ProxyProcess
let folder: string
let port: number
let filePort: number
let protoPort: number

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tap-'))
  origin = await ScriptedOrigin.start(connection => {
    if (!connection.received.endsWith('body') && !connection.received.endsWith('\r\n\r\n')) return
    connection.received = ''
    connection.socket.write(ANSWER)
  })
  ;[port, filePort, protoPort] = (await freePorts(3)) as [number, number, number]
  const into = (format: string, prefix: string, extra: object = {}) =>
    tap({
      static_config: {
        match: ANY,
        output_config: { ...extra, sinks: [{ format, file_per_tap: { path_prefix: join(folder, prefix) } }] },
      },
    })
  const hcm = (prefix: string, ...filters: object[]) => ({
    stat_prefix: prefix,
    http_protocol_options: { enable_trailers: true },
    http_filters: [...filters, ROUTER],
  })
  const recording = {
    record_headers_received_time: true,
    record_downstream_connection: true,
    record_upstream_connection: true,
  }
  const listeners = [
    httpListener({ port, hcm: hcm('in', tap({ admin_config: { config_id: 'one' } }, recording)) }),
    httpListener({ port: filePort, hcm: hcm('file', into('JSON_BODY_AS_BYTES', 'json', { streaming: true })) }),
    httpListener({ port: protoPort, hcm: hcm('proto', into('PROTO_BINARY', 'proto')) }),
  ]
  proxy = await ProxyProcess.start(bootstrap(listeners, [staticCluster('origin', origin.port, TRAILERS)]), {
    concurrency: 2,
  })
})

after(async () => {
  await proxy.stop()
  await origin.close()
  await rm(folder, { recursive: true })
})

interface Attached {
  next(): Promise<Traced>
  leave(): void
}
type Traced = Readonly<Record<string, never>>

const request = (output_config: object, match: object = ANY, config_id = 'one', extra: object = {}) =>
  JSON.stringify({ config_id, tap_config: { match, output_config, ...extra } })
const post = (body: string, signal?: AbortSignal) =>
  fetch(`http://${proxy.adminAddress}/tap`, { method: 'POST', body, signal: signal ?? AbortSignal.timeout(10_000) })

/** What a tap says, trace by trace. The answer's head comes once it is attached; Envoy attaches workers a little later. */
async function attach(body: string): Promise<Attached> {
  const controller = new AbortController()
  const response = await post(body, controller.signal)
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`)
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  return {
    async next() {
      for (;;) {
        const end = text.indexOf('\n}\n')
        if (end >= 0) {
          const whole = text.slice(0, end + 2)
          text = text.slice(end + 3)
          return JSON.parse(whole)
        }
        const { value, done } = await reader.read()
        if (done) throw new Error(`the stream has ended: ${text}`)
        text += value
      }
    },
    leave: () => controller.abort(),
  }
}

const send = (to = port, path = '/p') =>
  exchange(to, `POST ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 4\r\n\r\nbody`)

/** Until the one before is detached. */
async function attachNext(body: string): Promise<Attached> {
  for (let tries = 0; ; tries++) {
    try {
      return await attach(body)
    } catch (error) {
      if (tries > 100 || !String(error).includes('already exists')) throw error
      await new Promise(resolve => setTimeout(resolve, 10))
    }
  }
}

const field = (key: string, value: string) => ({ key, value, raw_value: '' })
const VARYING = /^(x-request-id|date|x-envoy-upstream-service-time|x-envoy-expected-rq-timeout-ms|connection)$/
const steady = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value), (key, inner) => {
    if (key === 'headers' && Array.isArray(inner)) return inner.filter(({ key: name }) => !VARYING.test(name))
    if (key === 'headers_received_time') return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(inner) ? 'time' : inner
    if (key === 'port_value') return inner === port ? 'own' : inner === origin.port ? 'origin' : 'other'
    return inner
  })
const address = (port_value: string) => ({
  socket_address: {
    protocol: 'TCP',
    address: '127.0.0.1',
    port_value,
    resolver_name: '',
    ipv4_compat: false,
    network_namespace_filepath: '',
  },
})
const REQUEST = [
  field(':authority', 'a'),
  field(':path', '/p'),
  field(':method', 'POST'),
  field(':scheme', 'http'),
  field('content-length', '4'),
  field('x-forwarded-proto', 'http'),
]

test('a whole exchange, in the shape in which Envoy prints it', async () => {
  const stream = await attach(request({ sinks: [{ ...TEXT, streaming_admin: {} }] }))
  await send()
  assert.deepEqual(steady(await stream.next()), {
    http_buffered_trace: {
      request: {
        headers: REQUEST,
        body: { as_string: 'body', truncated: false },
        trailers: [],
        headers_received_time: 'time',
      },
      response: {
        headers: [field(':status', '200'), field('x-o', '1'), field('server', 'envoy')],
        body: { as_string: 'abcde', truncated: false },
        trailers: [field('x-t', 'end')],
        headers_received_time: 'time',
      },
      downstream_connection: { local_address: address('own'), remote_address: address('other') },
      upstream_connection: { local_address: address('other'), remote_address: address('origin') },
    },
  })
  stream.leave()
})

test('in pieces, of which no more is kept than the limits say', async () => {
  const output = { streaming: true, max_buffered_rx_bytes: 3, sinks: [{ ...TEXT, streaming_admin: {} }] }
  const headers = [{ name: 'x-o', string_match: { exact: '1' } }]
  const stream = await attachNext(request(output, { http_response_headers_match: { headers } }))
  await send()
  const pieces = ['request_headers', 'request_body_chunk', 'response_headers', 'response_body_chunk']
  const seen: Record<string, unknown>[] = []
  for (let last = ''; last !== 'response_trailers'; ) {
    const { http_streamed_trace_segment: segment } = steady(await stream.next()) as never
    seen.push(segment as Record<string, unknown>)
    last = Object.keys(segment as object)[1]!
  }
  const named = (name: string) => seen.filter(piece => name in piece).map(piece => piece[name])
  assert.deepEqual([...new Set(seen.map(piece => Object.keys(piece)[1]))], [...pieces, 'response_trailers'])
  assert.equal(new Set(seen.map(piece => piece['trace_id'])).size, 1)
  assert.deepEqual(named('request_headers'), [{ headers: REQUEST }])
  assert.deepEqual(named('request_body_chunk'), [{ as_string: 'bod', truncated: true }])
  const answered = named('response_body_chunk') as { as_string: string }[]
  assert.equal(answered.map(({ as_string }) => as_string).join(''), 'abcde')
  assert.deepEqual(named('response_trailers'), [{ headers: [field('x-t', 'end')] }])
  stream.leave()
})

test('bytes, so many traces at once', async () => {
  const body = request({ max_buffered_tx_bytes: 2, sinks: [{ buffered_admin: { max_traces: 3 } }] })
  const stream = await attachNext(body)
  await Promise.all(['/1', '/2', '/3', '/4', '/5', '/6'].map(path => send(port, path)))
  for (let i = 0; i < 3; i++) {
    const { request: asked, response } = (await stream.next())['http_buffered_trace'] as never as {
      request: { body: object }
      response: { body: object }
    }
    assert.deepEqual(asked.body, { as_bytes: 'Ym9keQ==', truncated: false })
    assert.deepEqual(response.body, { as_bytes: 'YWI=', truncated: true })
  }
  await assert.rejects(stream.next(), /ended/)
})

test('what is asked for in vain', async () => {
  const answer = async (body: string) => {
    const response = await post(body)
    return `${response.status} ${await response.text()}`
  }
  const admin = { sinks: [{ streaming_admin: {} }] }
  assert.equal(await answer(''), '400 /tap requires a JSON/YAML body')
  assert.equal(
    await answer(request(admin, ANY, 'two')),
    "400 Unknown config id 'two'. No extension has registered with this id.",
  )
  assert.match(await answer('config_id: one'), /^400 /)
  assert.match(await answer('x: ['), /^400 /)
  const stream = await attachNext(request(admin))
  assert.equal(await answer(request(admin)), '400 An attached /tap admin stream already exists. Detach it.')
  stream.leave()
  const got = await proxy.admin('/tap')
  assert.equal(`${got.status} ${await got.text()}`, '405 Method GET not allowed, POST required.')
})

test('a share of requests; the others are counted', async () => {
  const drawn = { tap_enabled: { default_value: { numerator: 0 } } }
  const before = await proxy.stats('http.in.tap')
  const stream = await attachNext(request({ sinks: [{ streaming_admin: {} }] }, ANY, 'one', drawn))
  await send()
  await proxy.untilStat('http.in.tap.rq_sampled_out', (before.get('http.in.tap.rq_sampled_out') ?? 0) + 1)
  stream.leave()
  const now = await proxy.stats('http.in.tap')
  assert.equal(now.get('http.in.tap.rq_tapped'), before.get('http.in.tap.rq_tapped'))
})

/** The files of a prefix, once there is one that ends as it should. */
async function written(prefix: string, ends: (content: Buffer) => boolean): Promise<Buffer> {
  for (;;) {
    for (const name of (await readdir(folder)).filter(one => one.startsWith(`${prefix}_`))) {
      const content = await readFile(join(folder, name))
      if (ends(content)) return content
    }
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

test('files: pieces as JSON, a whole exchange as protobuf', { timeout: 20_000 }, async () => {
  await send(filePort)
  const text = String(await written('json', content => content.includes('response_trailers')))
  assert.match(text, /"request_body_chunk": \{\n {3}"as_bytes": "Ym9keQ==",\n {3}"truncated": false\n {2}\}/)
  await send(protoPort)
  const bytes = await written('proto', content => content.length > 0)
  const { http_buffered_trace: trace } = jsonMessages('envoy.data.tap.v3.TraceWrapper').decode(bytes) as never as {
    http_buffered_trace: { request: { body: object; headers: object[] }; response: { trailers: object[] } }
  }
  assert.deepEqual(trace.request.body, { as_bytes: 'Ym9keQ==' })
  assert.deepEqual(trace.request.headers[0], { key: ':authority', value: 'a' })
  assert.deepEqual(trace.response.trailers, [{ key: 'x-t', value: 'end' }])
})
