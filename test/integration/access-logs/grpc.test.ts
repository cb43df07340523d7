// Access log services: entries over gRPC streams, records over OTLP. PROXY_UNDER_TEST holds the same against a real Envoy.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { JsonValue } from '@bufbuild/protobuf'
import {
  answering,
  bootstrap,
  exchange,
  freePorts,
  httpListener,
  type JsonMessage,
  ProxyProcess,
  RawClient,
  ScriptedGrpc,
  ScriptedOrigin,
  socketAddress,
  staticCluster,
} from '../../harness/index.ts'

const TYPE = 'type.googleapis.com/envoy.extensions'
const HTTP2 = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': `${TYPE}.upstreams.http.v3.HttpProtocolOptions`,
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
}
const CLOSE = 'host: log.test\r\nconnection: close\r\n'

let als: ScriptedGrpc
let collector: ScriptedGrpc
let origin: ScriptedOrigin
/** Takes what comes and answers nothing. */
let deaf: ScriptedOrigin
let proxy: ProxyProcess
let ports: readonly number[]
const messages: JsonMessage[] = []
const exported: JsonMessage[] = []

const common = (cluster: string, extra: object = {}): object => ({
  log_name: 'front',
  transport_api_version: 'V3',
  grpc_service: { envoy_grpc: { cluster_name: cluster } },
  buffer_flush_interval: '0.05s',
  ...extra,
})
const httpLog = (common_config: object): object => ({
  name: 'als',
  typed_config: {
    '@type': `${TYPE}.access_loggers.grpc.v3.HttpGrpcAccessLogConfig`,
    common_config,
    additional_request_headers_to_log: ['X-Asked', 'x-absent'],
    additional_response_headers_to_log: ['x-told'],
  },
})
const tcpLog = {
  name: 'als',
  typed_config: {
    '@type': `${TYPE}.access_loggers.grpc.v3.TcpGrpcAccessLogConfig`,
    common_config: common('als', { log_name: 'tcp' }),
  },
}
const otelLog = {
  name: 'otel',
  typed_config: {
    '@type': `${TYPE}.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig`,
    common_config: common('collector'),
    stat_prefix: 'own',
    resource_attributes: { values: [{ key: 'service.name', value: { string_value: '100%' } }] },
    body: { string_value: '%REQ(:METHOD)% %RESPONSE_CODE%' },
    attributes: {
      values: [
        { key: 'path', value: { string_value: '%REQ(:PATH)%' } },
        {
          key: 'more',
          value: { kvlist_value: { values: [{ key: 'flags', value: { string_value: '%RESPONSE_FLAGS%' } }] } },
        },
      ],
    },
  },
}
const tags = [
  { tag: 'fixed', literal: { value: 'f' } },
  { tag: 'asked', request_header: { name: 'x-asked', default_value: 'd' } },
  { tag: 'absent', request_header: { name: 'x-absent', default_value: 'd' } },
  { tag: 'none', request_header: { name: 'x-none' } },
]

before(async () => {
  als = await ScriptedGrpc.start(
    {
      path: '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs',
      request: 'envoy.service.accesslog.v3.StreamAccessLogsMessage',
      response: 'envoy.service.accesslog.v3.StreamAccessLogsResponse',
    },
    { onMessage: message => messages.push(message) },
  )
  collector = await ScriptedGrpc.start(
    {
      path: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
      request: 'opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest',
      response: 'opentelemetry.proto.collector.logs.v1.ExportLogsServiceResponse',
    },
    {
      onMessage: (message, stream) => {
        exported.push(message)
        stream.send({})
      },
    },
  )
  origin = await ScriptedOrigin.start(answering('HTTP/1.1 200 OK\r\nx-told: t\r\ncontent-length: 2\r\n\r\nok'))
  ports = await freePorts(4)
  const routes = [
    { name: 'r', match: { prefix: '/old' }, route: { cluster: 'origin', prefix_rewrite: '/new' } },
    { match: { prefix: '/' }, direct_response: { status: 404 } },
  ]
  const tcp = {
    name: 'tcp',
    typed_config: {
      '@type': `${TYPE}.filters.network.tcp_proxy.v3.TcpProxy`,
      stat_prefix: 't',
      cluster: 'origin',
      access_log: [tcpLog],
    },
  }
  const listeners = [
    httpListener({ port: ports[0]!, routes, hcm: { access_log: [httpLog(common('als', { custom_tags: tags }))] } }),
    { name: 'tcp', address: socketAddress(ports[1]!), filter_chains: [{ filters: [tcp] }] },
    httpListener({
      port: ports[2]!,
      routes,
      hcm: { access_log: [httpLog(common('deaf', { buffer_size_bytes: 1000 }))] },
    }),
    httpListener({ port: ports[3]!, routes, hcm: { access_log: [otelLog] } }),
  ]
  deaf = await ScriptedOrigin.start(() => undefined)
  proxy = await ProxyProcess.start(
    bootstrap(listeners, [
      staticCluster('origin', origin.port),
      staticCluster('als', als.port, HTTP2),
      staticCluster('collector', collector.port, HTTP2),
      staticCluster('deaf', deaf.port, { per_connection_buffer_limit_bytes: 4096, ...HTTP2 }),
    ]),
  )
})

after(async () => {
  await proxy.stop()
  await origin.close()
  await deaf.close()
  als.close()
  collector.close()
})

type Json = { readonly [name: string]: JsonValue }

async function until<T>(what: string, find: () => T | undefined): Promise<T> {
  const deadline = performance.now() + 4000
  for (;;) {
    const found = find()
    if (found !== undefined) return found
    if (performance.now() > deadline) throw new Error(`${what} did not come`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

const entries = (kind: 'http_logs' | 'tcp_logs'): readonly Json[] =>
  messages.flatMap(message => ((message[kind] as Json | undefined)?.['log_entry'] as readonly Json[] | undefined) ?? [])

test('HTTP entries tell of request, response and connection', async () => {
  const asked = 'x-asked: a\r\nuser-agent: ua\r\nreferer: http://r/\r\n'
  await exchange(ports[0]!, `POST /old/p?q=1 HTTP/1.1\r\n${CLOSE}${asked}content-length: 5\r\n\r\nhello`)
  const entry = await until('the entry', () => entries('http_logs')[0])
  const request = entry['request'] as Json
  const { request_id: id, ...fixed } = request
  assert.match(String(id), /^[0-9a-f-]{36}$/)
  assert.deepEqual(
    Object.fromEntries(
      Object.entries(fixed).filter(([name]) => !name.endsWith('_bytes_sent') && !/headers?_bytes/.test(name)),
    ),
    {
      request_method: 'POST',
      scheme: 'http',
      authority: 'log.test',
      path: '/new/p?q=1',
      user_agent: 'ua',
      referer: 'http://r/',
      original_path: '/old/p?q=1',
      request_body_bytes: '5',
      request_headers: { 'x-asked': 'a' },
    },
  )
  const response = entry['response'] as Json
  assert.equal(response['response_code'], 200)
  assert.equal(response['response_code_details'], 'via_upstream')
  assert.equal(response['response_body_bytes'], '2')
  assert.deepEqual(response['response_headers'], { 'x-told': 't' })
  assert.equal(entry['protocol_version'], 'HTTP11')
  const properties = entry['common_properties'] as Json
  assert.equal(properties['upstream_cluster'], 'origin')
  assert.equal(properties['route_name'], 'r')
  assert.equal(properties['upstream_request_attempt_count'], 1)
  assert.equal(properties['access_log_type'], 'DownstreamEnd')
  assert.equal(properties['stream_id'], id)
  assert.deepEqual(properties['custom_tags'], { fixed: 'f', asked: 'a', absent: 'd' })
  assert.equal(properties['response_flags'], undefined)
  const address = (name: string): unknown => (properties[name] as Json)['socket_address']
  assert.deepEqual(address('upstream_remote_address'), { address: '127.0.0.1', port_value: origin.port })
  assert.deepEqual(address('downstream_local_address'), { address: '127.0.0.1', port_value: ports[0] })
  for (const name of ['start_time', 'duration', 'time_to_last_rx_byte', 'time_to_first_upstream_rx_byte']) {
    assert.equal(typeof properties[name], 'string', name)
  }
})

test('a stream says once who speaks, and carries what follows', async () => {
  const before = entries('http_logs').length
  await exchange(ports[0]!, `GET /nowhere HTTP/1.1\r\n${CLOSE}\r\n`)
  const entry = await until('the next entry', () => entries('http_logs')[before])
  assert.equal((entry['response'] as Json)['response_code'], 404)
  assert.equal((entry['common_properties'] as Json)['upstream_remote_address'], undefined)
  const http = messages.filter(message => 'http_logs' in message)
  assert.deepEqual(
    http.map(message => 'identifier' in message),
    http.map((_, i) => i === 0),
  )
  const identifier = http[0]!['identifier'] as Json
  assert.equal(identifier['log_name'], 'front')
  assert.equal((identifier['node'] as Json)['id'], 'test')
})

test('TCP entries tell of connections', async () => {
  {
    using client = await RawClient.connect(ports[1]!)
    client.send('GET /x HTTP/1.1\r\nhost: a\r\n\r\n')
    await client.until(text => text.endsWith('ok'))
  }
  const entry = await until('the entry', () => entries('tcp_logs')[0])
  const { received_bytes: received, sent_bytes: sent } = entry['connection_properties'] as Json
  assert.ok(Number(received) > 0 && Number(sent) > 0)
  assert.equal((entry['common_properties'] as Json)['access_log_type'], 'TcpConnectionEnd')
})

test('a service that does not read costs entries, not requests', async () => {
  using client = await RawClient.connect(ports[2]!)
  for (let answers = 1; answers <= 400; answers++) {
    client.send('GET /nowhere HTTP/1.1\r\nhost: log.test\r\n\r\n')
    await client.until(text => text.split('HTTP/1.1 404').length > answers)
  }
  const count = async (name: string): Promise<number> =>
    (await proxy.stats('access_logs.grpc_access_log')).get(`access_logs.grpc_access_log.${name}`) ?? 0
  const deadline = performance.now() + 4000
  while ((await count('logs_dropped')) === 0 && performance.now() < deadline) {
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  assert.ok((await count('logs_dropped')) > 0, `${await count('logs_written')} written`)
})

test('a stream that the service ends is opened anew', async () => {
  const streams = als.streams.length
  for (const stream of als.streams) stream.end()
  const before = entries('http_logs').length
  await until('an entry over a new stream', () => {
    void exchange(ports[0]!, `GET /again HTTP/1.1\r\n${CLOSE}\r\n`)
    return entries('http_logs').length > before && als.streams.length > streams ? true : undefined
  })
})

test('OTLP records carry formatted body and attributes', async () => {
  await exchange(ports[3]!, `GET /nowhere HTTP/1.1\r\n${CLOSE}\r\n`)
  const message = await until('the record', () => exported[0])
  const [resource] = message['resource_logs'] as readonly Json[]
  assert.deepEqual((resource!['resource'] as Json)['attributes'], [
    { key: 'log_name', value: { string_value: 'front' } },
    { key: 'zone_name', value: { string_value: '' } },
    { key: 'cluster_name', value: { string_value: 'test' } },
    { key: 'node_name', value: { string_value: 'test' } },
    { key: 'service.name', value: { string_value: '100%' } },
  ])
  const [scope] = resource!['scope_logs'] as readonly Json[]
  const [record] = scope!['log_records'] as readonly Json[]
  assert.deepEqual(record!['body'], { string_value: 'GET 404' })
  assert.deepEqual(record!['attributes'], [
    { key: 'path', value: { string_value: '/nowhere' } },
    { key: 'more', value: { kvlist_value: { values: [{ key: 'flags', value: { string_value: '-' } }] } } },
  ])
  assert.ok(Number(record!['time_unix_nano']) > 1e18)
  await proxy.untilStat('access_logs.open_telemetry_access_log.own.logs_written', 1)
})
