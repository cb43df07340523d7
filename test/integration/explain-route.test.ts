// What is explained is what happens: the same requests to a running proxy and to its explanation.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { run } from '../../src/cli/index.ts'
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
} from '../harness/index.ts'

const CORS = 'type.googleapis.com/envoy.extensions.filters.http.cors.v3'
const ROUTER = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router'
const FILTER_CONFIG = 'type.googleapis.com/envoy.config.route.v3.FilterConfig'

const routes = [
  {
    name: 'items',
    match: { path_separated_prefix: '/items', headers: [{ name: 'x-kind', string_match: { prefix: 'a' } }] },
    route: { cluster: 'origin', prefix_rewrite: '/things', host_rewrite_literal: 'inner.test', timeout: '2s' },
    request_headers_to_add: [{ header: { key: 'x-path', value: '%REQ(:PATH)%' } }],
    request_headers_to_remove: ['x-kind'],
    typed_per_filter_config: { cors: { '@type': FILTER_CONFIG, disabled: true } },
  },
  { name: 'gone', match: { prefix: '/gone' }, redirect: { path_redirect: '/items' } },
  { name: 'teapot', match: { safe_regex: { regex: '/t.a' } }, direct_response: { status: 418 } },
]
const http_filters = [
  { name: 'cors', typed_config: { '@type': `${CORS}.Cors` } },
  { name: 'router', typed_config: { '@type': ROUTER } },
]
const hcm = {
  normalize_path: true,
  use_remote_address: true,
  path_with_escaped_slashes_action: 'REJECT_REQUEST',
  early_header_mutation_extensions: [
    {
      name: 'early',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation',
        mutations: [{ append: { header: { key: 'x-early', value: '%REQ(x-kind)%' } } }, { remove: 'x-late' }],
      },
    },
  ],
  http_filters,
}

const folder = mkdtempSync(join(tmpdir(), 'explain-'))
let proxy: ProxyProcess
let origin: ScriptedOrigin
let port = 0
let received: RawRequest[] = []

before(async () => {
  ;[port] = (await freePorts(1)) as [number]
  const body = 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'
  origin = await ScriptedOrigin.start(
    answering(request => {
      received.push(request)
      return body
    }),
  )
  const config = bootstrap([httpListener({ port, routes, hcm })], [staticCluster('origin', origin.port)])
  writeFileSync(join(folder, 'proxy.json'), JSON.stringify(config))
  proxy = await ProxyProcess.start(config)
})
after(async () => {
  await proxy.stop()
  await origin.close()
  rmSync(folder, { recursive: true })
})

interface Explained {
  readonly prepared: readonly Change[]
  readonly refusal: { readonly status: number } | null
  readonly chain: readonly { readonly name: string; readonly runs: boolean }[]
  readonly outcome: {
    readonly kind: string
    readonly route: { readonly name: string } | null
    readonly answer: { readonly status: number; readonly location: string } | null
    readonly action: { readonly changes: readonly Change[] } | null
  } | null
}
interface Change {
  readonly name: string
  readonly before: string | null
  readonly after: string | null
}

async function cli(...argv: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', '']
  const output = { out: (text: string) => void (out += text), err: (text: string) => void (err += text) }
  return { code: await run(argv, output), out, err }
}

/** Asks the file and the running proxy, which must agree, except for the id that each request gets. */
async function explained(path: string, headers: readonly string[]): Promise<Explained> {
  const flags = ['--format', 'json', ...headers.flatMap(header => ['-H', header])]
  const words = ['GET', `http://svc.test:${port}${path}`]
  const file = await cli('explain', 'route', ...flags, join(folder, 'proxy.json'), ...words)
  assert.equal(file.code, 0, file.err)
  const live = await cli('explain', 'route', '--admin', proxy.adminAddress, ...flags, ...words)
  const withoutId = (text: string): string => text.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '*')
  assert.equal(withoutId(live.out), withoutId(file.out))
  return (JSON.parse(file.out) as { explanations: readonly Explained[] }).explanations[0] as Explained
}

/** The head that the explanation says the origin gets. */
function upstreamHead({ prepared, outcome }: Explained, path: string, headers: readonly string[]) {
  const fields = new Map<string, string>([
    [':method', 'GET'],
    [':path', path],
    [':authority', `svc.test:${port}`],
  ])
  for (const header of headers) fields.set(header.slice(0, header.indexOf(':')), header.slice(header.indexOf(':') + 1))
  for (const { name, after: now } of [...prepared, ...(outcome?.action?.changes ?? [])]) {
    if (now === null) fields.delete(name)
    else fields.set(name, now)
  }
  fields.delete(':scheme')
  fields.delete('x-request-id')
  return [...fields].sort()
}

const CASES: readonly (readonly [path: string, ...headers: string[]])[] = [
  ['/items/7?q=1', 'x-kind:abc'],
  ['/x/../items', 'x-kind:a', 'x-envoy-upstream-rq-timeout-ms:5', 'x-forwarded-for:10.0.0.1'],
  ['/itemsx', 'x-kind:abc'],
  ['/items', 'x-kind:b'],
  ['/gone/now?a'],
  ['/tea'],
  ['/a%2fb'],
  ['/items', 'x-kind:a', 'x-late:1', 'upgrade:h2c', 'connection:upgrade, http2-settings', 'http2-settings:AAMAAABk'],
]

for (const [path, ...headers] of CASES) {
  test(`${path} ${headers.join(' ')}`, async () => {
    const explanation = await explained(path, headers)
    received = []
    const lines = headers.map(header => `${header}\r\n`).join('')
    const answer = await exchange(
      port,
      `GET ${path} HTTP/1.1\r\nhost: svc.test:${port}\r\n${lines}connection: close\r\n\r\n`,
    )
    const response = parseResponses(answer, ['GET'])[0]
    const location = response?.headers.find(([name]) => name === 'location')?.[1] ?? ''
    const { outcome, refusal } = explanation
    const status = refusal?.status ?? outcome?.answer?.status ?? (outcome?.kind === 'cluster' ? 200 : 404)
    assert.deepEqual([response?.status, location], [status, outcome?.answer?.location ?? ''])
    const [request] = received
    assert.equal(request !== undefined, refusal === null && outcome?.kind === 'cluster')
    if (request === undefined) return
    const seen = new Map<string, string>([
      [':method', request.method],
      [':path', request.target],
    ])
    for (const [name, value] of request.headers) seen.set(name === 'host' ? ':authority' : name, value)
    seen.delete('x-request-id')
    assert.deepEqual([...seen].sort(), upstreamHead(explanation, path, headers))
    assert.deepEqual(explanation.chain, [{ name: 'cors', runs: false }])
  })
}

test('what cannot be explained is said', async () => {
  const file = join(folder, 'proxy.json')
  assert.match((await cli('explain', 'route', file, 'GET', 'nonsense')).err, /is no URL/)
  assert.match(
    (await cli('explain', 'route', '--listener', 'none', file, 'GET', '/')).err,
    /no listener is named 'none'/,
  )
  assert.equal((await cli('explain', 'route', join(folder, 'missing.yaml'), 'GET', '/')).code, 1)
  const text = await cli('explain', 'route', file, 'GET', '/items')
  assert.match(
    text.out,
    /no route matches: 404 route_not_found\n {2}the nearest:\n {4}routes\[0\] 'items': match\.headers\[0\]/,
  )
})
