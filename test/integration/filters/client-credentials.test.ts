// Tokens that the proxy fetches for itself. PROXY_UNDER_TEST holds the same against a real Envoy.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  answering,
  bootstrap,
  freePorts,
  httpListener,
  ProxyProcess,
  ScriptedOrigin,
  staticCluster,
} from '../../harness/index.ts'
import { AuthorizationServer } from './authorization-server.ts'
import { Browser } from './browser.ts'

const TYPE = 'type.googleapis.com/envoy.extensions'
let origin: ScriptedOrigin
let server: AuthorizationServer
let proxy: ProxyProcess
let ports: readonly number[]

function listener(port: number, name: string, clientId: string, extra: object = {}): object {
  const oauth2 = {
    '@type': `${TYPE}.http.injected_credentials.oauth2.v3.OAuth2`,
    token_endpoint: { cluster: 'auth', uri: 'http://auth.test/token', timeout: '1s' },
    client_credentials: { client_id: clientId, client_secret: { name: 'secret' } },
    token_fetch_retry_interval: '1s',
    ...extra,
  }
  const injector = {
    '@type': `${TYPE}.filters.http.credential_injector.v3.CredentialInjector`,
    credential: { name: 'oauth2', typed_config: oauth2 },
  }
  const router = { name: 'router', typed_config: { '@type': `${TYPE}.filters.http.router.v3.Router` } }
  return httpListener({
    port,
    hcm: { stat_prefix: name, http_filters: [{ name: 'injector', typed_config: injector }, router] },
  })
}

before(async () => {
  origin = await ScriptedOrigin.start(
    answering(({ headers }) => {
      const token = headers.find(([name]) => name === 'authorization')?.[1] ?? ''
      return `HTTP/1.1 200 OK\r\ncontent-length: ${token.length}\r\n\r\n${token}`
    }),
  )
  server = await AuthorizationServer.start()
  server.issues = { access_token: 'first', expires_in: 2 }
  ports = await freePorts(2)
  const { static_resources: resources, ...rest } = bootstrap(
    [
      listener(ports[0]!, 'good', server.clientId, {
        scopes: ['a', 'b c'],
        endpoint_params: [{ name: 'audience', value: 'x&y' }],
      }),
      listener(ports[1]!, 'bad', 'nobody'),
    ],
    [staticCluster('origin', origin.port), staticCluster('auth', server.port)],
  ) as { readonly static_resources: object }
  const secrets = [{ name: 'secret', generic_secret: { secret: { inline_string: server.clientSecret } } }]
  proxy = await ProxyProcess.start({ ...rest, static_resources: { ...resources, secrets } })
})

after(async () => {
  await proxy.stop()
  await origin.close()
  await server.close()
})

const oauth = (name: string, stat: string): string => `http.${name}.credential_injector.oauth2.${stat}`

test('a token is fetched before anybody asks, and again at half its life', async () => {
  await proxy.untilStat(oauth('good', 'token_fetched'), 1)
  const form = server.asked.find(one => one.get('client_id') === server.clientId)!
  assert.equal(form.get('scope'), 'a b c')
  assert.equal(form.get('audience'), 'x&y')
  const browser = new Browser(ports[0]!)
  assert.equal((await browser.get('/')).body, 'Bearer first')
  server.issues = { access_token: 'second', expires_in: 3600 }
  await proxy.untilStat(oauth('good', 'token_fetched'), 2)
  assert.equal((await browser.get('/')).body, 'Bearer second')
})

test('without a token requests are refused, and the server is asked again', async () => {
  const answer = await new Browser(ports[1]!).get('/')
  assert.deepEqual([answer.status, answer.body], [401, 'Failed to inject credential.'])
  await proxy.untilStat(oauth('bad', 'token_fetch_failed_on_bad_response_code'), 3)
})
