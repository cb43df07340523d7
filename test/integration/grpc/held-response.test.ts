// A filter holds the response's head, the rest never comes: what the client is told counts on the head being still here.
// Passes against a real Envoy too.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  bootstrap,
  exchange,
  freePorts,
  httpListener,
  ProxyProcess,
  parseResponses,
  ScriptedOrigin,
  staticCluster,
} from '../../harness/index.ts'

const TYPE = 'type.googleapis.com/envoy.extensions'
const FORMAT = '%REQ(:PATH)% %REQ(CONTENT-TYPE)% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n'
const PIECE = 'piece'
const DISCONNECT = 'upstream connect error or disconnect/reset before headers. reset reason: protocol error'

interface Case {
  readonly path: string
  readonly action: object
  /** grpc-status and grpc-message where the head is held. */
  readonly status: number
  readonly message: string
  readonly flags: string
  readonly details: string
  /** The router answers, which says how many attempts there were. */
  readonly byRouter: boolean
}

const retries = { retry_on: '5xx,reset', num_retries: 1 }
const byRouter = (path: string, action: object, message: string, flags: string, details: string): Case => {
  return { path, action, status: 14, message, flags, details, byRouter: true }
}
const CASES: readonly Case[] = [
  byRouter('/timeout', { timeout: '0.2s' }, 'upstream request timeout', 'UT', 'response_timeout'),
  byRouter(
    '/per-try',
    { timeout: '0.4s', retry_policy: { ...retries, per_try_timeout: '0.1s' } },
    'upstream request timeout',
    'UT',
    'response_timeout',
  ),
  byRouter(
    '/per-try-idle',
    { timeout: '3s', retry_policy: { ...retries, per_try_idle_timeout: '0.2s' } },
    'upstream request timeout',
    'UT',
    'upstream_per_try_idle_timeout',
  ),
  byRouter(
    '/hedge',
    {
      timeout: '0.4s',
      retry_policy: { ...retries, per_try_timeout: '0.1s' },
      hedge_policy: { hedge_on_per_try_timeout: true },
    },
    'upstream request timeout',
    'UT',
    'response_timeout',
  ),
  byRouter(
    '/cut',
    { timeout: '3s', retry_policy: retries },
    DISCONNECT,
    'UPE',
    'upstream_reset_after_response_started{protocol_error}',
  ),
  {
    path: '/idle',
    action: { timeout: '0s', idle_timeout: '0.2s' },
    status: 14,
    message: 'stream timeout',
    flags: 'SI',
    details: 'stream_idle_timeout',
    byRouter: false,
  },
  {
    path: '/duration',
    action: { timeout: '0s', max_stream_duration: { max_stream_duration: '0.2s' } },
    status: 4,
    message: 'downstream duration timeout',
    flags: '-',
    details: 'max_duration_timeout',
    byRouter: false,
  },
  {
    path: '/large',
    action: { timeout: '3s' },
    status: 2,
    message: 'Internal Server Error',
    flags: '-',
    details: 'response_payload_too_large',
    byRouter: false,
  },
]

let proxy: ProxyProcess
let origin: ScriptedOrigin
let port = 0

before(async () => {
  origin = await ScriptedOrigin.start(({ socket }, piece) => {
    const [, path, type] = /POST (\S+)[\s\S]*content-type: (\S+)/.exec(piece) as RegExpExecArray
    const body = path === '/large' ? 'x'.repeat(5000) : PIECE
    const chunk = `${body.length.toString(16)}\r\n${body}\r\n`
    socket.write(`HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ntransfer-encoding: chunked\r\n\r\n${chunk}`)
    if (path === '/cut') socket.end()
  })
  ;[port] = (await freePorts(1)) as [number]
  const routes = CASES.map(({ path, action }) => ({
    match: { path },
    route: { cluster: 'origin', ...action },
    response_headers_to_add: [{ header: { key: 'x-route', value: path } }],
  }))
  const hcm = {
    access_log: [
      {
        name: 'stdout',
        typed_config: {
          '@type': `${TYPE}.access_loggers.stream.v3.StdoutAccessLog`,
          log_format: { text_format_source: { inline_string: FORMAT } },
        },
      },
    ],
    route_config: {
      virtual_hosts: [{ name: 'all', domains: ['*'], include_attempt_count_in_response: true, routes }],
    },
    http_filters: [
      { name: 'bridge', typed_config: { '@type': `${TYPE}.filters.http.grpc_http1_bridge.v3.Config` } },
      { name: 'router', typed_config: { '@type': `${TYPE}.filters.http.router.v3.Router` } },
    ],
  }
  const listener = { ...httpListener({ port, hcm }), per_connection_buffer_limit_bytes: 1000 }
  proxy = await ProxyProcess.start(bootstrap([listener], [staticCluster('origin', origin.port)]))
})
after(async () => {
  await proxy?.stop()
  await origin?.close()
})

const post = (path: string, type: string) =>
  exchange(
    port,
    `POST ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: ${type}\r\ncontent-length: 2\r\n\r\nhi`,
  )
const logged = ({ path, flags, details }: Case, type: string) => `${path} ${type} ${flags} ${details}`

for (const each of CASES) {
  test(`${each.path}: a head that is held gives way to the proxy's own answer`, async () => {
    const [response] = parseResponses(await post(each.path, 'application/grpc'))
    assert.ok(response)
    const fields = new Map(response.headers)
    assert.equal(response.status, 200)
    assert.equal(fields.get('grpc-status'), String(each.status))
    assert.equal(fields.get('grpc-message'), each.message)
    assert.equal(fields.get('x-envoy-attempt-count'), each.byRouter ? '1' : undefined)
    assert.equal(fields.get('x-route'), each.path)
    assert.equal(response.body, '')
  })
}

for (const each of CASES.filter(({ path }) => path !== '/large')) {
  test(`${each.path}: a head that is out is cut off`, async () => {
    const text = await post(each.path, 'text/plain')
    assert.match(text, /^HTTP\/1\.1 200 OK\r\n/)
    assert.ok(text.endsWith(`${PIECE}\r\n`), text)
  })
}

test('the log tells the same of both', async () => {
  const cut = CASES.filter(({ path }) => path !== '/large').map(each => logged(each, 'text/plain'))
  const expected = [...CASES.map(each => logged(each, 'application/grpc')), ...cut]
  await proxy.stop()
  const lines = proxy.log.split('\n').filter(line => line.startsWith('/'))
  assert.deepEqual(lines.sort(), expected.sort())
})
