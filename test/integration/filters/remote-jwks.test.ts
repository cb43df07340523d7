// Keys of jwt_authn from a URL. PROXY_UNDER_TEST holds the same against a real Envoy.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { after, before, test } from 'node:test'
import {
  answering,
  bootstrap,
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
const SECRET = '0123456789abcdef0123456789abcdef'
const base64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

function token(): string {
  const signed = `${base64({ alg: 'HS256', kid: 'k' })}.${base64({ iss: 'me', sub: 'joe' })}`
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`
}

const keys = JSON.stringify({
  keys: [{ kty: 'oct', alg: 'HS256', kid: 'k', k: Buffer.from(SECRET).toString('base64url') }],
})
const KEYS = `HTTP/1.1 200 OK\r\ncontent-length: ${keys.length}\r\n\r\n${keys}`
const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'
const BROKEN = 'HTTP/1.1 500 Broken\r\ncontent-length: 0\r\n\r\n'

let origin: ScriptedOrigin
let issuer: ScriptedOrigin
let proxy: ProxyProcess
let ports: readonly number[]

const filters = (path: string, more: object = {}): readonly object[] => [
  {
    name: 'envoy.filters.http.jwt_authn',
    typed_config: {
      '@type': `${TYPE}.filters.http.jwt_authn.v3.JwtAuthentication`,
      providers: {
        p: {
          issuer: 'me',
          remote_jwks: { http_uri: { uri: `http://issuer.test:99${path}`, cluster: 'issuer', timeout: '2s' }, ...more },
        },
      },
      rules: [{ match: { prefix: '/' }, requires: { provider_name: 'p' } }],
    },
  },
  { name: 'envoy.filters.http.router', typed_config: { '@type': `${TYPE}.filters.http.router.v3.Router` } },
]

before(async () => {
  origin = await ScriptedOrigin.start(answering(OK))
  let broken = 2
  issuer = await ScriptedOrigin.start(
    answering(({ target }) => (target.startsWith('/keys') || (target === '/late' && broken-- === 0) ? KEYS : BROKEN)),
  )
  ports = await freePorts(3)
  const listeners = ['/keys?x=1', '/broken'].map((path, i) =>
    httpListener({ port: ports[i] as number, hcm: { http_filters: filters(path) } }),
  )
  const retried = { retry_policy: { num_retries: 2, retry_back_off: { base_interval: '0.01s', max_interval: '1s' } } }
  listeners.push(httpListener({ port: ports[2] as number, hcm: { http_filters: filters('/late', retried) } }))
  proxy = await ProxyProcess.start(
    bootstrap(listeners, [staticCluster('origin', origin.port), staticCluster('issuer', issuer.port)]),
  )
})

after(async () => {
  await proxy.stop()
  await origin.close()
  await issuer.close()
})

async function get(which: number): Promise<{ readonly status: number; readonly body: string }> {
  using client = await RawClient.connect(ports[which] as number)
  client.send(`GET / HTTP/1.1\r\nhost: svc.test\r\nauthorization: Bearer ${token()}\r\n\r\n`)
  await client.until(received => parseResponses(received, ['GET']).length === 1)
  return parseResponses(client.received, ['GET'])[0]!
}

test('keys are fetched when they are first needed, and kept', async () => {
  assert.equal((await get(0)).status, 200)
  assert.equal((await get(0)).status, 200)
  assert.equal((await get(0)).status, 200)
  const fetches = issuer.requests.filter(({ target }) => target.startsWith('/keys'))
  assert.equal(fetches.length, 1)
  assert.equal(fetches[0]!.target, '/keys?x=1')
  const names = fetches[0]!.headers.map(([name]) => name)
  assert.deepEqual(names.includes('x-envoy-internal'), true)
  assert.equal(fetches[0]!.headers.find(([name]) => name === 'host')?.[1], 'issuer.test:99')
  await proxy.untilStat(`http.in_${ports[0]}.jwt_authn.jwks_fetch_success`, 1)
})

test('without keys no token is good', async () => {
  const { status, body } = await get(1)
  assert.equal(status, 401)
  assert.equal(body, 'Jwks remote fetch is failed')
  await proxy.untilStat(`http.in_${ports[1]}.jwt_authn.jwks_fetch_failed`, 1)
})

test('many requests that come at once fetch once', {
  skip: process.env['PROXY_UNDER_TEST'] !== undefined,
}, async () => {
  issuer.reset()
  const before = parseRequests(issuer.received).length
  const answers = await Promise.all(Array.from({ length: 10 }, () => get(1)))
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [401])
  assert.ok(parseRequests(issuer.received).length - before <= 1, 'a failed fetch is not repeated by every request')
})

test('a fetch that fails is tried again as configured', async () => {
  assert.equal((await get(2)).status, 200)
  assert.equal(issuer.requests.filter(({ target }) => target === '/late').length, 3)
})
