// Logins from the first request to the last. PROXY_UNDER_TEST holds the same against a real Envoy.
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import {
  bootstrap,
  freePorts,
  httpListener,
  type OriginConnection,
  ProxyProcess,
  parseRequests,
  type RawRequest,
  ScriptedOrigin,
  staticCluster,
} from '../../harness/index.ts'
import { AuthorizationServer } from './authorization-server.ts'
import { Browser, headerOf } from './browser.ts'

const TYPE = 'type.googleapis.com/envoy.extensions'
const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'
const NAME = 'envoy.filters.http.oauth2'
const inline = (name: string, text: string): object => ({ name, generic_secret: { secret: { inline_string: text } } })

const folder = mkdtempSync(join(tmpdir(), 'oauth2-'))
const secretFile = join(folder, 'hmac.json')
let origin: ScriptedOrigin
let server: AuthorizationServer
let proxy: ProxyProcess
let ports: readonly number[]
let asked: RawRequest[] = []
const key = generateKeyPairSync('ec', { namedCurve: 'P-256' })

function writeSecret(text: string): void {
  const secret = { '@type': `${TYPE}.transport_sockets.tls.v3.Secret`, ...inline('from-file', text) }
  writeFileSync(`${secretFile}.new`, JSON.stringify({ resources: [secret] }))
  renameSync(`${secretFile}.new`, secretFile)
}

function config(extra: object = {}, hmac: object = { name: 'hmac' }, token = 'token'): object {
  return {
    token_endpoint: { cluster: 'auth', uri: 'auth.test/token', timeout: '3s' },
    authorization_endpoint: 'https://auth.test/authorize',
    redirect_uri: 'http://%REQ(:authority)%/callback',
    redirect_path_matcher: { path: { exact: '/callback' } },
    signout_path: { path: { exact: '/signout' } },
    forward_bearer_token: true,
    credentials: { client_id: server.clientId, token_secret: { name: token }, hmac_secret: hmac },
    ...extra,
  }
}

const listener = (port: number, filter: object, perRoute?: object): object => {
  const route = { match: { prefix: '/' }, route: { cluster: 'origin' } }
  return httpListener({
    port,
    routes: [perRoute === undefined ? route : { ...route, typed_per_filter_config: { [NAME]: perRoute } }],
    hcm: {
      stat_prefix: 'edge',
      http_filters: [
        { name: NAME, typed_config: { '@type': `${TYPE}.filters.http.oauth2.v3.OAuth2`, ...filter } },
        { name: 'router', typed_config: { '@type': `${TYPE}.filters.http.router.v3.Router` } },
      ],
    },
  })
}

before(async () => {
  writeSecret('first')
  origin = await ScriptedOrigin.start((connection: OriginConnection) => {
    const requests = parseRequests(connection.received)
    if (requests.length === 0) return
    connection.received = ''
    asked.push(...requests)
    connection.socket.write(OK)
  })
  server = await AuthorizationServer.start()
  server.clientKey = key.publicKey.export({ type: 'spki', format: 'pem' }) as string
  ports = await freePorts(6)
  const [plain, guarded, chunked, routed, watched, signing] = ports as [number, number, number, number, number, number]
  const sds = { name: 'from-file', sds_config: { path_config_source: { path: secretFile } } }
  const perRoute = { '@type': `${TYPE}.filters.http.oauth2.v3.OAuth2PerRoute`, config: config({ stat_prefix: 'own' }) }
  const signs = { auth_type: 'PRIVATE_KEY_JWT', private_key_jwt_config: { signing_algorithm: 'ES256' } }
  const pem = key.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  const { static_resources: resources, ...rest } = bootstrap(
    [
      listener(plain, { config: config() }),
      listener(guarded, { config: config({ allowed_redirect_domains: ['app.test'] }) }),
      listener(chunked, { config: config({ token_cookie_chunking: { max_cookie_size: 512, max_chunks: 4 } }) }),
      listener(routed, {}, perRoute),
      listener(watched, { config: config({}, sds) }),
      listener(signing, { config: config(signs, { name: 'hmac' }, 'key') }),
    ],
    [staticCluster('origin', origin.port), staticCluster('auth', server.port)],
  ) as { readonly static_resources: object }
  const secrets = [inline('hmac', 'hmac-secret'), inline('token', server.clientSecret), inline('key', pem)]
  proxy = await ProxyProcess.start({ ...rest, static_resources: { ...resources, secrets } })
})

after(async () => {
  await proxy.stop()
  await origin.close()
  await server.close()
  rmSync(folder, { recursive: true })
})

beforeEach(() => {
  asked = []
  server.asked.length = 0
  server.issues = { access_token: 'access-1', id_token: 'id-1', refresh_token: 'refresh-1', expires_in: 3600 }
})

/** Goes to `target`, says yes to the authorization server and comes back. */
async function logIn(browser: Browser, target = '/a?b=c'): Promise<string> {
  const first = await browser.get(target)
  assert.equal(first.status, 302)
  const back = await browser.get(server.approve(headerOf(first, 'location')))
  assert.equal(back.status, 302, back.body)
  return headerOf(back, 'location')
}

const cookiesAsked = (): readonly string[] => headerValue('cookie').split('; ').sort()
const headerValue = (name: string): string => asked.at(-1)?.headers.find(([key]) => key === name)?.[1] ?? ''

describe('a login', () => {
  test('begins with the first request and ends where it began; the origin gets the tokens', async () => {
    const browser = new Browser(ports[0]!)
    assert.equal(await logIn(browser), 'http://app.test/a?b=c')
    assert.equal(asked.length, 0)
    assert.deepEqual([...browser.cookies.keys()].sort(), [
      'BearerToken',
      'IdToken',
      'OauthExpires',
      'OauthHMAC',
      'RefreshToken',
    ])
    assert.ok(![...browser.cookies.values()].some(value => value.includes('access-1')), 'tokens are encrypted')
    const answer = await browser.get('/a?b=c', 'authorization: Bearer mine\r\n')
    assert.equal(answer.status, 200)
    assert.equal(headerValue('authorization'), 'Bearer access-1')
    assert.deepEqual(cookiesAsked(), ['BearerToken=access-1', 'IdToken=id-1'])
  })

  test('is renewed with the refresh token; the browser gets new cookies with the answer', async () => {
    const browser = new Browser(ports[0]!)
    await logIn(browser)
    browser.cookies.delete('OauthHMAC')
    server.issues = { access_token: 'access-2', expires_in: '60' }
    assert.equal((await browser.get('/x')).status, 200)
    assert.equal(headerValue('authorization'), 'Bearer access-2')
    assert.deepEqual(cookiesAsked(), ['BearerToken=access-2', 'IdToken=id-1'])
    assert.equal(server.asked.at(-1)?.get('refresh_token'), 'refresh-1')
    asked = []
    assert.equal((await browser.get('/y')).status, 200)
    assert.equal(server.asked.length, 2, 'the new cookies are good')
    assert.deepEqual(cookiesAsked(), ['BearerToken=access-2'])
  })

  test('begins anew where the refresh token is refused', async () => {
    const browser = new Browser(ports[0]!)
    browser.cookies.set('RefreshToken', 'stolen')
    assert.equal((await browser.get('/x')).status, 302)
    assert.equal(asked.length, 0)
  })

  test('two at once do not disturb each other', async () => {
    const browser = new Browser(ports[0]!)
    const one = await browser.get('/one')
    const two = await browser.get('/two')
    const first = await browser.get(server.approve(headerOf(one, 'location')))
    const second = await browser.get(server.approve(headerOf(two, 'location')))
    assert.deepEqual(
      [first, second].map(answer => headerOf(answer, 'location')),
      ['http://app.test/one', 'http://app.test/two'],
    )
    assert.equal(server.asked.length, 1, 'who is logged in needs no second token')
  })

  test('is signed out', async () => {
    const browser = new Browser(ports[0]!)
    await logIn(browser)
    const answer = await browser.get('/signout')
    assert.equal(headerOf(answer, 'location'), 'http://app.test/')
    assert.equal(browser.cookies.size, 0)
    assert.equal((await browser.get('/x')).status, 302)
  })
})

describe('hostile peers', () => {
  test('a code of somebody else is not taken', async () => {
    const attacker = new Browser(ports[0]!)
    const link = server.approve(headerOf(await attacker.get('/a'), 'location'))
    for (const victim of [new Browser(ports[0]!), new Browser(ports[0]!)]) {
      if (victim.cookies.size === 0) await victim.get('/mine')
      assert.equal((await victim.get(link)).status, 401)
    }
    assert.equal(server.asked.length, 0)
  })

  test('a state with another URL is not followed', async () => {
    for (const url of ['http://evil.test/', 'http://app.test@evil.test/', 'http:\\\\evil.test', '//evil.test', 'x']) {
      const browser = new Browser(ports[1]!)
      const location = new URL(headerOf(await browser.get('/a'), 'location'))
      const state = JSON.parse(Buffer.from(location.searchParams.get('state')!, 'base64url').toString()) as object
      const forged = Buffer.from(JSON.stringify({ ...state, url })).toString('base64url')
      const link = server.approve(location.href).replace(/state=.*/, `state=${forged}`)
      assert.equal((await browser.get(link)).status, 401, url)
    }
  })

  test('a state cannot put a header into the answer', async () => {
    const browser = new Browser(ports[0]!)
    const location = new URL(headerOf(await browser.get('/a'), 'location'))
    const state = JSON.parse(Buffer.from(location.searchParams.get('state')!, 'base64url').toString()) as object
    for (const change of [{ url: 'http://app.test/\r\nx-evil: 1' }, { flow_id: 'a\r\nx-evil: 1' }]) {
      const forged = Buffer.from(JSON.stringify({ ...state, ...change })).toString('base64url')
      const answer = await browser.get(server.approve(location.href).replace(/state=.*/, `state=${forged}`))
      assert.equal(answer.status, 401)
      assert.equal(headerOf(answer, 'x-evil'), '')
    }
  })

  test('who is logged in is not sent round in a circle', async () => {
    const browser = new Browser(ports[0]!)
    const location = new URL(headerOf(await browser.get('/a'), 'location'))
    const nonce = new Map(browser.cookies)
    await browser.get(server.approve(location.href))
    for (const [name, value] of nonce) browser.cookies.set(name, value)
    const state = JSON.parse(Buffer.from(location.searchParams.get('state')!, 'base64url').toString()) as object
    const forged = Buffer.from(JSON.stringify({ ...state, url: 'http://app.test/callback?x' })).toString('base64url')
    assert.equal((await browser.get(`/callback?code=1&state=${forged}`)).status, 401)
  })

  test('a code is good once, and only with its own verifier', async () => {
    const browser = new Browser(ports[0]!)
    const link = server.approve(headerOf(await browser.get('/a'), 'location'))
    const other = new Browser(ports[0]!)
    await other.get('/b')
    const mine = new Map(browser.cookies)
    for (const name of mine.keys()) if (name.startsWith('CodeVerifier')) browser.cookies.delete(name)
    browser.cookies.set('CodeVerifier', other.cookies.get('CodeVerifier')!)
    assert.equal((await browser.get(link)).status, 401)
    for (const [name, value] of mine) browser.cookies.set(name, value)
    assert.equal((await browser.get(link)).status, 401)
    assert.equal(server.asked.length, 2)
  })
})

test('tokens too large for a cookie go in pieces, and too many pieces are refused', async () => {
  const browser = new Browser(ports[2]!)
  const token = 'x'.repeat(900)
  server.issues = { access_token: token, expires_in: 3600 }
  await logIn(browser)
  assert.equal(browser.cookies.get('BearerToken_chunks'), '3')
  assert.equal((await browser.get('/x')).status, 200)
  assert.deepEqual(cookiesAsked(), [`BearerToken=${token}`])
  await browser.get('/signout')
  assert.equal(browser.cookies.size, 0)

  const first = await browser.get('/a')
  server.issues = { access_token: 'x'.repeat(2000), expires_in: 3600 }
  assert.equal((await browser.get(server.approve(headerOf(first, 'location')))).status, 503)
})

test('a route brings its own configuration and stats', async () => {
  const browser = new Browser(ports[3]!)
  await logIn(browser)
  assert.equal((await browser.get('/x')).status, 200)
  await proxy.untilStat('own.oauth_success', 2)
  assert.equal((await proxy.stats('own.oauth_')).get('own.oauth_unauthorized_rq'), 1)
})

test('a new secret in its file makes old cookies worthless', async () => {
  const browser = new Browser(ports[4]!)
  server.issues = { access_token: 'access-1', expires_in: 3600 }
  await logIn(browser)
  assert.equal((await browser.get('/x')).status, 200)
  writeSecret('second')
  await proxy.untilStat('sds.from-file.update_success', 2)
  const deadline = performance.now() + 3000
  while ((await browser.get('/x')).status !== 302) assert.ok(performance.now() < deadline)
})

test('a client can sign who it is', async () => {
  const browser = new Browser(ports[5]!)
  await logIn(browser)
  const form = server.asked.at(-1)!
  assert.equal(form.get('client_secret'), null)
  assert.equal(form.get('client_assertion_type'), 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
  assert.equal((await browser.get('/x')).status, 200)
})
