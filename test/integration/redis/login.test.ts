// Who may ask: a service decides; and drivers that speak RESP3.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type GrpcAnswer, GrpcService, RawClient, RedisServer, staticCluster } from '../../harness/index.ts'
import { ask, command, driver, origin, type RunningRedisProxy, redisProxy } from './kit.ts'

const AUTH = 'envoy.service.redis_auth.v3.RedisProxyExternalAuth'
const HTTP2 = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
}

interface Credentials {
  readonly username: string
  readonly password: string
}

let redis: RedisServer
let service: GrpcService<Credentials>

before(async () => {
  redis = await RedisServer.start()
  service = await GrpcService.start<Credentials>(`${AUTH}Request`, `${AUTH}Response`, () => ({}))
})

after(async () => {
  await service?.close()
  await redis?.kill()
})

const asking = (more: object = {}): Promise<RunningRedisProxy> =>
  redisProxy({
    clusters: [origin(redis.port), staticCluster('auth', service.port, HTTP2)],
    filter: {
      external_auth_provider: { grpc_service: { envoy_grpc: { cluster_name: 'auth' }, timeout: '0.5s' }, ...more },
    },
  })

const by =
  (password: string, otherwise: GrpcAnswer = { status: { code: 16 } }) =>
  (asked: Credentials): GrpcAnswer =>
    asked.password === password ? {} : otherwise

test('a service is asked, and what comes behind AUTH waits for its answer', async () => {
  await using running = await asking()
  const told = async (text: string, expected: string): Promise<void> => {
    assert.equal(await ask(running.port, text, expected), expected)
  }
  service.answer = by('grün')
  const green = Buffer.from('grün').toString('latin1')
  const auth = `*2\r\n$4\r\nAUTH\r\n$${green.length}\r\n${green}\r\n`
  await told('GET a\r\n', '-NOAUTH Authentication required.\r\n')
  await told(
    `${auth}SET a 1\r\nGET a\r\nAUTH no\r\nGET a\r\n`,
    '+OK\r\n+OK\r\n$1\r\n1\r\n-ERR unauthorized\r\n-NOAUTH Authentication required.\r\n',
  )
  assert.deepEqual(service.requests[0]!.message, { ...service.requests[0]!.message, username: '', password: 'grün' })
  service.answer = by('x', { status: { code: 7 }, message: 'not\r\nyou' })
  await told('AUTH ann y\r\n', '-ERR not  you\r\n')
  await told('HELLO 2 AUTH ann y\r\n', '-WRONGPASS not  you\r\n')
  assert.equal(service.requests.at(-1)!.message.username, 'ann')
  const client = await RawClient.connect(running.port)
  client.send('HELLO 2\r\nHELLO 2 AUTH ann x\r\nGET a\r\nECHO end\r\n')
  const welcome = await client.until(received => received.endsWith('end\r\n'))
  client.close()
  assert.match(welcome, /^-NOAUTH .*\r\n\*14\r\n.*\$1\r\n1\r\n\$3\r\nend\r\n$/s)
  service.answer = () => ({ grpcStatus: 13, grpcMessage: 'broken' })
  await told('AUTH x\r\n', '-ERR external authentication failed\r\n')
  service.answer = () => null
  await told('AUTH x\r\nPING\r\n', '-ERR external authentication failed\r\n-NOAUTH Authentication required.\r\n')
})

test('a login ends when the service says so', async () => {
  await using running = await asking({ enable_auth_expiration: true })
  const inSeconds = (seconds: number): GrpcAnswer => ({
    expiration: { seconds: BigInt(Math.floor(Date.now() / 1000) + seconds), nanos: 0 },
  })
  service.answer = () => inSeconds(60)
  assert.equal(await ask(running.port, 'AUTH x\r\nPING\r\n', '+OK\r\n+PONG\r\n'), '+OK\r\n+PONG\r\n')
  service.answer = () => inSeconds(-1)
  const expected = '+OK\r\n-NOAUTH Authentication required.\r\n'
  assert.equal(await ask(running.port, 'AUTH x\r\nPING\r\n', expected), expected)
})

test('clients that leave while the service is asked', async () => {
  await using running = await asking()
  service.answer = () => null
  const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.connect(running.port)))
  for (const client of clients) client.send(`AUTH x\r\n${command('GET', 'a').repeat(50)}`)
  for (const client of clients) client.socket.resetAndDestroy()
  assert.deepEqual(await running.proxy.gaugesLeft(), [])
})

test('the driver as it comes, with RESP3', async () => {
  await using running = await redisProxy({ clusters: [origin(redis.port)], filter: { protocol_version: 'RESP3' } })
  const client = await driver(running.port, { RESP: 3 })
  await client.flushAll()
  assert.equal(await client.set('a', '1'), 'OK')
  assert.equal(await client.get('none'), null)
  assert.deepEqual({ ...(await client.hGetAll('none')) }, {})
  await client.zAdd('z', { score: 2.5, value: 'm' })
  assert.equal(await client.zScore('z', 'm'), 2.5)
  assert.deepEqual(await client.mGet(['a', 'none']), ['1', null])
  assert.deepEqual(await client.multi().incr('a').get('a').exec(), [2, '2'])
  assert.match(await client.info('keyspace'), /db0:keys=2/)
  client.destroy()
  const old = await ask(running.port, 'GET a\r\n', '-NOPROTO unsupported protocol version\r\n')
  assert.equal(old, '-NOPROTO unsupported protocol version\r\n')
  assert.equal(await running.stat('redis.r.downstream_rq_noproto'), 1)
})
