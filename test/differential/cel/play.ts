// CEL expressions in access logs: what a proxy makes of each, for three requests.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  answering,
  bootstrap,
  exchange,
  freePorts,
  ProxyProcess,
  ScriptedOrigin,
  socketAddress,
} from '../../harness/index.ts'

/** What %TYPED_CEL% and %CEL% give, for each request. */
export type Values = readonly (readonly [typed: unknown, text: string | null])[]

const typed = (type: string, config: object): object => ({
  name: type,
  typed_config: { '@type': `type.googleapis.com/envoy.extensions.${type}`, ...config },
})
const metadata = (namespace: string, x: string): object => ({ metadata: { filter_metadata: { [namespace]: { x } } } })
/** Turns the functions on that an envoy.formatter.cel can. */
const EVERYTHING = typed('formatter.cel.v3.Cel', {
  cel_config: { enable_string_conversion: true, enable_string_concat: true, enable_string_functions: true },
})
const STRUCT = { s: 'text', n: 12, f: 1.5, b: true, l: [1, 'two', false], nul: null, o: { in: { deep: 'yes' } } }

function cluster(name: string, port: number): object {
  const endpoint = { address: socketAddress(port) }
  const hosts = [{ ...metadata('um', 'of the host'), endpoint }]
  return {
    name,
    type: 'STATIC',
    ...metadata('cm', 'of the cluster'),
    load_assignment: { cluster_name: name, endpoints: [{ locality: { region: 'r', zone: 'z' }, lb_endpoints: hosts }] },
  }
}

const FILTERS = [
  typed('filters.http.set_metadata.v3.Config', { metadata: [{ metadata_namespace: 'ns', value: STRUCT }] }),
  typed('filters.http.set_filter_state.v3.Config', {
    on_request_headers: [
      {
        object_key: 'fs.key',
        factory_key: 'envoy.string',
        format_string: { text_format_source: { inline_string: 'state' } },
      },
    ],
  }),
  typed('filters.http.router.v3.Router', {}),
]
const ROUTES = [
  { name: 'direct', match: { prefix: '/direct' }, direct_response: { status: 200, body: { inline_string: 'hi' } } },
  { name: 'dead', match: { prefix: '/dead' }, route: { cluster: 'dead' } },
  { name: 'all', ...metadata('rm', 'of the route'), match: { prefix: '/' }, route: { cluster: 'o' } },
]

function listener(port: number, logs: readonly object[]): object {
  const http = typed('filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: 'h',
    access_log: logs,
    http_filters: FILTERS,
    route_config: {
      virtual_hosts: [{ name: 'vh', ...metadata('vm', 'of the virtual host'), domains: ['*'], routes: ROUTES }],
    },
  })
  return {
    name: 'l',
    traffic_direction: 'OUTBOUND',
    ...metadata('lm', 'of the listener'),
    address: socketAddress(port),
    filter_chains: [{ name: 'chain', filters: [http] }],
  }
}

const REQUEST_FIELDS = [
  'host: host.example:80',
  'x-a: one',
  'x-dup: d1',
  'x-dup: d2',
  'x-num: 12',
  'x-empty:',
  'x-mixed: aBcD',
  'x-bytes: \xc3\xa9t\xc3\xa9',
  'x-list: a,b,c',
  'x-time: 2024-02-03T04:05:06Z',
  'referer: http://r/',
  'user-agent: ua/1',
  'x-request-id: 12345678-1234-4234-9234-123456789012',
  'content-length: 4',
  'connection: close',
]

/** `everything`: with the functions of an envoy.formatter.cel. */
export async function playCel(expressions: readonly string[], everything: boolean): Promise<readonly Values[]> {
  const folder = await mkdtemp(join(tmpdir(), 'cel-'))
  const answer = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-resp: r1\r\nx-resp: r2\r\ngrpc-status: 5\r\n\r\nok'
  const origin = await ScriptedOrigin.start(answering(answer))
  const [port = 0, dead = 0] = await freePorts(2)
  const log = (operator: string): object =>
    typed('access_loggers.file.v3.FileAccessLog', {
      path: join(folder, operator),
      log_format: {
        json_format: Object.fromEntries(expressions.map((expression, i) => [`e${i}`, `%${operator}(${expression})%`])),
        formatters: everything ? [EVERYTHING] : [],
      },
    })
  const node = { id: 'n1', cluster: 'c1', metadata: { role: 'edge' } }
  const config = bootstrap(
    [listener(port, [log('TYPED_CEL'), log('CEL')])],
    [cluster('o', origin.port), cluster('dead', dead)],
  )
  const ports = { [port]: 'PORT', [origin.port]: 'ORIGIN', [dead]: 'DEAD' }
  const proxy = await ProxyProcess.start({ ...config, node })
  try {
    for (const path of ['/a/b?q=1&r=two', '/direct', '/dead']) {
      await exchange(port, `POST ${path} HTTP/1.1\r\n${REQUEST_FIELDS.join('\r\n')}\r\n\r\nbody`)
    }
  } finally {
    await proxy.stop()
    await origin.close()
  }
  const [typedLines, textLines] = await Promise.all(['TYPED_CEL', 'CEL'].map(name => lines(join(folder, name), ports)))
  await rm(folder, { recursive: true, force: true })
  return expressions.map((_, i) =>
    typedLines!.map((line, k) => [line[`e${i}`], textLines![k]![`e${i}`] as string | null]),
  )
}

/** Ports differ from run to run; Envoy prints an infinite number as no JSON can. */
async function lines(
  file: string,
  ports: Readonly<Record<string, string>>,
): Promise<readonly Record<string, unknown>[]> {
  let text = (await readFile(file, 'utf8')).replaceAll(/:-?inf(?=[,}])/g, ':null')
  for (const [port, name] of Object.entries(ports)) {
    text = text
      .replaceAll(`:${port}"`, `:${name}"`)
      .replaceAll(`:${port},`, `:"${name}",`)
      .replaceAll(`"${port}"`, `"${name}"`)
  }
  return text
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Record<string, unknown>)
}
