// Names that every JavaScript object has (B9), wherever configuration looks one up: absent is absent, present is what was sent.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  answering,
  bootstrap,
  exchange,
  freePorts,
  httpListener,
  ProxyProcess,
  parseResponses,
  ScriptedOrigin,
  staticCluster,
} from '../harness/index.ts'
import { headerOf } from '../harness/message-body.ts'

const NAMES = ['__proto__', 'constructor', 'tostring', 'hasownproperty', 'valueof', 'prototype']
const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'
const ROUTER = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router'
const TO_METADATA = 'type.googleapis.com/envoy.extensions.filters.http.header_to_metadata.v3.Config'

let origin: ScriptedOrigin
let proxy: ProxyProcess
let port = 0

before(async () => {
  origin = await ScriptedOrigin.start(answering(OK))
  ;[port] = (await freePorts(1)) as [number]
  const say = (body: string) => ({ status: 200, body: { inline_string: body } })
  const routes = NAMES.flatMap(name => [
    { match: { path: '/header', headers: [{ name, present_match: true }] }, direct_response: say(`header ${name}`) },
    {
      match: { path: '/query', query_parameters: [{ name, present_match: true }] },
      direct_response: say(`query ${name}`),
    },
    {
      match: { path: '/cookie', cookies: [{ name, string_match: { exact: '1' } }] },
      direct_response: say(`cookie ${name}`),
    },
  ])
  const printed = NAMES.map(name => `%REQ(${name})%/%DYNAMIC_METADATA(__proto__:${name})%`).join(' ')
  const toMetadata = {
    '@type': TO_METADATA,
    request_rules: NAMES.map(name => ({
      header: `x-${name.replaceAll('_', '')}`,
      on_header_present: { metadata_namespace: '__proto__', key: name },
    })),
  }
  const hcm = {
    http_filters: [
      { name: 'to_metadata', typed_config: toMetadata },
      { name: 'router', typed_config: { '@type': ROUTER } },
    ],
  }
  const rest = {
    match: { prefix: '/' },
    route: { cluster: '__proto__' },
    request_headers_to_add: [{ header: { key: 'printed', value: printed } }],
  }
  // Names of the configuration itself are names, too.
  proxy = await ProxyProcess.start(
    bootstrap([httpListener({ port, routes: [...routes, rest], hcm })], [staticCluster('__proto__', origin.port)]),
  )
})
after(() => proxy?.stop().finally(() => origin.close()))

async function bodyOf(path: string, fields = ''): Promise<string> {
  const [answer] = parseResponses(
    await exchange(port, `GET ${path} HTTP/1.1\r\nhost: a\r\n${fields}connection: close\r\n\r\n`),
  )
  return answer?.body ?? ''
}

test('nothing is inherited: what was not sent is not there', async () => {
  for (const path of ['/header', '/query', '/cookie', '/rest']) assert.equal(await bodyOf(path), 'ok', path)
  for (const { headers } of origin.requests) assert.equal(headerOf(headers, 'printed'), NAMES.map(() => '/').join(' '))
})

test('what was sent is found', async () => {
  for (const name of NAMES) {
    assert.equal(await bodyOf('/header', `${name}: 1\r\n`), `header ${name}`)
    assert.equal(await bodyOf(`/query?${name}=1`), `query ${name}`)
    assert.equal(await bodyOf('/cookie', `cookie: ${name}=1\r\n`), `cookie ${name}`)
  }
  origin.reset()
  const both = NAMES.map(name => `${name}: a\r\nx-${name.replaceAll('_', '')}: b\r\n`).join('')
  assert.equal(await bodyOf('/rest', both), 'ok')
  assert.equal(headerOf(origin.requests[0]!.headers, 'printed'), NAMES.map(() => 'a/b').join(' '))
})

test('a cluster of such a name has its own stats, and is all there is in /clusters', async () => {
  await proxy.untilStat('cluster.__proto__.upstream_rq_200', 5)
  const text = await (await proxy.admin('/clusters')).text()
  assert.ok(
    text.split('\n').every(line => line === '' || line.startsWith('__proto__::')),
    text,
  )
})
