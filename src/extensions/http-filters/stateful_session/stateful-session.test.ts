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
  socketAddress,
} from '../../../../test/harness/index.ts'
import { decodeCookie, encodeCookie } from './cookie-value.ts'

const TYPE = 'type.googleapis.com/envoy.extensions'
const SESSION = `${TYPE}.filters.http.stateful_session.v3`
const router = { name: 'r', typed_config: { '@type': `${TYPE}.filters.http.router.v3.Router` } }
const cookie = { name: 'c', path: '/p', ttl: '120s', attributes: [{ name: 'SameSite', value: 'Strict' }] }
const session = (state: object, strict = false): object => ({
  name: 's',
  typed_config: { '@type': `${SESSION}.StatefulSession`, session_state: state, strict },
})
const inCookie = {
  name: 'envoy.http.stateful_session.cookie',
  typed_config: { '@type': `${TYPE}.http.stateful_session.cookie.v3.CookieBasedSessionState`, cookie },
}
const inHeader = {
  name: 'envoy.http.stateful_session.header',
  typed_config: { '@type': `${TYPE}.http.stateful_session.header.v3.HeaderBasedSessionState`, name: 'x-session' },
}
const routes = [
  {
    match: { prefix: '/p/off' },
    route: { cluster: 'two' },
    typed_per_filter_config: { s: { '@type': `${SESSION}.StatefulSessionPerRoute`, disabled: true } },
  },
  { match: { prefix: '/' }, route: { cluster: 'two' } },
]

const origins: ScriptedOrigin[] = []
let proxy: ProxyProcess
let [cookiePort, headerPort, strictPort] = [0, 0, 0]

before(async () => {
  for (const name of ['a', 'b']) {
    origins.push(await ScriptedOrigin.start(answering(`HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n${name}`)))
  }
  ;[cookiePort, headerPort, strictPort] = (await freePorts(3)) as [number, number, number]
  const listeners = [
    httpListener({ port: cookiePort, routes, hcm: { http_filters: [session(inCookie), router] } }),
    httpListener({ port: headerPort, routes, hcm: { http_filters: [session(inHeader), router] } }),
    httpListener({ port: strictPort, routes, hcm: { http_filters: [session(inHeader, true), router] } }),
  ]
  const endpoints = origins.map(({ port }) => ({ endpoint: { address: socketAddress(port) } }))
  const two = {
    name: 'two',
    type: 'STATIC',
    connect_timeout: '1s',
    load_assignment: { cluster_name: 'two', endpoints: [{ lb_endpoints: endpoints }] },
  }
  proxy = await ProxyProcess.start(bootstrap(listeners, [two]))
})

after(async () => {
  await proxy.stop()
  for (const origin of origins) await origin.close()
})

async function get(port: number, path: string, line = '') {
  const [answer] = parseResponses(
    await exchange(port, `GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${line}\r\n`),
  )
  const header = (name: string) => answer!.headers.find(([key]) => key === name)?.[1]
  return { status: answer!.status, body: answer!.body, cookie: header('set-cookie'), session: header('x-session') }
}

test('a cookie leads back to its host, as long as it is asked for', async () => {
  const first = await get(cookiePort, '/p')
  const [, value] = /^c="([^"]+)"; Max-Age=120; Path=\/p; SameSite=Strict; HttpOnly$/.exec(first.cookie ?? '') ?? []
  assert.match(decodeCookie(value ?? '', 0) ?? '', /^127\.0\.0\.1:\d+$/)
  for (let i = 0; i < 6; i++) {
    const next = await get(cookiePort, '/p/x', `cookie: a=b; c="${value}"\r\n`)
    assert.deepEqual([next.body, next.cookie], [first.body, undefined])
  }
  const elsewhere = await Promise.all([1, 2, 3, 4].map(() => get(cookiePort, '/px', `cookie: c="${value}"\r\n`)))
  assert.deepEqual(new Set(elsewhere.map(({ body }) => body)), new Set(['a', 'b']))
  assert.equal(elsewhere[0]!.cookie, undefined)
  assert.equal((await get(cookiePort, '/p/off')).cookie, undefined)
})

test('a header leads back to its host; for a host that is gone another one is named, or none where it is strict', async () => {
  const first = await get(headerPort, '/')
  for (let i = 0; i < 6; i++) {
    const next = await get(headerPort, '/', `x-session: ${first.session}\r\n`)
    assert.deepEqual([next.body, next.session], [first.body, undefined])
  }
  const gone = Buffer.from('10.0.0.1:80').toString('base64')
  const other = await get(headerPort, '/', `x-session: ${gone}\r\n`)
  assert.equal(other.status, 200)
  assert.match(Buffer.from(other.session ?? '', 'base64').toString(), /^127\.0\.0\.1:\d+$/)
  assert.equal((await get(headerPort, '/', 'x-session: !!\r\n')).status, 200)
  assert.equal((await get(strictPort, '/', `x-session: ${gone}\r\n`)).status, 503)
})

test('cookie values: the form that Envoy writes, or an address as older ones wrote it', () => {
  // Written by Envoy 1.40 for 127.0.0.1:34309.
  assert.equal(encodeCookie('127.0.0.1:34309', 0), 'Cg8xMjcuMC4wLjE6MzQzMDk=')
  assert.equal(decodeCookie('Cg8xMjcuMC4wLjE6MzQzMDkQ9c6j2AY=', 1_795_743_605), '127.0.0.1:34309')
  const withEnd = encodeCookie('1.2.3.4:5', 2_000_000_000)
  assert.equal(decodeCookie(withEnd, 1_999_999_999), '1.2.3.4:5')
  assert.equal(decodeCookie(withEnd, 2_000_000_001), null)
  assert.equal(decodeCookie('MTI3LjAuMC4xOjE=', 0), '127.0.0.1:1')
  for (const junk of ['', '!!']) assert.equal(decodeCookie(junk, 0), null, junk)
  // As in Envoy: no host has such a name.
  for (const junk of ['zz', 'Cg8x', 'CgD/', '////////////', 'EAE=', 'Cv///////w==']) {
    assert.equal(decodeCookie(junk, 0), Buffer.from(junk, 'base64').toString('latin1'), junk)
  }
})
