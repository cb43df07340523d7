// What a filter notes of a connection: for tcp_proxy, for requests, for logs. PROXY_UNDER_TEST holds the same against a real
// Envoy.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import {
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
const text = (inline: string): object => ({ text_format_source: { inline_string: inline } })

let folder: string
let origins: readonly ScriptedOrigin[]
let proxy: ProxyProcess
let ports: readonly number[]

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'filter-state-'))
  ports = await freePorts(3)
  origins = await Promise.all(
    ['one', 'two'].map(name =>
      ScriptedOrigin.start(({ socket }) =>
        socket.end(`HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\n${name}`),
      ),
    ),
  )
  const noting = typed('filters.network.set_filter_state.v3.Config', {
    on_new_connection: [
      { object_key: 'envoy.tcp_proxy.cluster', format_string: text('%FILTER_CHAIN_NAME%') },
      { object_key: 'own', factory_key: 'envoy.string', format_string: text('first'), read_only: false },
      {
        object_key: 'fixed',
        factory_key: 'envoy.string',
        format_string: text('%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%'),
        read_only: true,
      },
      {
        object_key: 'empty',
        factory_key: 'envoy.string',
        format_string: text('%REQUESTED_SERVER_NAME%'),
        skip_if_empty: true,
      },
    ],
    on_downstream_data: [{ object_key: 'own', factory_key: 'envoy.string', format_string: text('with data') }],
  })
  const log = typed('access_loggers.file.v3.FileAccessLog', {
    path: join(folder, 'log'),
    log_format: text('%FILTER_STATE(own:PLAIN)% %FILTER_STATE(fixed:PLAIN)% %UPSTREAM_CLUSTER%\n'),
  })
  const tcp = typed('filters.network.tcp_proxy.v3.TcpProxy', { stat_prefix: 't', cluster: 'two', access_log: [log] })
  const http = typed('filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: 'h',
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [
            {
              match: { prefix: '/', filter_state: [{ key: 'own', string_match: { exact: 'with data' } }] },
              route: { cluster: 'one' },
            },
          ],
        },
      ],
    },
    http_filters: [typed('filters.http.router.v3.Router', {})],
    access_log: [log],
  })
  const listener = (i: number, name: string, filters: readonly object[]): object => ({
    name: `l${i}`,
    address: socketAddress(ports[i]!),
    filter_chains: [{ name, filters }],
  })
  proxy = await ProxyProcess.start(
    bootstrap(
      [listener(0, 'one', [noting, tcp]), listener(1, 'nowhere', [noting, tcp]), listener(2, 'http', [noting, http])],
      ['one', 'two'].map((name, i) => staticCluster(name, origins[i]!.port)),
    ),
  )
})

after(async () => {
  await proxy?.stop()
  await Promise.all((origins ?? []).map(origin => origin.close()))
  await rm(folder, { recursive: true, force: true })
})

const bodyOf = (response: string): string => response.slice(response.indexOf('\r\n\r\n') + 4)

test('a connection knows its cluster, its requests know what it knows, and logs tell', async () => {
  assert.equal(bodyOf(await exchange(ports[0]!, 'GET / HTTP/1.1\r\nhost: a\r\n\r\n')), 'one')
  assert.equal(await exchange(ports[1]!, 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'), '')
  assert.equal(bodyOf(await exchange(ports[2]!, 'GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n')), 'one')
  await proxy.stop()
  const lines = (await readFile(join(folder, 'log'), 'utf8')).trim().split('\n').sort()
  assert.deepEqual(lines, ['first 127.0.0.1 -', 'with data 127.0.0.1 one', 'with data 127.0.0.1 one'])
})
