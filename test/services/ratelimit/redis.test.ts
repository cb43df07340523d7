// Counters in a real Redis: shared, exact, and what happens when it is gone.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { RedisServer } from '../../harness/index.ts'
import { descriptorOf, type ServiceClient, ServiceProcess } from './service-process.ts'

const CONFIG = `domain: shop
descriptors:
  - {key: client, rate_limit: {unit: day, requests_per_unit: 5}}
  - {key: burst, rate_limit: {unit: day, requests_per_unit: 100}}
  - {key: files, value: "a*", share_threshold: true, rate_limit: {unit: day, requests_per_unit: 2}}
`
const DAY = 86_400

let redis: RedisServer
before(async () => {
  redis = await RedisServer.start()
})
after(() => redis.kill())

const start = (...args: readonly string[]): Promise<ServiceProcess> =>
  ServiceProcess.start({ 'shop.yaml': CONFIG }, ['--redis', redis.url, ...args])

async function codes(client: ServiceClient, count: number, descriptor: string): Promise<string> {
  const all: string[] = []
  for (let i = 0; i < count; i++) all.push(await client.code('shop', descriptor))
  return all.join(' ')
}

/** One command to Redis over a socket of its own, the reply as text. */
async function ask(...parts: readonly string[]): Promise<string> {
  const socket = connect(redis.port, '127.0.0.1')
  socket.write(`*${parts.length}\r\n${parts.map(part => `$${Buffer.byteLength(part)}\r\n${part}\r\n`).join('')}`)
  const [reply] = await once(socket, 'data')
  socket.destroy()
  return String(reply)
}

test('keys are those of envoyproxy/ratelimit, two instances share them, and they expire', async () => {
  const [one, two] = await Promise.all([start(), start()])
  const clients = [one.client(), two.client()] as const
  assert.equal(await codes(clients[0], 3, 'client=sh\u00e4red'), 'OK OK OK')
  assert.equal(await codes(clients[1], 3, 'client=sh\u00e4red'), 'OK OK OVER')
  await clients[0].code('shop', 'files=a1')
  const window = Math.floor(Date.now() / 1000 / DAY) * DAY
  assert.equal(await ask('GET', `shop_client_sh\u00e4red_${window}`), '$1\r\n6\r\n')
  assert.equal(await ask('GET', `shop_files_a*_${window}`), '$1\r\n1\r\n')
  const lifetime = Number((await ask('TTL', `shop_client_sh\u00e4red_${window}`)).slice(1))
  assert.ok(lifetime > DAY - 10 && lifetime <= DAY + 300, String(lifetime))
  for (const client of clients) client.close()
  await Promise.all([one.stop(), two.stop()])
})

test('a limit is exact with many callers on several instances', async () => {
  const services = await Promise.all([start(), start('--local-cache-bytes', '100000')])
  const clients = services.flatMap(service => [service.client(), service.client(), service.client()])
  const asked = clients.flatMap(client => Array.from({ length: 200 }, () => client.code('shop', 'burst=x')))
  const told = await Promise.all(asked)
  assert.equal(told.filter(code => code === 'OK').length, 100)
  assert.equal(told.filter(code => code === 'OVER').length, 1100)
  const more = await Promise.all(clients.map(client => client.code('shop', 'burst=x')))
  assert.ok(more.every(code => code === 'OVER'))
  assert.ok((await services[1]!.stat('ratelimit.service.rate_limit.shop.burst.over_limit_with_local_cache')) >= 3)
  for (const client of clients) client.close()
  await Promise.all(services.map(service => service.stop()))
})

test('a sliding window in Redis counts what passed and nothing else', async () => {
  const service = await start('--window', 'sliding', '--key-prefix', 'sliding:')
  const client = service.client()
  const told = await Promise.all(Array.from({ length: 50 }, () => client.code('shop', 'client=s')))
  assert.equal(told.filter(code => code === 'OK').length, 5)
  const window = Math.floor(Date.now() / 1000 / DAY) * DAY
  assert.equal(await ask('GET', `sliding:shop_client_s_${window}`), '$1\r\n5\r\n')
  await ask('SCRIPT', 'FLUSH')
  assert.equal(await client.code('shop', 'client=t'), 'OK')
  client.close()
  await service.stop()
})

test('requests that one limit refuses need not count for the others', async () => {
  const service = await start('--stop-when-over', '--key-prefix', 'careful:')
  const client = service.client()
  await client.ask('shop', [descriptorOf('client=c')], 5)
  for (let i = 0; i < 3; i++) assert.equal(await client.code('shop', 'client=c', 'burst=c'), 'OVER')
  const { statuses } = await client.ask('shop', [descriptorOf('burst=c')])
  assert.equal(statuses[0]!.limitRemaining, 99)
  client.close()
  await service.stop()
})

test('Redis is killed and comes back: a clear error meanwhile, and nobody needs to do anything', async () => {
  const service = await start('--health-needs-redis', '--key-prefix', 'outage:')
  const client = service.client()
  assert.equal(await client.code('shop', 'client=k'), 'OK')
  await redis.kill()
  await service.output.until(/rate limits cannot be counted until it is back/)
  await assert.rejects(client.ask('shop', [descriptorOf('client=k')]), /UNAVAILABLE: redis 127\.0\.0\.1:\d+: /)
  const json = '{"domain": "shop", "descriptors": [{"entries": [{"key": "client", "value": "k"}]}]}'
  assert.equal((await service.page('/json', { method: 'POST', body: json })).status, 503)
  assert.deepEqual(await service.page('/healthcheck'), { status: 500, body: 'redis is not connected\n' })
  assert.equal(await service.stat('ratelimit.service.call.should_rate_limit.redis_error'), 2)
  const before = service.output.text.length
  await redis.restart()
  await service.output.until(/connected again/, before)
  assert.equal(await codes(client, 6, 'client=k'), 'OK OK OK OK OK OVER')
  assert.equal((await service.page('/healthcheck')).body, 'OK')
  client.close()
  assert.equal(await service.stop(), 0)
})

test('a Redis that stops answering is given up after the timeout, not waited for', async () => {
  const service = await start('--redis-timeout', '100ms', '--key-prefix', 'frozen:')
  const client = service.client()
  assert.equal(await client.code('shop', 'client=f'), 'OK')
  const startMs = performance.now()
  redis.freeze(true)
  const told = await Promise.all(Array.from({ length: 100 }, () => client.code('shop', 'client=f')))
  assert.deepEqual([...new Set(told)], ['UNAVAILABLE'])
  assert.ok(performance.now() - startMs < 5000)
  assert.equal(await client.code('shop', 'client=f'), 'UNAVAILABLE')
  const before = service.output.text.length
  redis.freeze(false)
  await service.output.until(/connected again/, before)
  assert.match(await client.code('shop', 'client=f2'), /OK/)
  client.close()
  await service.stop()
})

test('a password, a database, and a Redis that wants another one', async () => {
  const guarded = await RedisServer.start(['--requirepass', 'p@ss'])
  const at = (login: string): Promise<ServiceProcess> =>
    ServiceProcess.start({ 'shop.yaml': CONFIG }, ['--redis', `redis://${login}127.0.0.1:${guarded.port}/2`])
  const good = await at(':p%40ss@')
  const bad = await at(':wrong@')
  const [goodClient, badClient] = [good.client(), bad.client()]
  assert.equal(await goodClient.code('shop', 'client=p'), 'OK')
  await assert.rejects(badClient.ask('shop', [descriptorOf('client=p')]), /UNAVAILABLE: redis \S+: WRONGPASS/)
  assert.doesNotMatch(bad.output.text, /wrong/)
  goodClient.close()
  badClient.close()
  await Promise.all([good.stop(), bad.stop()])
  await guarded.kill()
})
