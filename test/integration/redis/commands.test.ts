// redis_proxy before a real Redis, with the npm driver and with exact bytes.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { RawClient, RedisServer } from '../../harness/index.ts'
import { ask, command, driver, origin, type RunningRedisProxy, redisProxy } from './kit.ts'

let redis: RedisServer
let running: RunningRedisProxy

before(async () => {
  redis = await RedisServer.start()
  running = await redisProxy({ clusters: [origin(redis.port)] })
})

after(async () => {
  await running?.[Symbol.asyncDispose]()
  await redis?.kill()
})

test('the driver gets what Redis says, of every type', async () => {
  const client = await driver(running.port)
  await client.flushAll()
  assert.equal(await client.set('a', 'wert mit ü'), 'OK')
  assert.equal(await client.get('a'), 'wert mit ü')
  assert.equal(await client.get('none'), null)
  assert.equal(await client.incrBy('n', 41), 41)
  assert.equal(await client.hSet('h', { one: '1', two: '2' }), 2)
  assert.deepEqual({ ...(await client.hGetAll('h')) }, { one: '1', two: '2' })
  assert.equal(await client.zAdd('z', [{ score: 1.5, value: 'x' }]), 1)
  assert.deepEqual(await client.zRangeWithScores('z', 0, -1), [{ value: 'x', score: 1.5 }])
  await assert.rejects(client.lPush('a', 'x'), /WRONGTYPE/)
  assert.deepEqual(await client.mGet(['a', 'none', 'n']), ['wert mit ü', null, '41'])
  assert.equal(await client.mSet({ p: '1', q: '2' }), 'OK')
  assert.equal(await client.del(['p', 'q', 'none']), 2)
  assert.equal(await client.exists(['a', 'n', 'none']), 2)
  assert.equal(await client.eval('return KEYS[1]', { keys: ['k'] }), 'k')
  assert.equal(await client.ping(), 'PONG')
  assert.deepEqual(await client.keys('*').then(keys => keys.sort()), ['a', 'h', 'n', 'z'])
  assert.equal((await client.info('keyspace')).trim(), '# Keyspace\r\ndb0:keys=4,expires=0,avg_ttl=0')
  client.destroy()
})

test('a transaction goes over a connection of its own, and what is watched breaks it', async () => {
  const [one, two] = [await driver(running.port), await driver(running.port)]
  assert.deepEqual(await one.multi().set('t', '1').incr('t').get('t').exec(), ['OK', 2, '2'])
  assert.deepEqual(await one.multi().exec(), [])
  await one.watch('t')
  await two.set('t', 'changed')
  await assert.rejects(one.multi().set('t', 'lost').exec(), /watched/i)
  assert.equal(await two.get('t'), 'changed')
  await one.watch('t')
  await one.unwatch()
  await two.set('t', 'again')
  assert.deepEqual(await one.multi().get('t').exec(), ['again'])
  one.destroy()
  two.destroy()
})

test('two transactions in one go do not meet', async () => {
  const whole = ['MULTI', 'SET m 1', 'EXEC', 'MULTI', 'INCR m', 'DISCARD', 'GET m'].map(text => `${text}\r\n`).join('')
  const expected = '+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n+OK\r\n+QUEUED\r\n+OK\r\n$1\r\n1\r\n'
  assert.equal(await ask(running.port, whole, expected), expected)
})

test('10,000 commands in one go are answered in order, local ones between them', async () => {
  const commands = Array.from({ length: 10_000 }, (_, i) =>
    i % 10 === 9 ? 'PING\r\n' : command('SET', `key-${i}`, String(i)) + command('GET', `key-${i}`),
  )
  const replies = commands.map((_, i) => (i % 10 === 9 ? '+PONG\r\n' : `+OK\r\n$${String(i).length}\r\n${i}\r\n`))
  const expected = replies.join('')
  assert.equal(await ask(running.port, commands.join(''), expected), expected)
})

test('values of 10 MiB go both ways, through pieces and many clients', async () => {
  const value = Buffer.alloc(10 * 1024 * 1024, 'v')
  const clients = await Promise.all([1, 2, 3].map(() => driver(running.port)))
  await Promise.all(clients.map((client, i) => client.set(`big-${i}`, value)))
  const values = await Promise.all(clients.map((client, i) => client.get(`big-${i}`)))
  for (const got of values) assert.ok(got === value.toString())
  assert.equal((await clients[0]!.mGet(['big-0', 'big-1'])).join('').length, 2 * value.length)
  for (const client of clients) client.destroy()
})

test('a client that does not read stops being read, and gets everything once it reads', async () => {
  const writer = await driver(running.port)
  await writer.set('mib', 'x'.repeat(1024 * 1024))
  const slow = await RawClient.connect(running.port)
  slow.socket.pause()
  slow.send(command('GET', 'mib').repeat(200))
  // Others are served meanwhile.
  for (let i = 0; i < 50; i++) assert.equal(await writer.incr('others'), i + 1)
  assert.ok(running.proxy.residentKb < 400 * 1024, `${running.proxy.residentKb} KiB`)
  let bytes = 0
  const done = Promise.withResolvers<void>()
  slow.socket.removeAllListeners('data').on('data', piece => {
    bytes += piece.length
    if (bytes >= 200 * (1024 * 1024 + 12)) done.resolve()
  })
  slow.socket.resume()
  await done.promise
  assert.equal(bytes, 200 * (1024 * 1024 + 12))
  slow.close()
  writer.destroy()
})

test('a client that has said all it wants to say still gets its answers', async () => {
  const client = await RawClient.connect(running.port)
  client.send(command('SET', 'fin', '1') + command('GET', 'fin'))
  client.end()
  await client.untilEnd()
  assert.equal(client.received, '+OK\r\n$1\r\n1\r\n')
})

test('commands are counted, by what became of them', async () => {
  const { stat } = running
  const names = ['redis.r.command.lpush.success', 'redis.r.command.multi.total', 'redis.r.splitter.unsupported_command']
  const counts = await Promise.all(names.map(stat))
  await ask(running.port, 'SET s 1\r\nLPUSH s 1\r\nFOO bar\r\nMULTI\r\nEXEC\r\n', 'x'.repeat(138))
  const now = await Promise.all(names.map(stat))
  // An error of the server is a success of the proxy. EXEC is charged to MULTI as well.
  assert.deepEqual(
    now.map((count, i) => count - counts[i]!),
    [1, 2, 1],
  )
  assert.equal(await stat('redis.r.downstream_rq_active'), 0)
  assert.equal(await stat('cluster.origin.upstream_rq_active'), 0)
})
