// What a gRPC client sees of answers the proxy makes itself, and what becomes of its deadline.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
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

const LOCAL_REPLY = {
  mappers: [
    {
      filter: { header_filter: { header: { name: 'x-map', present_match: true } } },
      headers_to_add: [{ header: { key: 'x-mapped', value: '1' } }],
      status_code: 401,
      body_format_override: { json_format: { msg: '%LOCAL_REPLY_BODY%' } },
    },
  ],
}

const toOrigin = (prefix: string, action: object) => ({ match: { prefix }, route: { cluster: 'origin', ...action } })

const ROUTES = [
  { match: { prefix: '/direct' }, direct_response: { status: 418, body: { inline_string: 'tea\nä%' } } },
  { match: { prefix: '/redirect' }, redirect: { path_redirect: '/x' } },
  { match: { prefix: '/dead' }, route: { cluster: 'dead' } },
  toOrigin('/slow', { timeout: '0.1s' }),
  toOrigin('/offset', { max_stream_duration: { grpc_timeout_header_max: '0.4s', grpc_timeout_header_offset: '0.1s' } }),
  toOrigin('/both', { max_stream_duration: { max_stream_duration: '0.15s', grpc_timeout_header_max: '0.4s' } }),
  toOrigin('/any', { max_stream_duration: { grpc_timeout_header_max: '0s' } }),
  toOrigin('/old', { timeout: '5s', max_grpc_timeout: '0.2s', grpc_timeout_offset: '0.1s' }),
]

let proxy: ProxyProcess
let origin: ScriptedOrigin
let port: number

before(async () => {
  origin = await ScriptedOrigin.start(() => {})
  const [free, dead] = (await freePorts(2)) as [number, number]
  port = free
  const listener = httpListener({ port, hcm: { local_reply_config: LOCAL_REPLY }, routes: ROUTES })
  const clusters = [staticCluster('origin', origin.port), staticCluster('dead', dead)]
  proxy = await ProxyProcess.start(bootstrap([listener], clusters))
})
after(async () => {
  await proxy?.stop()
  await origin?.close()
})

async function send(path: string, fields: readonly string[] = [], method = 'GET'): Promise<RawResponse> {
  const lines = [`${method} ${path} HTTP/1.1`, 'host: a', 'connection: close', ...fields, '', '']
  const [response] = parseResponses(await exchange(port, lines.join('\r\n')), [method])
  assert.ok(response)
  return response
}

const field = (of: { headers: RawResponse['headers'] }, name: string): string | undefined =>
  of.headers.find(([key]) => key.toLowerCase() === name)?.[1]

const GRPC = ['content-type: application/grpc']

async function grpc(path: string, fields: readonly string[] = []): Promise<readonly (string | undefined)[]> {
  const response = await send(path, [...GRPC, ...fields])
  assert.equal(response.status, 200)
  assert.equal(response.body, '')
  assert.equal(field(response, 'content-type'), 'application/grpc')
  return [field(response, 'grpc-status'), field(response, 'grpc-message')]
}

describe('local replies to gRPC requests', () => {
  test('status and message follow from the answer', async () => {
    const words = 'upstream connect error or disconnect/reset before headers. reset reason: remote connection failure'
    assert.deepEqual(await grpc('/direct'), ['2', 'tea%0A%C3%A4%25'])
    assert.deepEqual(await grpc('/none'), ['12', undefined])
    assert.deepEqual(await grpc('/redirect'), ['2', undefined])
    assert.deepEqual(await grpc('/dead'), ['14', words])
    assert.deepEqual(await grpc('/slow'), ['14', 'upstream request timeout'])
  })

  test('mapped replies: the new status counts, a formatted body loses its line break', async () => {
    assert.deepEqual(await grpc('/none', ['x-map: 1']), ['16', '{"msg":""}'])
  })

  test('a redirect keeps its location', async () => {
    assert.match(field(await send('/redirect', GRPC), 'location') ?? '', /\/x$/)
  })

  test('what is gRPC: the content type alone or with a format', async () => {
    const statusOf = async (type: string) => (await send('/direct', [`content-type: ${type}`])).status
    assert.equal(await statusOf('application/grpc+proto'), 200)
    assert.equal(await statusOf('application/grpc; charset=utf-8'), 418)
    assert.equal(await statusOf('application/grpc-web'), 418)
    assert.equal(await statusOf('Application/GRPC'), 418)
  })

  test('HEAD gets no message', async () => {
    const response = await send('/direct', GRPC, 'HEAD')
    assert.deepEqual([field(response, 'grpc-status'), field(response, 'grpc-message')], ['2', undefined])
  })
})

describe('deadlines', () => {
  /** What the client gets, what the origin was told, and after how many ms. */
  async function deadline(path: string, fields: readonly string[]): Promise<[string | undefined, ...unknown[]]> {
    origin.reset()
    const start = performance.now()
    const response = await send(path, fields)
    const ms = performance.now() - start
    const told = /grpc-timeout: (\S+)/.exec(origin.received)?.[1]
    return [field(response, 'grpc-status') ?? String(response.status), told, ms]
  }

  const cases: readonly [path: string, timeout: string | null, status: string, told: string, ms: number][] = [
    ['/offset', '300m', '4', '200m', 200],
    ['/offset', '2S', '4', '300m', 300],
    ['/both', '300m', '4', '300m', 300],
    ['/both', 'junk', '4', '150m', 150],
    ['/both', null, '4', '150m', 150],
    ['/any', '120000u', '4', '120m', 120],
    ['/old', '250m', '14', '150m', 150],
    ['/old', '2S', '14', '200m', 200],
    ['/old', '0m', '14', '200m', 200],
    ['/old', null, '14', '200m', 200],
  ]
  for (const [path, timeout, status, told, ms] of cases) {
    test(`${path} with ${timeout ?? 'none'}`, async () => {
      const [gotStatus, gotTold, gotMs] = await deadline(
        path,
        timeout === null ? GRPC : [...GRPC, `grpc-timeout: ${timeout}`],
      )
      assert.deepEqual([gotStatus, gotTold], [status, told])
      assert.ok((gotMs as number) > ms - 10 && (gotMs as number) < ms + 400, `${gotMs} ms`)
    })
  }

  test('a deadline that is over, or shorter than the offset, ends the stream at once', async () => {
    for (const timeout of ['0m', '50m']) {
      const [status, , ms] = await deadline('/offset', [...GRPC, `grpc-timeout: ${timeout}`])
      assert.equal(status, '4')
      assert.ok((ms as number) < 90, `${ms} ms`)
    }
  })

  test('a request that is no gRPC keeps its header, the duration holds all the same', async () => {
    const [status, told, ms] = await deadline('/any', ['grpc-timeout: 100000u'])
    assert.deepEqual([status, told], ['504', '100000u'])
    assert.ok((ms as number) >= 95)
  })

  test('an answer in time passes', async () => {
    origin.reset(answering('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'))
    assert.equal((await send('/offset', [...GRPC, 'grpc-timeout: 1S'])).body, 'ok')
  })
})
