// What a log tells of hosts, clusters, connections and listeners, as JSON with types. PROXY_UNDER_TEST holds the same against a
// real Envoy.
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
} from '../harness/index.ts'

const TYPE = 'type.googleapis.com/envoy.extensions'
const typed = (type: string, config: object): object => ({
  name: type,
  typed_config: { '@type': `${TYPE}.${type}`, ...config },
})
const metadata = (namespace: string, value: unknown): object => ({
  metadata: { filter_metadata: { [namespace]: { x: value } } },
})
const OPERATORS = [
  'UPSTREAM_HOST',
  'UPSTREAM_HOST_NAME',
  'UPSTREAM_HOST_NAME_WITHOUT_PORT',
  'UPSTREAM_HOSTS_ATTEMPTED',
  'UPSTREAM_HOST_NAMES_ATTEMPTED',
  'UPSTREAM_REMOTE_ADDRESS',
  'UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT',
  'UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT(16)',
  'UPSTREAM_DETECTED_CLOSE_TYPE',
  'DOWNSTREAM_DETECTED_CLOSE_TYPE',
  'CLUSTER_METADATA(cm:x)',
  'UPSTREAM_METADATA(um:x)',
  'METADATA(UPSTREAM_HOST:um)',
  'METADATA(VIRTUAL_HOST:vm:x)',
  'METADATA(ROUTE:rm:x)',
  'METADATA(LISTENER:lm:x)',
  'METADATA(LISTENER_FILTER_CHAIN:lm:x)',
  'METADATA(ROUTE:rm:x):2',
]
/** Whose value differs from run to run, but not its kind. */
const KINDS = [
  'UPSTREAM_LOCAL_ADDRESS',
  'UPSTREAM_LOCAL_PORT',
  'UPSTREAM_CONNECTION_IDS_ATTEMPTED',
  'UPSTREAM_CONNECTION_POOL_READY_DURATION',
  'COMMON_DURATION(DS_CX_BEG:DS_RX_BEG:us)',
  'COMMON_DURATION(US_CX_BEG:US_CX_END:us)',
  'COMMON_DURATION(US_RX_BEG:US_RX_BODY_BEG:us)',
  'COMMON_DURATION(US_CX_BEG:DS_TX_END:ns)',
  'STREAM_ID',
]

let folder: string
let origin: ScriptedOrigin
let proxy: ProxyProcess
let ports: readonly number[]

function cluster(name: string, port: number): object {
  const endpoint = { hostname: `${name}.test`, address: socketAddress(port) }
  return {
    name,
    type: 'STATIC',
    ...metadata('cm', 'of the cluster'),
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ ...metadata('um', { y: 1, z: [true] }), endpoint }] }],
    },
  }
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'access-log-'))
  origin = await ScriptedOrigin.start(answering('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'))
  ports = await freePorts(2)
  const format = Object.fromEntries([...OPERATORS, ...KINDS, 'REQ(:PATH)'].map(name => [name, `%${name}%`]))
  const http = typed('filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: 'h',
    http_filters: [typed('filters.http.router.v3.Router', {})],
    access_log: [
      typed('access_loggers.file.v3.FileAccessLog', { path: join(folder, 'log'), log_format: { json_format: format } }),
    ],
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          ...metadata('vm', 'of the host'),
          routes: [
            { match: { prefix: '/direct' }, direct_response: { status: 200 } },
            { match: { prefix: '/dead' }, route: { cluster: 'dead' } },
            { match: { prefix: '/' }, route: { cluster: 'alive' }, ...metadata('rm', 'of the route') },
          ],
        },
      ],
    },
  })
  const listener = {
    name: 'l',
    address: socketAddress(ports[0]!),
    ...metadata('lm', 'of the listener'),
    filter_chains: [{ name: 'c', ...metadata('lm', 'of the chain'), filters: [http] }],
  }
  proxy = await ProxyProcess.start(bootstrap([listener], [cluster('alive', origin.port), cluster('dead', ports[1]!)]))
})

after(async () => {
  await proxy?.stop()
  await origin?.close()
  await rm(folder, { recursive: true, force: true })
})

test('logs tell of hosts, clusters, connections and listeners', async () => {
  for (const path of ['/', '/', '/dead', '/direct']) {
    await exchange(ports[0]!, `GET ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`)
  }
  await proxy.stop()
  const lines = (await readFile(join(folder, 'log'), 'utf8'))
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Record<string, unknown>)
  const alive = `127.0.0.1:${origin.port}`
  const everywhere = {
    'METADATA(LISTENER:lm:x)': 'of the listener',
    'METADATA(LISTENER_FILTER_CHAIN:lm:x)': 'of the chain',
    'METADATA(VIRTUAL_HOST:vm:x)': 'of the host',
    DOWNSTREAM_DETECTED_CLOSE_TYPE: 'Normal',
  }
  const forwarded = {
    ...everywhere,
    'CLUSTER_METADATA(cm:x)': 'of the cluster',
    'UPSTREAM_METADATA(um:x)': { y: 1, z: [true] },
    'METADATA(UPSTREAM_HOST:um)': { x: { y: 1, z: [true] } },
    UPSTREAM_DETECTED_CLOSE_TYPE: 'Normal',
  }
  const answered = {
    ...forwarded,
    UPSTREAM_HOST: alive,
    UPSTREAM_HOST_NAME: 'alive.test',
    UPSTREAM_HOST_NAME_WITHOUT_PORT: 'alive.test',
    UPSTREAM_HOSTS_ATTEMPTED: alive,
    UPSTREAM_HOST_NAMES_ATTEMPTED: 'alive.test',
    UPSTREAM_REMOTE_ADDRESS: alive,
    UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: '127.0.0.1',
    'UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT(16)': '127.0.0.0/16',
    'METADATA(ROUTE:rm:x)': 'of the route',
    'METADATA(ROUTE:rm:x):2': 'of',
  }
  const failed = {
    ...forwarded,
    UPSTREAM_HOST: `127.0.0.1:${ports[1]}`,
    UPSTREAM_HOST_NAME: 'dead.test',
    UPSTREAM_HOST_NAME_WITHOUT_PORT: 'dead.test',
  }
  assert.deepEqual(
    lines.map(line => Object.fromEntries(OPERATORS.flatMap(name => (line[name] === null ? [] : [[name, line[name]]])))),
    [answered, answered, failed, everywhere],
  )
  const kinds = lines.map(line => KINDS.map(name => (line[name] === null ? 'null' : typeof line[name])).join(' '))
  const all = 'string number string number number number number number string'
  assert.deepEqual(kinds, [
    all,
    all,
    'null null null number number null null null string',
    'null null null null number null null null string',
  ])
})
