// How messages of HTTP/1 are written where options ask for it. PROXY_UNDER_TEST holds the same against a real Envoy.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  bootstrap,
  exchange,
  freePorts,
  httpListener,
  ProxyProcess,
  ScriptedOrigin,
  staticCluster,
} from '../harness/index.ts'

const TYPE = 'type.googleapis.com/envoy.extensions'
const ANSWER = 'HTTP/1.1 200 Fine\r\nX-Own: 1\r\nx-OTHER-thing: 2\r\nContent-Length: 2\r\n\r\nok'

const keeping = (settings: object): object => ({
  header_key_format: {
    stateful_formatter: {
      name: 'preserve_case',
      typed_config: {
        '@type': `${TYPE}.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig`,
        ...settings,
      },
    },
  },
})
const withOptions = (http1: object): object => ({
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': `${TYPE}.upstreams.http.v3.HttpProtocolOptions`,
      explicit_http_config: { http_protocol_options: http1 },
    },
  },
})
const CLUSTERS: Readonly<Record<string, object>> = {
  lower: {},
  kept: keeping({}),
  reason: keeping({ forward_reason_phrase: true }),
  proper: keeping({ formatter_type_on_envoy_headers: 'PROPER_CASE', forward_reason_phrase: true }),
  whole: { send_fully_qualified_url: true },
}
const LISTENERS: Readonly<Record<string, object>> = {
  lower: {},
  kept: keeping({}),
  proper: keeping({ formatter_type_on_envoy_headers: 'PROPER_CASE' }),
  words: { header_key_format: { proper_case_words: {} } },
  custom: { allow_custom_methods: true },
}

let origin: ScriptedOrigin
let proxy: ProxyProcess
let ports: readonly number[]
let asked = ''

before(async () => {
  origin = await ScriptedOrigin.start(connection => {
    if (!connection.received.includes('\r\n\r\n')) return
    asked = connection.received
    connection.received = ''
    connection.socket.write(ANSWER)
  })
  const names = Object.keys(LISTENERS)
  ports = await freePorts(names.length)
  const routes = Object.keys(CLUSTERS).map(cluster => ({ match: { prefix: `/${cluster}` }, route: { cluster } }))
  const listeners = names.map((name, i) =>
    httpListener({ port: ports[i]!, hcm: { stat_prefix: name, http_protocol_options: LISTENERS[name] }, routes }),
  )
  const clusters = Object.entries(CLUSTERS).map(([name, http1]) => staticCluster(name, origin.port, withOptions(http1)))
  proxy = await ProxyProcess.start(bootstrap(listeners, clusters))
})

after(async () => {
  await proxy?.stop()
  await origin?.close()
})

/** The names of both heads, in order, behind their first lines. */
async function namesOf(listener: string, cluster: string, method = 'GET'): Promise<readonly string[]> {
  asked = ''
  const port = ports[Object.keys(LISTENERS).indexOf(listener)]!
  const received = await exchange(
    port,
    `${method} /${cluster}?q HTTP/1.1\r\nHOST: a.test\r\nX-Mixed-cAse: 1\r\nConnection: close\r\n\r\n`,
  )
  return [asked, received].flatMap(text => {
    const [line = '', ...fields] = text.split('\r\n\r\n', 1)[0]!.split('\r\n')
    return [line, fields.map(field => field.split(':', 1)[0]).join(' ')]
  })
}

const ADDED = 'x-forwarded-proto x-request-id x-envoy-expected-rq-timeout-ms'
const PROPER = 'X-Forwarded-Proto X-Request-Id X-Envoy-Expected-Rq-Timeout-Ms'
const LAST = 'x-envoy-upstream-service-time date server connection'
const LOWER = `x-own x-other-thing content-length ${LAST}`
const KEPT = `X-Own x-OTHER-thing Content-Length ${LAST}`
const IN_PROPER = 'X-Own x-OTHER-thing Content-Length X-Envoy-Upstream-Service-Time Date Server Connection'
const WORDS = 'X-Own X-Other-Thing Content-Length X-Envoy-Upstream-Service-Time Date Server Connection'
const BAD = ['', '', 'HTTP/1.1 400 Bad Request', 'content-length content-type date server connection']
const passed = (method: string): readonly string[] => [
  `${method} /lower?q HTTP/1.1`,
  `host x-mixed-case ${ADDED} content-length`,
  'HTTP/1.1 200 OK',
  LOWER,
]

/** Listener, cluster and method, to what the recorded Envoy made of them. */
const EXPECTED: Readonly<Record<string, readonly string[]>> = {
  'lower lower': ['GET /lower?q HTTP/1.1', `host x-mixed-case ${ADDED}`, 'HTTP/1.1 200 OK', LOWER],
  'lower kept': ['GET /kept?q HTTP/1.1', `host x-mixed-case ${ADDED}`, 'HTTP/1.1 200 OK', KEPT],
  'lower reason': ['GET /reason?q HTTP/1.1', `host x-mixed-case ${ADDED}`, 'HTTP/1.1 200 Fine', KEPT],
  'lower proper': ['GET /proper?q HTTP/1.1', `host x-mixed-case ${ADDED}`, 'HTTP/1.1 200 Fine', IN_PROPER],
  'lower whole': ['GET http://a.test/whole?q HTTP/1.1', `host x-mixed-case ${ADDED}`, 'HTTP/1.1 200 OK', LOWER],
  'kept lower': ['GET /lower?q HTTP/1.1', `HOST X-Mixed-cAse ${ADDED}`, 'HTTP/1.1 200 OK', LOWER],
  'kept kept': ['GET /kept?q HTTP/1.1', `HOST X-Mixed-cAse ${ADDED}`, 'HTTP/1.1 200 OK', KEPT],
  'proper lower': ['GET /lower?q HTTP/1.1', `HOST X-Mixed-cAse ${PROPER}`, 'HTTP/1.1 200 OK', LOWER],
  'proper proper': ['GET /proper?q HTTP/1.1', `HOST X-Mixed-cAse ${PROPER}`, 'HTTP/1.1 200 Fine', IN_PROPER],
  'proper whole': ['GET http://a.test/whole?q HTTP/1.1', `HOST X-Mixed-cAse ${PROPER}`, 'HTTP/1.1 200 OK', LOWER],
  'words lower': ['GET /lower?q HTTP/1.1', `host x-mixed-case ${ADDED}`, 'HTTP/1.1 200 OK', WORDS],
  'words kept': ['GET /kept?q HTTP/1.1', `host x-mixed-case ${ADDED}`, 'HTTP/1.1 200 OK', KEPT],
  'lower lower FROB': BAD,
  'custom lower FROB': passed('FROB'),
  'lower lower get': BAD,
  'custom lower get': passed('get'),
  'custom lower A_B': passed('A_B'),
  'custom lower G(T': BAD,
  'custom lower AVERYLONGMETHODNAMEINDEED': passed('AVERYLONGMETHODNAMEINDEED'),
}

for (const [what, expected] of Object.entries(EXPECTED)) {
  const [listener = '', cluster = '', method] = what.split(' ')
  test(`listener ${listener}, cluster ${cluster}${method === undefined ? '' : `, ${method}`}`, async () => {
    assert.deepEqual(await namesOf(listener, cluster, method), expected)
  })
}
