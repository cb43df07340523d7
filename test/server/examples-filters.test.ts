// The bootstraps under examples/ that show one filter each do what their first lines say.
import assert from 'node:assert/strict'
import { createSign, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { GrpcService, parseResponses, RawClient } from '../harness/index.ts'
import { headerOf, response, run } from './run-example.ts'

const HOST = 'host: shop.example.com\r\n'

test('websocket', async () => {
  const agreed = 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nhello'
  const { get, port, stop } = await run('websocket.yaml', {
    answer: (_, request) => (headerOf(request, 'upgrade') === 'websocket' ? agreed : null),
  })
  using client = await RawClient.connect(port)
  client.send(`GET /chat HTTP/1.1\r\n${HOST}connection: upgrade\r\nupgrade: websocket\r\n\r\n`)
  assert.match(await client.until(text => text.endsWith('hello')), /^HTTP\/1\.1 101 /)
  client.close()
  const asks = `${HOST}upgrade: websocket\r\nconnection: upgrade\r\n`
  assert.match(await get('/other', asks), /^HTTP\/1\.1 403 /)
  assert.match(await get('/other'), /9001 \/other/)
  await stop()
})

test('faults', async () => {
  const { get, adminPort, stop } = await run('fault-injection.yaml')
  // Chance has no part in this test.
  await fetch(`http://127.0.0.1:${adminPort}/runtime_modify?share_of_delays=0`, { method: 'POST' })
  assert.match(await get('/', `${HOST}x-envoy-fault-abort-request: 503\r\n`), /^HTTP\/1\.1 503 .*fault filter abort$/s)
  const startMs = performance.now()
  assert.match(await get('/', `${HOST}x-envoy-fault-delay-request: 100\r\n`), /9001 \//)
  assert.ok(performance.now() - startMs >= 99)
  assert.match(await get('/'), /9001 \//)
  await stop()
})

test('local rate limit', async () => {
  const { get, stop } = await run('local-ratelimit.yaml')
  for (let i = 0; i < 3; i++) assert.match(await get('/login'), /^HTTP\/1\.1 200 /)
  assert.match(await get('/login'), /^HTTP\/1\.1 429 .*x-limited-by: login\r\n/s)
  assert.match(await get('/'), /^HTTP\/1\.1 200 .*x-ratelimit-limit: 100\r\n/s)
  await stop()
})

test('cors', async () => {
  const { get, stop } = await run('cors.yaml')
  const from = (origin: string): string => `${HOST}origin: ${origin}\r\n`
  const asks = 'access-control-request-method: DELETE\r\n'
  const agreed = await get('/api', from('https://shop.example.com') + asks, 'OPTIONS')
  assert.match(agreed, /access-control-allow-origin: https:\/\/shop\.example\.com\r\n/)
  assert.match(agreed, /access-control-allow-methods: GET, POST, DELETE\r\n/)
  assert.match(agreed, /access-control-max-age: 600\r\n/)
  assert.match(
    await get('/api', from('https://shop.example.com')),
    /access-control-allow-credentials: true\r\n.*9001 \/api/s,
  )
  assert.doesNotMatch(await get('/api', from('https://evil.example.com')), /access-control/)
  const open = await get('/public', from('https://evil.example.com'))
  assert.match(open, /access-control-allow-origin: https:\/\/evil\.example\.com\r\n/)
  assert.doesNotMatch(open, /credentials/)
  await stop()
})

test('csrf', async () => {
  const { get, stop } = await run('csrf.yaml')
  const from = (origin: string): string => `${HOST}content-length: 0\r\norigin: ${origin}\r\n`
  assert.match(await get('/', from('https://shop.example.com'), 'POST'), /9001 \//)
  assert.match(await get('/', from('https://admin.example.com'), 'POST'), /9001 \//)
  assert.match(await get('/', from('https://evil.example.com'), 'POST'), /^HTTP\/1\.1 403 .*Invalid origin$/s)
  assert.match(await get('/', from('https://evil.example.com')), /9001 \//)
  assert.match(await get('/hooks', `${HOST}content-length: 0\r\n`, 'POST'), /9001 \/hooks/)
  await stop()
})

test('authorization by HTTP', async () => {
  const refusal = response('who are you?', 'HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic\r\n')
  const { get, asked, stop } = await run('ext-authz-http.yaml', {
    answer: (port, request) => {
      if (port !== '9002') return null
      return headerOf(request, 'cookie') === 'user=ann' ? response('', 'HTTP/1.1 200 OK\r\nx-user: ann\r\n') : refusal
    },
  })
  assert.match(await get('/a'), /^HTTP\/1\.1 401 .*www-authenticate: Basic\r\n.*who are you\?$/s)
  assert.match(await get('/a', `${HOST}cookie: user=ann\r\nx-user: root\r\n`), /9001 \/a/)
  assert.deepEqual(
    asked.map(request => [request.target, headerOf(request, 'x-user')]),
    [
      ['/check/a', undefined],
      ['/check/a', undefined],
      ['/a', 'ann'],
    ],
  )
  assert.match(await get('/static/x'), /9001 \/static\/x/)
  await stop()
})

test('authorization by gRPC', async () => {
  interface Check {
    readonly attributes: { readonly request: { readonly http: { readonly headers: Record<string, string> } } }
  }
  const TYPE = 'envoy.service.auth.v3'
  const service = await GrpcService.start<Check>(`${TYPE}.CheckRequest`, `${TYPE}.CheckResponse`, message =>
    message.attributes.request.http.headers['authorization'] === 'Bearer ann'
      ? {
          status: { code: 0 },
          httpResponse: { case: 'okResponse', value: { headers: [{ header: { key: 'x-user', value: 'ann' } }] } },
        }
      : {
          status: { code: 7 },
          httpResponse: { case: 'deniedResponse', value: { status: { code: 403 }, body: 'not you' } },
        },
  )
  const { get, asked, stop } = await run('ext-authz-grpc.yaml', { origins: { 9002: service.port } })
  assert.match(await get('/a'), /^HTTP\/1\.1 403 .*not you$/s)
  assert.match(await get('/a', `${HOST}authorization: Bearer ann\r\n`), /9001 \/a/)
  assert.match(await get('/static'), /9001 \/static/)
  assert.deepEqual(
    asked.map(request => headerOf(request, 'x-user')),
    ['ann', undefined],
  )
  await stop()
  service.close()
})

test('compression', async () => {
  const text = 'tea '.repeat(100)
  const { get, stop } = await run('compression.yaml', {
    answer: (_, { target }) =>
      response(target === '/short' ? 'tea' : text, 'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n'),
  })
  const taking = async (path: string, encodings: string): Promise<readonly [string | undefined, Buffer]> => {
    const [answer] = parseResponses(await get(path, `${HOST}accept-encoding: ${encodings}\r\n`), ['GET'])
    const encoding = answer!.headers.find(([name]) => name === 'content-encoding')?.[1]
    return [encoding, Buffer.from(answer!.body, 'latin1')]
  }
  const [gzip, zipped] = await taking('/', 'gzip')
  assert.equal(gzip, 'gzip')
  assert.equal(gunzipSync(zipped).toString(), text)
  const [brotli, pressed] = await taking('/', 'gzip, br')
  assert.equal(brotli, 'br')
  assert.equal(brotliDecompressSync(pressed).toString(), text)
  assert.deepEqual(await taking('/short', 'gzip'), [undefined, Buffer.from('tea')])
  assert.deepEqual(await taking('/', 'identity'), [undefined, Buffer.from(text)])
  await stop()
})

test('tokens', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const keys = JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k', alg: 'RS256' }] })
  const { get, asked, stop } = await run('jwt.yaml', {
    answer: (port, { target }) => (port === '9002' && target === '/keys.json' ? response(keys) : null),
  })
  const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const token = (claims: object): string => {
    const said = `${encoded({ alg: 'RS256', kid: 'k' })}.${encoded({ iss: 'https://login.example.com', ...claims })}`
    return `${said}.${createSign('sha256').update(said).sign(privateKey, 'base64url')}`
  }
  const showing = (claims: object): Promise<string> =>
    get('/api', `${HOST}x-user: root\r\nauthorization: Bearer ${token(claims)}\r\n`)
  assert.match(await get('/api'), /^HTTP\/1\.1 401 .*Jwt is missing$/s)
  assert.match(await showing({ sub: 'ann', aud: 'shop' }), /9001 \/api/)
  assert.equal(headerOf(asked.at(-1)!, 'x-user'), 'ann')
  assert.match(await showing({ sub: 'ann', aud: 'other' }), /^HTTP\/1\.1 403 .*Audiences in Jwt are not allowed$/s)
  assert.match(await showing({ sub: 'ann', aud: 'shop', exp: 1 }), /^HTTP\/1\.1 401 .*Jwt is expired$/s)
  assert.match(await get('/'), /9001 \//)
  assert.equal(asked.filter(({ target }) => target === '/keys.json').length, 1)
  await stop()
})

test('cache', async () => {
  const { get, asked, stop } = await run('cache.yaml', {
    answer: (_, { target }) =>
      target === '/news' ? response('news', `HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\n`) : null,
  })
  for (let i = 0; i < 3; i++) assert.match(await get('/news'), /news$/)
  for (let i = 0; i < 2; i++) assert.match(await get('/other'), /9001 \/other/)
  assert.deepEqual(
    asked.map(({ target }) => target),
    ['/news', '/other', '/other'],
  )
  await stop()
})
