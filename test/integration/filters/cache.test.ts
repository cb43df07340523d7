// The cache filter over sockets: what the client gets, and what the origin is asked.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  bootstrap,
  exchange,
  freePorts,
  httpListener,
  ProxyProcess,
  parseRequests,
  parseResponses,
  RawClient,
  ScriptedOrigin,
  staticCluster,
} from '../../harness/index.ts'

const TYPE = 'type.googleapis.com/envoy.extensions'
const filter = (name: string, type: string, config: object = {}) => ({
  name,
  typed_config: { '@type': `${TYPE}.filters.http.${type}`, ...config },
})
const cache = (config: object = {}) =>
  filter('cache', 'cache.v3.CacheConfig', {
    typed_config: { '@type': `${TYPE}.http.cache.simple_http_cache.v3.SimpleHttpCacheConfig` },
    ...config,
  })
const mark = filter('mark', 'header_mutation.v3.HeaderMutation', {
  mutations: { response_mutations: [{ append: { header: { key: 'x-front', value: '%RESPONSE_FLAGS%' } } }] },
})
const ROUTER = filter('router', 'router.v3.Router')

let origin: ScriptedOrigin
let proxy: ProxyProcess
let port: number
let settingsPort: number
/** What the origin answers to its requests in turn; the last one stays. */
let script: readonly string[] = []
let asked: string[] = []
/** Of the last request. */
let forwardedFor = ''

before(async () => {
  origin = await ScriptedOrigin.start(connection => {
    for (const { method, target, headers } of parseRequests(connection.received)) {
      const conditions = headers
        .filter(([name]) => /^(if-|range)/.test(name))
        .map(([name, value]) => `${name}: ${value}`)
      forwardedFor = headers.find(([name]) => name === 'x-forwarded-for')?.[1] ?? ''
      asked.push([`${method} ${target}`, ...conditions].join(', '))
      const answer = script[Math.min(asked.length, script.length) - 1] as string
      connection.received = ''
      connection.socket.write(method === 'HEAD' ? answer.slice(0, answer.indexOf('\r\n\r\n') + 4) : answer)
    }
  })
  ;[port, settingsPort] = (await freePorts(2)) as [number, number]
  const hcm = (...filters: object[]) => ({ http_filters: [mark, ...filters, ROUTER] })
  const settings = { max_body_bytes: 5, ignore_request_cache_control_header: true }
  const routes = [
    {
      match: { prefix: '/off' },
      route: { cluster: 'origin' },
      typed_per_filter_config: {
        cache: { '@type': 'type.googleapis.com/envoy.config.route.v3.FilterConfig', disabled: true },
      },
    },
    { match: { prefix: '/' }, route: { cluster: 'origin' } },
  ]
  const listeners = [
    httpListener({ port, hcm: hcm(cache({ allowed_vary_headers: [{ exact: 'x-lang' }] })), routes }),
    httpListener({ port: settingsPort, hcm: hcm(cache(settings)) }),
  ]
  // What a worker stores is its own.
  proxy = await ProxyProcess.start(bootstrap(listeners, [staticCluster('origin', origin.port)]), { concurrency: 1 })
})

after(async () => {
  await proxy.stop()
  await origin.close()
})

const date = (seconds = 0) => `date: ${new Date(Date.now() + seconds * 1000).toUTCString()}`
/** A response of the origin. */
function said(status: number, lines: readonly string[], body = ''): string {
  const length = status === 304 ? [] : [`content-length: ${body.length}`]
  return `HTTP/1.1 ${status} S\r\n${[...lines, ...length].map(line => `${line}\r\n`).join('')}\r\n${body}`
}
const fresh = (...lines: string[]) => said(200, [date(), 'cache-control: max-age=60', ...lines], 'abc')
const stale = (...lines: string[]) => said(200, [date(-100), 'cache-control: max-age=60', ...lines], 'abc')

/** `GET /x` and header lines -> status, age in tens, flags, marked headers and body of the answer. */
async function get(request: string, to = port): Promise<string> {
  const [line = '', ...fields] = request.split('\n')
  const head = [`${line} HTTP/1.1`, 'host: svc.test', 'connection: close', ...fields]
  const received = await exchange(to, `${head.join('\r\n')}\r\n\r\n`)
  const [response] = parseResponses(received, [line.split(' ')[0] as string])
  assert.ok(response, received)
  const { status, headers, body } = response
  const value = (name: string) => headers.find(([key]) => key === name)?.[1]
  const age = value('age')
  const shown = ['content-range', 'x-o', 'x-front']
    .map(name => value(name))
    .filter(text => text !== undefined && text !== '-')
  return [status, ...(age === undefined ? [] : [`age ${Math.floor(Number(age) / 10) * 10}`]), ...shown, body].join(' ')
}

/** Plays requests in turn: their answers, then what the origin was asked. */
async function play(answers: readonly string[], ...requests: string[]): Promise<readonly string[]> {
  script = answers
  asked = []
  const seen: string[] = []
  for (const request of requests) seen.push(await get(request))
  return [...seen, ...asked]
}

const FRESH = '200 abc'
const KEPT = '200 age 0 RFCF abc'

test('what is stored', async () => {
  const stored: readonly (readonly [name: string, answer: string, second: string])[] = [
    ['a', fresh(), KEPT],
    ['b', said(200, [date(-50), 'cache-control: max-age=60'], 'abc'), '200 age 50 RFCF abc'],
    ['c', said(200, [date(), 'cache-control: max-age=0, s-maxage=60'], 'abc'), KEPT],
    ['d', said(200, [date(-100), 'expires: Fri, 01 Jan 2100 00:00:00 GMT'], 'abc'), '200 age 100 RFCF abc'],
    ['e', said(200, [date(), 'age: 30', 'cache-control: max-age=60'], 'abc'), '200 age 30 RFCF abc'],
    ['f', said(200, ['cache-control: max-age=60'], 'abc'), KEPT],
    ['g', said(404, [date(), 'cache-control: max-age=60'], 'no'), '404 age 0 RFCF no'],
    ['h', said(301, [date(), 'cache-control: max-age=60', 'location: /'], ''), '301 age 0 RFCF '],
    ['i', fresh('x-o: 1'), '200 age 0 1 RFCF abc'],
  ]
  for (const [name, answer, second] of stored) {
    const [, again, ...rest] = await play([answer], `GET /${name}`, `GET /${name}`)
    assert.deepEqual([again, ...rest], [second, `GET /${name}`], name)
  }
  const others: readonly (readonly [name: string, answer: string])[] = [
    ['j', said(200, [date()], 'abc')],
    ['k', said(200, [date(), 'cache-control: public'], 'abc')],
    ['l', fresh('cache-control: no-store')],
    ['m', fresh('cache-control: private')],
    ['n', said(500, [date(), 'cache-control: max-age=60'], 'abc')],
    ['o', said(302, [date(), 'cache-control: max-age=60', 'location: /'], 'abc')],
    ['p', said(206, [date(), 'cache-control: max-age=60', 'content-range: bytes 0-2/9'], 'abc')],
    ['q', fresh('vary: *')],
    ['r', fresh('vary: x-lang, x-other')],
  ]
  for (const [name, answer] of others) {
    const [first, again, ...rest] = await play([answer], `GET /${name}`, `GET /${name}`)
    assert.deepEqual([again, ...rest], [first, `GET /${name}`, `GET /${name}`], name)
  }
})

test('the origin is told who asks', async () => {
  await play([fresh()], 'GET /told\nx-forwarded-for: 192.0.2.1')
  assert.match(forwardedFor, /^192\.0\.2\.1,[0-9a-f.:]+$/)
})

test('which requests are answered', async () => {
  assert.deepEqual(await play([fresh()], 'GET /1', 'HEAD /1'), [FRESH, '200 age 0 RFCF ', 'GET /1'])
  assert.equal((await play([fresh()], 'HEAD /2', 'GET /2')).length, 4)
  const passing = [
    'authorization: a',
    'if-none-match: "x"',
    'if-range: "x"',
    'content-length: 0\ncache-control: no-store',
  ]
  for (const [i, line] of passing.entries()) {
    const path = `/p${i}`
    assert.equal((await play([fresh()], `GET ${path}\n${line}`, `GET ${path}`)).length, 4, line)
  }
  assert.equal((await play([fresh()], 'GET /3?a=1', 'GET /3?a=2', 'GET /3?a=1')).length, 5)
  assert.equal((await play([fresh()], 'GET /off', 'GET /off')).length, 4)
  // A success of an unsafe method ends what is stored.
  assert.equal((await play([fresh()], 'GET /4', 'POST /4', 'GET /4')).length, 6)
  assert.equal((await play([fresh(), said(500, [], ''), fresh()], 'GET /5', 'DELETE /5', 'GET /5')).length, 5)
})

test('what requests say of age', async () => {
  const old = said(200, [date(-30), 'etag: "e"', 'cache-control: max-age=60'], 'abc')
  const unchanged = said(304, [date()])
  const answers = [old, unchanged]
  const validated = async (line: string, path: string) =>
    (await play(answers, `GET ${path}`, `GET ${path}\n${line}`)).length === 4
  assert.ok(await validated('cache-control: no-cache', '/a1'))
  assert.ok(await validated('pragma: no-cache', '/a2'))
  assert.ok(await validated('cache-control: max-age=5', '/a3'))
  assert.ok(!(await validated('cache-control: max-age=40', '/a4')))
  assert.ok(await validated('cache-control: min-fresh=50', '/a5'))
  assert.ok(!(await validated('cache-control: min-fresh=20', '/a6')))
  assert.deepEqual(await play([stale()], 'GET /a7', 'GET /a7\ncache-control: max-stale=50'), [
    FRESH,
    '200 age 100 RFCF abc',
    'GET /a7',
  ])
  assert.equal((await play([stale()], 'GET /a8', 'GET /a8\ncache-control: max-stale=20')).length, 4)
  assert.equal(
    (await play([stale('cache-control: must-revalidate')], 'GET /a9', 'GET /a9\ncache-control: max-stale')).length,
    4,
  )
})

test('validation', async () => {
  const modified = 'last-modified: Fri, 01 Jan 2021 00:00:00 GMT'
  const same = said(304, [date(), 'etag: "e"', 'x-o: new', 'cache-control: max-age=60'])
  assert.deepEqual(
    await play([stale('etag: "e"', modified, 'x-o: old'), same], 'GET /v1', 'GET /v1', 'GET /v1', 'HEAD /v1'),
    [
      '200 old abc',
      '200 new RFCF abc',
      '200 age 0 new RFCF abc',
      '200 age 0 new RFCF ',
      'GET /v1',
      `GET /v1, if-none-match: "e", if-${modified.replace('last-modified', 'modified-since')}`,
    ],
  )
  const changed = said(200, [date(), 'etag: "f"', 'cache-control: max-age=60'], 'def')
  const [, second, third] = await play([stale('etag: "e"'), changed], 'GET /v2', 'GET /v2', 'GET /v2')
  assert.deepEqual([second, third], ['200 def', '200 age 0 RFCF def'])
  assert.deepEqual((await play([stale('etag: "e"'), said(500, [], 'oops')], 'GET /v3', 'GET /v3')).slice(1, 2), [
    '500 oops',
  ])
  // An answer to a question that nobody asked.
  const other = said(304, [date(), 'etag: "z"'])
  assert.equal((await play([stale('etag: "e"'), other], 'GET /v4', 'GET /v4'))[1], '502 ')
  assert.deepEqual((await play([stale('etag: "e"'), same], 'GET /v5', 'HEAD /v5')).slice(0, 2), [
    FRESH,
    '200 new RFCF ',
  ])
})

test('ranges of what is stored', async () => {
  const ten = said(200, [date(), 'cache-control: max-age=60', 'etag: "e"'], '0123456789')
  await play([ten], 'GET /r')
  asked = []
  const range = (text: string) => get(`GET /r\nrange: ${text}`)
  assert.equal(await range('bytes=0-3'), '206 age 0 bytes 0-3/10 RFCF 0123')
  assert.equal(await range('bytes=-3'), '206 age 0 bytes 7-9/10 RFCF 789')
  assert.equal(await range('bytes=7-100'), '206 age 0 bytes 7-9/10 RFCF 789')
  assert.equal(await range('bytes=10-'), '416 age 0 bytes */10 RFCF ')
  assert.equal(await range('bytes=0-1,4-5'), '200 age 0 RFCF 0123456789')
  assert.equal(await get('HEAD /r\nrange: bytes=0-3'), '200 age 0 RFCF ')
  assert.deepEqual(asked, [])
  const old = said(200, [date(-100), 'cache-control: max-age=60', 'etag: "e"'], '0123456789')
  const [, part] = await play([old, said(304, [date()])], 'GET /s', 'GET /s\nrange: bytes=0-3')
  assert.equal(part, '206 bytes 0-3/10 RFCF 0123')
})

test('one response for each value of what it depends on', async () => {
  const answer = (body: string) => said(200, [date(), 'vary: X-Lang', 'cache-control: max-age=60'], body)
  const seen = await play(
    [answer('aaa'), answer('bbb'), answer('---')],
    ...['x-lang: a', 'x-lang: b', '', 'x-lang: a', 'x-lang: b', ''].map(line => `GET /vary\n${line}`.trimEnd()),
  )
  const kept = (body: string) => `200 age 0 RFCF ${body}`
  assert.deepEqual(seen.slice(0, 6), ['200 aaa', '200 bbb', '200 ---', kept('aaa'), kept('bbb'), kept('---')])
  assert.equal(seen.length, 9)
  // None of them outlives a change.
  script = [said(204, []), answer('new')]
  asked = []
  await get('POST /vary')
  assert.equal(await get('GET /vary\nx-lang: a'), '200 new')
  assert.equal(await get('GET /vary\nx-lang: b'), '200 new')
})

test('settings: how large a body may be, and that requests have no say', async () => {
  script = [said(200, [date(), 'cache-control: max-age=60'], '123456')]
  asked = []
  for (let i = 0; i < 2; i++) assert.equal(await get('GET /large', settingsPort), '200 123456')
  script = [fresh()]
  assert.equal(await get('GET /small\ncache-control: no-store', settingsPort), FRESH)
  assert.equal(await get('GET /small\ncache-control: no-cache', settingsPort), KEPT)
  assert.equal(asked.length, 3)
})

test('a large body, chunked, to a client that reads late; the connection goes on', async () => {
  const body = 'x'.repeat(4 * 1024 * 1024)
  const size = (256 * 1024).toString(16)
  const chunks = body
    .match(/x{262144}/g)!
    .map(chunk => `${size}\r\n${chunk}\r\n`)
    .join('')
  const head = `HTTP/1.1 200 OK\r\n${date()}\r\ncache-control: max-age=60\r\ntransfer-encoding: chunked\r\n\r\n`
  script = [`${head}${chunks}0\r\n\r\n`]
  asked = []
  assert.equal((await get('GET /bulk')).length, FRESH.length - 3 + body.length)
  const client = await RawClient.connect(port)
  client.socket.pause()
  client.send('GET /bulk HTTP/1.1\r\nhost: svc.test\r\n\r\n')
  await proxy.untilStat('cluster.origin.upstream_rq_active', 0)
  client.socket.resume()
  await client.until(received => parseResponses(received, ['GET']).length === 1)
  client.send('GET /bulk HTTP/1.1\r\nhost: svc.test\r\n\r\n')
  await client.until(received => parseResponses(received, ['GET', 'GET']).length === 2)
  const responses = parseResponses(client.received, ['GET', 'GET'])
  assert.deepEqual(
    responses.map(response => response.body.length),
    [body.length, body.length],
  )
  assert.equal(asked.length, 1)
  client.close()
})
