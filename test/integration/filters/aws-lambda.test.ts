// Functions of AWS Lambda as origins. PROXY_UNDER_TEST holds the same against a real Envoy, but for what it lets pass.
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
  type RawRequest,
  ScriptedOrigin,
  staticCluster,
} from '../../harness/index.ts'

const API = 'type.googleapis.com/envoy.extensions.filters.http'
const ARN = 'arn:aws:lambda:us-west-2:987654321:function:hello'
const FILTERS: Readonly<Record<string, object>> = {
  json: {},
  raw: { payload_passthrough: true },
  event: { invocation_mode: 'ASYNCHRONOUS', host_rewrite: 'lambda.us-west-2.amazonaws.com' },
}
const names = Object.keys(FILTERS)

let origin: ScriptedOrigin
let proxy: ProxyProcess
let ports: readonly number[]
let received: RawRequest | null = null
let says = ''

function listener(name: string, i: number): object {
  const config = {
    arn: ARN,
    credentials: { access_key_id: 'AKID', secret_access_key: 'SECRET' },
    ...FILTERS[name],
  }
  const http_filters = [
    { name: 'lambda', typed_config: { '@type': `${API}.aws_lambda.v3.Config`, ...config } },
    { name: 'router', typed_config: { '@type': `${API}.router.v3.Router` } },
  ]
  const versioned = { '@type': `${API}.aws_lambda.v3.PerRouteConfig`, invoke_config: { ...config, arn: `${ARN}:v1` } }
  const routes = [
    { match: { prefix: '/plain' }, route: { cluster: 'origin' } },
    { match: { prefix: '/v1' }, route: { cluster: 'lambda' }, typed_per_filter_config: { lambda: versioned } },
    { match: { prefix: '/' }, route: { cluster: 'lambda' } },
  ]
  return httpListener({ port: ports[i]!, routes, hcm: { stat_prefix: name, generate_request_id: false, http_filters } })
}

before(async () => {
  origin = await ScriptedOrigin.start(
    answering(request => {
      received = request
      return says
    }),
  )
  ports = await freePorts(names.length)
  const gateway = { metadata: { filter_metadata: { 'com.amazonaws.lambda': { egress_gateway: true } } } }
  const clusters = [staticCluster('origin', origin.port), staticCluster('lambda', origin.port, gateway)]
  proxy = await ProxyProcess.start(bootstrap(names.map(listener), clusters))
})

after(async () => {
  await proxy?.stop()
  await origin?.close()
})

interface Call {
  readonly status: number
  readonly body: string
  header(name: string): readonly string[]
}

async function call(name: string, head: string, body: string, answer: string | object, extra = ''): Promise<Call> {
  received = null
  const text = typeof answer === 'string' ? answer : JSON.stringify(answer)
  says = `HTTP/1.1 200 OK\r\n${extra}content-length: ${Buffer.byteLength(text, 'latin1')}\r\n\r\n${text}`
  const length = body === '' ? '' : `content-length: ${body.length}\r\n`
  const [line = '', ...fields] = head.split('\n')
  const lines = fields.map(field => `${field}\r\n`).join('')
  const port = ports[names.indexOf(name)]!
  const request = `${line} HTTP/1.1\r\nhost: h\r\n${lines}${length}connection: close\r\n\r\n${body}`
  const [response] = parseResponses(await exchange(port, request), [line.split(' ')[0]!])
  const header = (wanted: string) => response!.headers.filter(([field]) => field === wanted).map(([, value]) => value)
  return { status: response!.status, body: response!.body, header }
}

const sent = (name: string): string | undefined => received?.headers.find(([field]) => field === name)?.[1]
const event = (): Record<string, unknown> => JSON.parse(received?.body ?? 'null') as Record<string, unknown>

test('a request becomes an event, and an answer a response', async () => {
  const answer = {
    statusCode: 201,
    headers: { 'X-Foo': 'bar', ':bad': 'x' },
    cookies: ['a=b; Path=/', 'c=d'],
    body: 'hello',
  }
  const response = await call('json', 'GET /a/b?x=1&y=2&x=3&z\nx-a: 1\nx-a: 2', '', answer)
  assert.equal(received?.method, 'POST')
  assert.equal(received?.target, `/2015-03-31/functions/${ARN}/invocations`)
  assert.equal(sent('x-amz-invocation-type'), 'RequestResponse')
  assert.match(
    sent('authorization') ?? '',
    /^AWS4-HMAC-SHA256 Credential=AKID\/\d+\/us-west-2\/lambda\/aws4_request, SignedHeaders=content-length;content-type;host;x-a;x-amz-content-sha256;x-amz-date;x-amz-invocation-type/,
  )
  assert.deepEqual(event(), {
    raw_path: '/a/b?x=1&y=2&x=3&z',
    method: 'GET',
    headers: { 'x-a': '1,2', 'x-forwarded-proto': 'http' },
    query_string_parameters: { x: '1', y: '2', z: '' },
    body: '',
    is_base64_encoded: false,
  })
  assert.deepEqual([response.status, response.body], [201, 'hello'])
  assert.deepEqual(response.header('x-foo'), ['bar'])
  assert.deepEqual(response.header('set-cookie'), ['a=b; Path=/', 'c=d'])
  assert.deepEqual(response.header('content-type'), ['application/json'])
})

test('bodies are text or base64, in both directions', async () => {
  await call('json', 'POST /p\ncontent-type: application/json', '{"a":1}', {})
  assert.deepEqual([event()['body'], event()['is_base64_encoded']], ['{"a":1}', false])
  const binary = await call('json', 'POST /p', '\x00\x7f', { status_code: 202, is_base64_encoded: true, body: 'aGk=' })
  assert.deepEqual([event()['body'], event()['is_base64_encoded']], ['AH8=', true])
  assert.deepEqual([binary.status, binary.body], [202, 'hi'])
})

describe('answers that are errors', () => {
  for (const answer of ['not json', '[1]', '{"body":{"a":1}}', '{"body":"\xe9"}']) {
    test(answer, async () => assert.equal((await call('json', 'GET /', '', answer)).status, 500))
  }
  test('of the function: they stay as they are', async () => {
    const failed = await call('json', 'GET /', '', { errorMessage: 'x' }, 'x-amz-function-error: Unhandled\r\n')
    assert.deepEqual([failed.status, failed.body], [200, '{"errorMessage":"x"}'])
  })
})

test('a function cannot break a response', { skip: process.env['PROXY_UNDER_TEST'] !== undefined }, async () => {
  for (const answer of [{ headers: { 'x-a': 'b\r\nset-cookie: x' } }, { statusCode: 99 }, { cookies: ['a\nb'] }]) {
    assert.equal((await call('json', 'GET /', '', answer)).status, 500)
  }
  const framed = await call('json', 'GET /', '', { headers: { 'Transfer-Encoding': 'chunked' }, body: 'abc' })
  assert.deepEqual([framed.header('transfer-encoding'), framed.body], [[], 'abc'])
})

test('payloads that pass as they are, and calls without an answer', async () => {
  const raw = await call('raw', 'POST /p', 'raw', { statusCode: 300 })
  assert.deepEqual([received?.body, raw.status, raw.body], ['raw', 200, '{"statusCode":300}'])
  const started = await call('event', 'GET /', '', { statusCode: 300 })
  assert.deepEqual([sent('x-amz-invocation-type'), sent('host')], ['Event', 'lambda.us-west-2.amazonaws.com'])
  assert.equal(started.body, '{"statusCode":300}')
})

test('other clusters are none of its business, and routes have functions of their own', async () => {
  const plain = await call('json', 'GET /plain', '', { statusCode: 300 })
  assert.deepEqual([received?.target, plain.status], ['/plain', 200])
  await call('json', 'GET /v1', '', {})
  assert.match(received?.target ?? '', /hello:v1\/invocations$/)
})
