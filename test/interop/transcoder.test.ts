// JSON clients of a real gRPC server, its services known by reflection alone.
import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { bootstrap, freePorts, httpListener, ProxyProcess, staticCluster } from '../harness/index.ts'
import { GrpcJsServer } from './grpc-js-server.ts'
import { addReflection, type ReflectionOptions } from './reflection-server.ts'

const FILTERS = 'type.googleapis.com/envoy.extensions.filters.http'
const http2 = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
}

const stops: (() => unknown)[] = []
after(async () => {
  for (const stop of stops.reverse()) await stop()
})

async function startServer(
  options: ReflectionOptions,
  port = 0,
): Promise<{ server: GrpcJsServer; seen: { questions: number } }> {
  let seen = { questions: 0 }
  const server = await GrpcJsServer.start({}, undefined, port, made => {
    seen = addReflection(made, options)
  })
  stops.push(() => server.stop())
  return { server, seen }
}

async function startProxy(serverPort: number, reflection: object = {}): Promise<{ proxy: ProxyProcess; port: number }> {
  const port = (await freePorts(1))[0]!
  const transcoder = {
    '@type': `${FILTERS}.grpc_json_transcoder.v3.GrpcJsonTranscoder`,
    services: ['shop.v1.Shop'],
    auto_mapping: true,
    convert_grpc_status: true,
    reflection: { cluster: 'shop', ...reflection },
  }
  const hcm = {
    http_filters: [
      { name: 'transcoder', typed_config: transcoder },
      { name: 'router', typed_config: { '@type': `${FILTERS}.router.v3.Router` } },
    ],
  }
  const routes = [{ match: { prefix: '/' }, route: { cluster: 'shop' } }]
  const proxy = await ProxyProcess.start(
    bootstrap([httpListener({ port, hcm, routes })], [staticCluster('shop', serverPort, http2)]),
  )
  stops.push(() => proxy[Symbol.asyncDispose]())
  return { proxy, port }
}

const get = (port: number, path: string) => fetch(`http://127.0.0.1:${port}${path}`)
const echo = async (port: number, json: object): Promise<readonly [status: number, body: unknown]> => {
  const response = await fetch(`http://127.0.0.1:${port}/shop.v1.Shop/Echo`, {
    method: 'POST',
    body: JSON.stringify(json),
  })
  const text = await response.text()
  return [response.status, response.headers.get('content-type') === 'application/json' ? JSON.parse(text) : text]
}

for (const options of [
  { version: 'v1' },
  { version: 'v1alpha' },
  { version: 'v1', withImports: true },
] as const satisfies readonly ReflectionOptions[]) {
  describe(`reflection ${JSON.stringify(options)}`, () => {
    let port = 0
    test('the first request is answered', async () => {
      const { server } = await startServer(options)
      ;({ port } = await startProxy(server.port))
      assert.deepEqual(await echo(port, { id: '7', name: 'n', tags: ['a'] }), [
        200,
        { id: '7', name: 'n', tags: ['a'] },
      ])
    })

    test('annotations, streams and errors', async () => {
      const items = (await (await get(port, '/v1/watch?page_size=3')).json()) as { id: string }[]
      assert.deepEqual(
        items.map(({ id }) => id),
        ['1', '2', '3'],
      )
      const many = await fetch(`http://127.0.0.1:${port}/v1/many`, {
        method: 'POST',
        body: '[{"name":"a"},{"name":"b"}]',
      })
      assert.deepEqual(await many.json(), { next: 'a,b' })
      const [status, body] = await echo(port, { name: 'fail' })
      assert.equal(status, 404)
      assert.deepEqual((body as { code: number }).code, 5)
    })
  })
}

test('requests at the start wait together for one answer', async () => {
  const { server, seen } = await startServer({ version: 'v1', withImports: true })
  const { port } = await startProxy(server.port)
  const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => echo(port, { id: String(i + 1) })))
  assert.deepEqual(
    answers,
    answers.map((_, i) => [200, { id: String(i + 1) }]),
  )
  assert.equal(seen.questions, 1)
})

test('an upstream that is down: 503, until it is there', async () => {
  const serverPort = (await freePorts(1))[0]!
  const { proxy, port } = await startProxy(serverPort)
  assert.deepEqual(await echo(port, {}), [503, 'the services are not known yet'])
  assert.match(proxy.log, /no descriptors from cluster shop/)
  await startServer({ version: 'v1' }, serverPort)
  const deadline = performance.now() + 10_000
  let status = 503
  while (status === 503 && performance.now() < deadline) [status] = await echo(port, {})
  assert.equal(status, 200)
})

test('a failing answer leaves the last good one', async () => {
  let problem: string | null = null
  const { server, seen } = await startServer({ version: 'v1', withImports: true, problem: () => problem })
  const { port } = await startProxy(server.port, { refresh_interval: '0.001s' })
  assert.equal((await echo(port, {}))[0], 200)
  problem = 'not now'
  const before = seen.questions
  for (let i = 0; i < 5; i++) assert.equal((await echo(port, {}))[0], 200)
  assert.ok(seen.questions > before)
})

test('services that the upstream does not have', async () => {
  const { server } = await startServer({ version: 'v1', problem: () => 'no such thing' })
  const { proxy, port } = await startProxy(server.port)
  assert.equal((await echo(port, {}))[0], 503)
  assert.match(proxy.log, /asked for shop\.v1\.Shop: no such thing/)
})

test('a cluster that nobody knows is refused', async () => {
  await assert.rejects(startProxy(1, { cluster: 'nope' }), /unknown cluster nope/)
})
