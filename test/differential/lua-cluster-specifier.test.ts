// Scripts that name the cluster of a request. PROXY_UNDER_TEST holds the same against a real Envoy.
import assert from 'node:assert/strict'
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
} from '../harness/index.ts'

const onRoute = (body: string): string => `function envoy_on_route(handle) ${body} end`
const SCRIPTS: Readonly<Record<string, string>> = {
  header: onRoute(`
    local wanted = handle:headers():get("wanted")
    if wanted == nil then return "one" end
    return wanted`),
  path: onRoute('return string.sub(handle:headers():get(":path"), 7)'),
  fails: onRoute('error("no")'),
  nothing: onRoute('return nil'),
  table: onRoute('return {}'),
  number: onRoute('return 5'),
  changes: onRoute('handle:headers():add("x", "y") return "one"'),
  waits: onRoute('coroutine.yield() return "one"'),
}
/** What ours stops, and Envoy would not; after a yield Envoy takes what happens to be there. */
const ENDLESS = onRoute('while true do end')

let origins: readonly ScriptedOrigin[]
let proxy: ProxyProcess
let port: number

before(async () => {
  const names = ['one', 'two', '5']
  origins = await Promise.all(
    names.map(name =>
      ScriptedOrigin.start(answering(() => `HTTP/1.1 200 OK\r\ncontent-length: ${name.length}\r\n\r\n${name}`)),
    ),
  )
  const [listen] = await freePorts(1)
  port = listen!
  const routes = [...Object.entries(SCRIPTS), ['endless', ENDLESS] as const].map(([name, inline_string]) => ({
    match: { prefix: `/${name}` },
    route: {
      inline_cluster_specifier_plugin: {
        extension: {
          name,
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.router.cluster_specifiers.lua.v3.LuaConfig',
            source_code: { inline_string },
            default_cluster: 'two',
          },
        },
      },
    },
  }))
  proxy = await ProxyProcess.start(
    bootstrap(
      [httpListener({ port, routes })],
      names.map((name, i) => staticCluster(name, origins[i]!.port)),
    ),
  )
})

after(async () => {
  await proxy?.stop()
  await Promise.all((origins ?? []).map(origin => origin.close()))
})

/** The status, or the body of a 200. */
async function ask(path: string, head = ''): Promise<string> {
  const answer = await exchange(port, `GET ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n${head}\r\n`)
  const [, status = ''] = /^HTTP\/1\.1 (\d+)/.exec(answer) ?? []
  return status === '200' ? answer.slice(answer.indexOf('\r\n\r\n') + 4) : status
}

test('a script sees the head of a request, and names a cluster', async () => {
  assert.equal(await ask('/header'), 'one')
  assert.equal(await ask('/header', 'wanted: two\r\n'), 'two')
  assert.equal(await ask('/header', 'wanted: absent\r\n'), '503')
  assert.equal(await ask('/header', 'wanted: two\r\n'), 'two')
  assert.equal(await ask('/path/two'), 'two')
})

test('where it fails or names none, the default serves', async () => {
  for (const name of ['fails', 'nothing', 'table', 'changes']) assert.equal(await ask(`/${name}`), 'two', name)
  assert.equal(await ask('/number'), '5')
})

test('a script without end is stopped, as is one that waits', {
  skip: process.env['PROXY_UNDER_TEST'] !== undefined,
}, async () => {
  assert.equal(await ask('/endless'), 'two')
  assert.equal(await ask('/waits'), 'two')
  assert.equal(await ask('/header'), 'one')
})
