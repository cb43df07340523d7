// ns per match for 1, 1,000 and 10,000 routes in one virtual host, the last one matched, and for user regexes.
import {
  type CompileContext,
  ConfigPath,
  Diagnostics,
  ExtensionRegistry,
  runtimeSnapshot,
} from '../src/config/index.ts'
import { HeaderMap, HeaderName } from '../src/http/index.ts'
import { StreamInfo } from '../src/observability/index.ts'
import { compileRouteConfiguration } from '../src/router/route-table/index.ts'

const context: CompileContext = {
  diagnostics: new Diagnostics(),
  extensions: new ExtensionRegistry(),
  node: {},
  runtime: runtimeSnapshot([]),
  hasCluster: () => true,
  readFile: path => Buffer.from(path),
}
const address = '127.0.0.1:80'
const info = new StreamInfo(
  {
    connectionId: 1,
    remoteAddress: address,
    directRemoteAddress: address,
    localAddress: address,
    directLocalAddress: address,
    requestedServerName: null,
    filterChainName: '',
    ssl: null,
  },
  0,
)

/** A head as the codec leaves it: the path stands in bytes, its string is made when asked for. */
function head(path: string, id: string): HeaderMap {
  const headers = new HeaderMap()
  headers.method = 'GET'
  headers.scheme = 'http'
  headers.authority = 'svc.test'
  headers.append(HeaderName.of('x-id'), id)
  headers.pathStart = headers.size
  headers.size += headers.bytes.latin1Write(path, headers.size)
  headers.pathEnd = headers.size
  return headers
}

const ROUNDS = 200_000
type Match = (index: number) => object

function measure(name: string, count: number, match: Match, path: (index: number) => string): void {
  const routes = Array.from({ length: count }, (_, i) => ({ match: match(i), route: { cluster: 'a' } }))
  const started = performance.now()
  const table = compileRouteConfiguration(
    { virtualHosts: [{ name: 'v', domains: ['*'], routes }] },
    context,
    ConfigPath.root,
  )
  const compileMs = performance.now() - started
  const heads = Array.from({ length: 64 }, () => head(path(count - 1), `id-${count - 1}`))
  const run = (): number => {
    const from = performance.now()
    for (let i = 0; i < ROUNDS; i++)
      if (table.route(heads[i & 63] as HeaderMap, info, 1) === null) throw new Error(name)
    return ((performance.now() - from) * 1e6) / ROUNDS
  }
  run()
  const ns = [run(), run(), run()].sort((a, b) => a - b)[1] as number
  console.log(
    `${name.padEnd(14)} ${String(count).padStart(6)} routes ${ns.toFixed(0).padStart(6)} ns/match  compiled in ${compileMs.toFixed(0)} ms`,
  )
}

measure(
  'straight',
  1,
  () => ({ prefix: '/' }),
  () => '/some/path?q=1',
)
for (const count of [1, 1000, 10_000]) {
  measure(
    'prefix',
    count,
    i => ({ prefix: `/service-${i}/` }),
    i => `/service-${i}/x?q=1`,
  )
  measure(
    'path',
    count,
    i => ({ path: `/service/${i}/item` }),
    i => `/service/${i}/item?q=1`,
  )
  measure(
    'header',
    count,
    i => ({ prefix: '/', headers: [{ name: 'x-id', stringMatch: { exact: `id-${i}` } }] }),
    () => '/',
  )
}
for (const count of [1, 100]) {
  measure(
    'regex',
    count,
    i => ({ safeRegex: { regex: `/service-${i}/[0-9]+(/x)?` } }),
    i => `/service-${i}/123/x`,
  )
  measure(
    'regex (re2js)',
    count,
    i => ({ safeRegex: { regex: `/service-${i}/(a|b)*.*c` } }),
    i => `/service-${i}/abac`,
  )
}
if (context.diagnostics.failed) throw new Error(JSON.stringify(context.diagnostics.list))
