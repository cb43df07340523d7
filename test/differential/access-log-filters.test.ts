// Which requests are logged, by every filter of access logs. PROXY_UNDER_TEST holds the same against a real Envoy.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import {
  answering,
  bootstrap,
  exchange,
  freePorts,
  ProxyProcess,
  ScriptedOrigin,
  socketAddress,
  staticCluster,
} from '../harness/index.ts'

const TYPE = 'type.googleapis.com/envoy.extensions'
const typed = (type: string, config: object): object => ({
  name: type,
  typed_config: { '@type': `${TYPE}.${type}`, ...config },
})
const status = (op: string, value: number): object => ({
  status_code_filter: { comparison: { op, value: { default_value: value, runtime_key: 'none' } } },
})
const duration = (op: string, value: number): object => ({
  duration_filter: { comparison: { op, value: { default_value: value, runtime_key: 'none' } } },
})
const header = (matcher: object): object => ({ header_filter: { header: { name: 'x-a', ...matcher } } })
const sampled = (numerator: number, more: object = {}): object => ({
  runtime_filter: { runtime_key: 'none', percent_sampled: { numerator }, ...more },
})
const metadata = (value: object, more: object = {}): object => ({
  metadata_filter: { matcher: { filter: 'ns', path: [{ key: 'k' }], value }, ...more },
})

const expression = (text: string, more: object = {}): object => ({
  extension_filter: typed('access_loggers.filters.cel.v3.ExpressionFilter', { expression: text, ...more }),
})

const REQUESTS: Readonly<Record<string, string>> = {
  ok: 'GET /ok HTTP/1.1\r\nhost: a\r\nx-a: one\r\nx-request-id: 00000007-0000-4000-8000-000000000000',
  direct: 'GET /direct HTTP/1.1\r\nhost: a\r\nx-request-id: 00002000-0000-4000-8000-000000000000',
  dead: 'GET /dead HTTP/1.1\r\nhost: a\r\nx-a: two',
  none: 'GET /none HTTP/1.1\r\nhost: a\r\nx-request-id: no',
  grpc: 'POST /grpc HTTP/1.1\r\nhost: a\r\ncontent-type: application/grpc\r\ncontent-length: 0',
  health: 'GET /health HTTP/1.1\r\nhost: a',
}

/** Each filter, and the requests that it lets through. */
const FILTERS: readonly (readonly [filter: object, logged: string])[] = [
  [status('EQ', 404), 'direct none'],
  [status('GE', 500), 'dead'],
  [status('LE', 200), 'grpc health ok'],
  [status('NE', 200), 'dead direct none'],
  [duration('GE', 0), 'dead direct grpc health none ok'],
  [duration('GE', 60_000), ''],
  [{ not_health_check_filter: {} }, 'dead direct grpc none ok'],
  [sampled(0), ''],
  [sampled(100), 'dead direct grpc health none ok'],
  [{ and_filter: { filters: [status('GE', 400), header({ present_match: true })] } }, 'dead'],
  [{ or_filter: { filters: [status('GE', 500), header({ string_match: { exact: 'one' } })] } }, 'dead ok'],
  [header({ string_match: { prefix: 'o' } }), 'ok'],
  [header({ present_match: true, invert_match: true }), 'direct grpc health none'],
  [
    header({ string_match: { exact: 'one' }, invert_match: true, treat_missing_header_as_empty: true }),
    'dead direct grpc health none',
  ],
  [{ response_flag_filter: {} }, 'dead none'],
  [{ response_flag_filter: { flags: ['NR', 'UO'] } }, 'none'],
  [{ grpc_status_filter: { statuses: ['NOT_FOUND'] } }, 'grpc'],
  [{ grpc_status_filter: { statuses: ['OK'] } }, ''],
  [{ grpc_status_filter: { statuses: ['NOT_FOUND'], exclude: true } }, 'dead direct health none ok'],
  [metadata({ string_match: { exact: 'value' } }), 'dead direct grpc health none ok'],
  [metadata({ string_match: { exact: 'other' } }), 'direct grpc health none'],
  [metadata({ string_match: { exact: 'value' } }, { match_if_key_not_found: false }), 'dead ok'],
  [metadata({ string_match: { exact: 'value' } }, { match_if_key_not_found: true }), 'dead direct grpc health none ok'],
  [{ log_type_filter: { types: ['DownstreamEnd'] } }, 'dead direct grpc health none ok'],
  [{ log_type_filter: { types: ['DownstreamEnd'], exclude: true } }, ''],
  [expression('response.code >= 400'), 'dead direct none'],
  [expression("request.headers['x-a'] == 'one'"), 'ok'],
  [expression("!('x-a' in request.headers) && response.code == 200"), 'grpc health'],
  [expression("request.headers['x-a'] + 'x' == 'onex'"), ''],
  [expression("request.headers['x-a'] + 'x' == 'onex'", { cel_config: { enable_string_concat: true } }), 'ok'],
  [expression('response.code'), ''],
  [expression("metadata.filter_metadata['ns']['k'] == 'value'"), 'dead ok'],
]
/** By the id of the request, so that all proxies on the way agree: 7, and 8192, modulo the denominator. */
const BY_ID: readonly (readonly [percent: object, logged: readonly string[]])[] = [
  [sampled(7), []],
  [sampled(8), ['ok']],
  [sampled(92), ['ok']],
  [sampled(93), ['direct', 'ok']],
  [
    { runtime_filter: { runtime_key: 'none', percent_sampled: { numerator: 8192, denominator: 'TEN_THOUSAND' } } },
    ['ok'],
  ],
  [
    { runtime_filter: { runtime_key: 'none', percent_sampled: { numerator: 8193, denominator: 'TEN_THOUSAND' } } },
    ['direct', 'ok'],
  ],
]

let folder: string
let origin: ScriptedOrigin
let proxy: ProxyProcess
let logged: readonly (readonly [filter: number, request: string])[]

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'log-filters-'))
  origin = await ScriptedOrigin.start(
    answering(({ target }) =>
      target === '/grpc'
        ? 'HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ngrpc-status: 5\r\ncontent-length: 0\r\n\r\n'
        : 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok',
    ),
  )
  const ports = await freePorts(2)
  const logs = [...FILTERS, ...BY_ID].map(([filter], i) => ({
    filter,
    ...typed('access_loggers.file.v3.FileAccessLog', {
      path: join(folder, 'log'),
      log_format: { text_format_source: { inline_string: `${i} %PATH%\n` } },
    }),
  }))
  const http = typed('filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: 'h',
    access_log: logs,
    http_filters: [
      typed('filters.http.health_check.v3.HealthCheck', {
        pass_through_mode: false,
        headers: [{ name: ':path', string_match: { exact: '/health' } }],
      }),
      typed('filters.http.header_to_metadata.v3.Config', {
        request_rules: [
          { header: 'x-a', on_header_present: { metadata_namespace: 'ns', key: 'k', value: 'value' } },
          { header: 'x-b', on_header_missing: { metadata_namespace: 'ns', key: 'other', value: 'value' } },
        ],
      }),
      typed('filters.http.router.v3.Router', {}),
    ],
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [
            { match: { prefix: '/direct' }, direct_response: { status: 404 } },
            { match: { prefix: '/dead' }, route: { cluster: 'dead' } },
            { match: { path: '/ok' }, route: { cluster: 'origin' } },
            { match: { path: '/grpc' }, route: { cluster: 'origin' } },
          ],
        },
      ],
    },
  })
  const listener = { name: 'l', address: socketAddress(ports[0]!), filter_chains: [{ filters: [http] }] }
  const clusters = [staticCluster('origin', origin.port), staticCluster('dead', ports[1]!)]
  proxy = await ProxyProcess.start(bootstrap([listener], clusters))
  for (const head of Object.values(REQUESTS)) await exchange(ports[0]!, `${head}\r\nconnection: close\r\n\r\n`)
  await proxy.stop()
  logged = (await readFile(join(folder, 'log'), 'utf8'))
    .trim()
    .split('\n')
    .map(line => line.split(' '))
    .map(([filter = '', path = '']) => [Number(filter), path.slice(1)] as const)
})

after(async () => {
  await proxy?.stop()
  await origin?.close()
  await rm(folder, { recursive: true, force: true })
})

const requestsOf = (filter: number): readonly string[] =>
  logged.filter(([number]) => number === filter).map(([, request]) => request)

FILTERS.forEach(([filter, expected], i) => {
  test(JSON.stringify(filter), () => {
    assert.equal([...requestsOf(i)].sort().join(' '), expected)
  })
})

BY_ID.forEach(([filter, expected], i) => {
  test(`${JSON.stringify(filter)} goes by the request id`, () => {
    const known = requestsOf(FILTERS.length + i).filter(request => request === 'ok' || request === 'direct')
    assert.deepEqual([...known].sort(), expected)
  })
})
