// gRPC in the stats of clusters and hosts, in access logs and retries, with an origin of exact bytes.
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
  httpListener,
  ProxyProcess,
  ScriptedOrigin,
  staticCluster,
} from '../../harness/index.ts'

const TYPE = 'type.googleapis.com/envoy.extensions'
const ROUTER = `${TYPE}.filters.http.router.v3.Router`
const FILE_LOG = `${TYPE}.access_loggers.file.v3.FileAccessLog`
const STATS = `${TYPE}.filters.http.grpc_stats.v3.FilterConfig`

let proxy: ProxyProcess
let origin: ScriptedOrigin
let port: number
let folder: string

const log = (name: string, format: string, filter: object = {}) => ({
  name: 'file',
  typed_config: {
    '@type': FILE_LOG,
    path: join(folder, name),
    log_format: { text_format_source: { inline_string: `${format}\n` } },
  },
  ...filter,
})

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'grpc-stats-'))
  origin = await ScriptedOrigin.start(() => {})
  port = (await freePorts(1))[0]!
  const state = 'envoy.filters.http.grpc_stats'
  const hcm = {
    http_filters: [
      { name: 'stats', typed_config: { '@type': STATS, emit_filter_state: true, enable_upstream_stats: true } },
      { name: 'router', typed_config: { '@type': ROUTER, suppress_grpc_request_failure_code_stats: true } },
    ],
    access_log: [
      log(
        'all',
        `%GRPC_STATUS% %GRPC_STATUS(NUMBER)% %GRPC_STATUS_NUMBER% %FILTER_STATE(${state})% %FILTER_STATE(${state}:PLAIN)%`,
      ),
      log('some', '%GRPC_STATUS(SNAKE_STRING)%', { filter: { grpc_status_filter: { statuses: ['NOT_FOUND', 'OK'] } } }),
    ],
  }
  const retry = {
    retry_on: 'unavailable,resource-exhausted',
    num_retries: 2,
    retry_back_off: { base_interval: '0.001s' },
  }
  const routes = [
    { match: { prefix: '/retry' }, route: { cluster: 'origin', retry_policy: retry } },
    { match: { prefix: '/' }, route: { cluster: 'origin' } },
  ]
  const trailers = {
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': `${TYPE}.upstreams.http.v3.HttpProtocolOptions`,
        explicit_http_config: { http_protocol_options: { enable_trailers: true } },
      },
    },
  }
  proxy = await ProxyProcess.start(
    bootstrap([httpListener({ port, hcm, routes })], [staticCluster('origin', origin.port, trailers)]),
  )
})
after(async () => {
  await proxy?.stop()
  await origin?.close()
  await rm(folder, { recursive: true, force: true })
})

const FRAME = '\0\0\0\0\x02hi'
const send = (path: string, fields = 'content-type: application/grpc\r\n') =>
  exchange(port, `POST ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n${fields}content-length: 7\r\n\r\n${FRAME}`)

const withTrailers = (status: number) =>
  `HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\n\r\n7\r\n${FRAME}\r\n0\r\ngrpc-status: ${status}\r\n\r\n`
const only = (status: number) =>
  `HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ngrpc-status: ${status}\r\ncontent-length: 0\r\n\r\n`

async function hostStats(): Promise<readonly [success: number, error: number]> {
  const text = await (await proxy.admin('/clusters')).text()
  const value = (name: string) => Number(new RegExp(`::${name}::(\\d+)`).exec(text)?.[1])
  return [value('rq_success'), value('rq_error')]
}

test('hosts: a call succeeded when its grpc-status says so, wherever it stands', async () => {
  const cases: readonly [string, boolean][] = [
    [withTrailers(0), true],
    [withTrailers(5), true],
    [withTrailers(14), false],
    [only(3), true],
    [only(13), false],
    [`HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ncontent-length: 7\r\n\r\n${FRAME}`, false],
    ['HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n', false],
  ]
  for (const [response, succeeded] of cases) {
    origin.reset(answering(response))
    const [success, error] = await hostStats()
    await send('/pkg.Svc/Call')
    assert.deepEqual(await hostStats(), succeeded ? [success + 1, error] : [success, error + 1], response)
  }
})

test('suppress_grpc_request_failure_code_stats hides statuses of gRPC calls in the plain family only', async () => {
  const names = [
    'cluster.origin.upstream_rq_503',
    'cluster.origin.external.upstream_rq_503',
    'cluster.origin.upstream_rq_completed',
  ]
  origin.reset(answering('HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n'))
  const read = async () => {
    await proxy.admin('/ready')
    const stats = await proxy.stats('cluster.origin')
    return names.map(name => stats.get(name) ?? 0)
  }
  const [plain, external, completed] = (await read()) as [number, number, number]
  await send('/pkg.Svc/Call')
  assert.deepEqual(await read(), [plain, external + 1, completed + 1])
  await send('/pkg.Svc/Call', '')
  assert.deepEqual(await read(), [plain + 1, external + 2, completed + 2])
})

test('retries on gRPC statuses in the headers, not in trailers', async () => {
  const asked = async (responses: readonly string[]) => {
    let next = 0
    origin.reset(answering(() => responses[Math.min(next++, responses.length - 1)]!))
    await send('/retry')
    return origin.requests.length
  }
  assert.equal(await asked([only(14), only(8), only(0)]), 3)
  assert.equal(await asked([only(13)]), 1)
  assert.equal(await asked([withTrailers(14)]), 1)
})

test('access logs', async () => {
  origin.reset(answering(withTrailers(5)))
  await send('/pkg.Svc/Call')
  origin.reset(answering(withTrailers(0)))
  await send('/pkg.Svc/Call', '')
  origin.reset(answering(only(7)))
  await send('/pkg.Svc/Call')
  await proxy.stop()
  const lines = async (name: string) => (await readFile(join(folder, name), 'utf8')).trimEnd().split('\n')
  const both = '{"requestMessageCount":"1","responseMessageCount":"1"} 1,1'
  assert.deepEqual((await lines('all')).slice(-3), [
    `NotFound 5 5 ${both}`,
    '- - - {"responseMessageCount":"1"} 0,1',
    'PermissionDenied 7 7 {"requestMessageCount":"1"} 1,0',
  ])
  // The last one is no gRPC request, but its grpc-status counts for the filter.
  assert.deepEqual((await lines('some')).slice(-2), ['NOT_FOUND', '-'])
})
