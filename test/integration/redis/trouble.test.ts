// redis_proxy where hosts die, are slow, say nonsense or send commands elsewhere, and where clients do.
import assert from 'node:assert/strict'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { RespReader } from '../../../src/net/resp/index.ts'
import { fuzzAsync, RawClient, RedisServer, staticCluster } from '../../harness/index.ts'
import { assignment, fromFile, moveOver, response, testFolder } from '../discovery/kit.ts'
import { ask, command, driver, origin, redisProxy, ScriptedRedis } from './kit.ts'

const GET = command('GET', 'a')

/** Asks again and again, within a few seconds. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 5000
  while (!(await holds())) {
    assert.ok(performance.now() < deadline, 'it has not come to pass')
    await new Promise(resolve => setImmediate(resolve))
  }
}

test('a host that dies fails what is under way, and is connected to again', async () => {
  const redis = await RedisServer.start()
  await using running = await redisProxy({ clusters: [origin(redis.port)] })
  const client = await driver(running.port)
  await client.set('a', '1')
  redis.freeze(true)
  const pending = Array.from({ length: 10 }, () => client.get('a').catch((error: Error) => error.message))
  // They are on their way once the host has been sent them.
  await until(async () => (await running.stat('cluster.origin.upstream_rq_active')) === 10)
  await redis.kill()
  assert.deepEqual(new Set(await Promise.all(pending)), new Set(['upstream failure']))
  await assert.rejects(client.get('a'), /upstream failure/)
  await redis.restart()
  assert.equal(await client.set('a', '2'), 'OK')
  assert.equal(await client.get('a'), '2')
  client.destroy()
  await redis.kill()
  // The attempt that was refused had a command waiting, too.
  assert.equal(await running.stat('cluster.origin.upstream_cx_destroy_remote_with_active_rq'), 2)
  assert.deepEqual(await running.proxy.gaugesLeft(), [])
})

test('op_timeout ends the connection, and all that waits on it', async () => {
  const redis = await RedisServer.start()
  await using running = await redisProxy({ clusters: [origin(redis.port)], settings: { op_timeout: '0.2s' } })
  assert.equal(await ask(running.port, 'SET a 1\r\n', '+OK\r\n'), '+OK\r\n')
  redis.freeze(true)
  const expected = '-upstream failure\r\n-upstream failure\r\n+PONG\r\n'
  assert.equal(await ask(running.port, `${GET}${GET}PING\r\n`, expected), expected)
  redis.freeze(false)
  assert.equal(await ask(running.port, GET, '$1\r\n1\r\n'), '$1\r\n1\r\n')
  assert.equal(await running.stat('cluster.origin.upstream_rq_timeout'), 1)
  assert.equal(await running.stat('cluster.origin.upstream_cx_destroy_local_with_active_rq'), 1)
  await redis.kill()
})

test('an answer in pieces, and what nobody asked for', async () => {
  let socket: Socket | undefined
  const host = await ScriptedRedis.start(connection => {
    socket = connection
    connection.write('$3\r\nab')
  })
  await using running = await redisProxy({ clusters: [origin(host.port)] })
  const client = await RawClient.connect(running.port)
  client.send(GET)
  await until(() => socket !== undefined)
  socket!.write('c\r\n:1\r\n')
  await client.until(received => received.length >= 9)
  // The second answer would have been that to the next command.
  client.send(GET)
  await until(() => host.received[1] === GET)
  host.sockets[1]!.write('c\r\n')
  await client.until(received => received.endsWith('abc\r\n$3\r\nabc\r\n'))
  assert.equal(await running.stat('cluster.origin.upstream_cx_protocol_error'), 1)
  client.close()
  host.close()
})

test('MOVED and ASK are followed to hosts known and unknown, but not round and round', async () => {
  const last = await ScriptedRedis.start(
    (socket, text) => void socket.write(text.includes('asking') ? '+OK\r\n+there\r\n' : '+here\r\n'),
  )
  let answer = (): string => '-ERR'
  const first = await ScriptedRedis.start(socket => void socket.write(answer()))
  await using running = await redisProxy({ clusters: [origin(first.port)], settings: { enable_redirection: true } })
  const asked = async (says: string, expected: string): Promise<void> => {
    answer = () => says
    assert.equal(await ask(running.port, GET, expected), expected)
  }
  await asked(`-MOVED 1234 127.0.0.1:${last.port}\r\n`, '+here\r\n')
  await asked(`-ASK 1234 127.0.0.1:${last.port}\r\n`, '+there\r\n')
  await asked('-CLUSTERDOWN The cluster is down\r\n', '-upstream failure\r\n')
  for (const odd of ['MOVED 1', 'MOVED 1 redis.test:6379', 'MOVED 1 127.0.0.1', 'MOVED 1 127.0.0.1:99999', 'MOVED  ']) {
    await asked(`-${odd}\r\n`, `-${odd}\r\n`)
  }
  const itself = `-MOVED 1 127.0.0.1:${first.port}\r\n`
  await asked(itself, itself)
  first.close()
  last.close()
})

test('without enable_redirection MOVED is the client’s affair', async () => {
  const host = await ScriptedRedis.start(socket => void socket.write('-MOVED 1 127.0.0.1:1\r\n'))
  await using running = await redisProxy({ clusters: [origin(host.port)] })
  assert.equal(await ask(running.port, GET, '-MOVED 1 127.0.0.1:1\r\n'), '-MOVED 1 127.0.0.1:1\r\n')
  host.close()
})

test('connections per second are limited', async () => {
  const host = await ScriptedRedis.start(socket => void socket.destroy())
  const limit = { connection_rate_limit: { connection_rate_limit_per_sec: 1 } }
  await using running = await redisProxy({ clusters: [origin(host.port)], settings: limit })
  assert.equal(await ask(running.port, GET, '-upstream failure\r\n'), '-upstream failure\r\n')
  assert.equal(await ask(running.port, GET, '-no upstream host\r\n'), '-no upstream host\r\n')
  assert.equal(await running.stat('cluster.origin.redis_cluster.connection_rate_limited'), 1)
  host.close()
})

test('a host that does not read stops its clients, not their memory', async () => {
  const deaf = createServer(socket => void socket.pause())
  deaf.listen(0, '127.0.0.1')
  await new Promise(resolve => deaf.once('listening', resolve))
  const { port } = deaf.address() as { port: number }
  const cluster = origin(port, { per_connection_buffer_limit_bytes: 65_536 })
  await using running = await redisProxy({ clusters: [cluster], settings: { op_timeout: '60s' } })
  const client = await RawClient.connect(running.port)
  const piece = command('SET', 'a', 'x'.repeat(2_000_000))
  let taken = 0
  await new Promise<void>(resolve => {
    const send = (): void => {
      while (client.socket.write(piece)) taken += piece.length
      taken += piece.length
      const stalled = setTimeout(resolve, 500)
      client.socket.once('drain', () => {
        clearTimeout(stalled)
        send()
      })
    }
    send()
  })
  assert.ok(taken < 64 * 1024 * 1024, `${taken} bytes`)
  assert.equal(await running.stat('cluster.origin.upstream_flow_control_backed_up_total'), 1)
  client.socket.destroy()
  deaf.close()
})

test('clients that leave are nobody’s trouble', async () => {
  const redis = await RedisServer.start()
  await using running = await redisProxy({ clusters: [origin(redis.port)] })
  const stays = await driver(running.port)
  for (let i = 0; i < 50; i++) {
    const client = await RawClient.connect(running.port)
    client.send(`${GET.repeat(20)}${command('MGET', 'a', 'b')}MULTI\r\nGET a\r\n`)
    client.socket.resetAndDestroy()
    assert.equal(await stays.incr('n'), i + 1)
  }
  stays.destroy()
  assert.deepEqual(await running.proxy.gaugesLeft(), [])
  await redis.kill()
})

test('draining ends connections behind their last reply', async () => {
  const redis = await RedisServer.start()
  await using running = await redisProxy({ clusters: [origin(redis.port)] })
  const client = await RawClient.connect(running.port)
  client.send('PING\r\n')
  await client.until(received => received === '+PONG\r\n')
  await running.proxy.admin('/healthcheck/fail', { method: 'POST' })
  client.send(`${GET}PING\r\n`)
  await client.untilEnd()
  assert.equal(client.received, '+PONG\r\n$-1\r\n+PONG\r\n')
  assert.equal(await running.stat('redis.r.downstream_cx_drain_close'), 1)
  await redis.kill()
})

test('two workers share nothing but the counters', async () => {
  const redis = await RedisServer.start()
  await using running = await redisProxy({ clusters: [origin(redis.port)], concurrency: 2 })
  const clients = await Promise.all(Array.from({ length: 20 }, () => driver(running.port)))
  await Promise.all(clients.map(client => client.incr('n')))
  assert.equal(await clients[0]!.get('n'), '20')
  assert.equal(await running.stat('redis.r.command.incr.total'), 20)
  assert.ok((await running.stat('cluster.origin.upstream_cx_total')) <= 2)
  for (const client of clients) client.destroy()
  await redis.kill()
})

test('whatever a client says, the others are served', async () => {
  const redis = await RedisServer.start()
  await using running = await redisProxy({ clusters: [origin(redis.port)], settings: { op_timeout: '1s' } })
  const stays = await driver(running.port)
  const whole = [
    command('SET', 'a', 'b'),
    command('MGET', 'a', 'b'),
    'PING\r\n',
    'MULTI\r\nGET a\r\nEXEC\r\n',
    '*0\r\n',
  ].join('')
  const pieces = [
    '*1000\r\n',
    '$-1\r\n',
    '$9\r\n',
    '\0',
    '%1\r\n',
    'QUIT\r\n',
    '"',
    command('DEL', 'x', 'y'),
    'WATCH a\r\n',
  ]
  await fuzzAsync(async random => {
    const client = await RawClient.connect(running.port)
    const text = random.mutateText(whole, pieces, 1 + random.below(6))
    for (const piece of random.split(Buffer.from(text, 'latin1'))) client.send(piece)
    client.end()
    await client.untilEnd()
    assert.equal(await stays.ping(), 'PONG')
  }, 1500)
  stays.destroy()
  assert.deepEqual(await running.proxy.gaugesLeft(), [])
  await redis.kill()
})

test('whatever a host says, its clients get an answer to each command, and others are served', async () => {
  const good = ['+OK\r\n', ':7\r\n', '$3\r\nabc\r\n', '*2\r\n$1\r\na\r\n$-1\r\n', '-ERR no\r\n', '*-1\r\n'].join('')
  const pieces = [
    '*9\r\n',
    '$9\r\n',
    '\0',
    '%1\r\n',
    '-MOVED 1 127.0.0.1:1\r\n',
    '>1\r\n+x\r\n',
    '|1\r\n+a\r\n:1\r\n',
    '*-2\r\n',
  ]
  let says = Buffer.alloc(0)
  const [host, redis] = [await ScriptedRedis.start(socket => void socket.end(says)), await RedisServer.start()]
  await using running = await redisProxy({
    clusters: [origin(host.port), staticCluster('good', redis.port)],
    settings: { op_timeout: '0.3s', enable_redirection: true },
    filter: {
      prefix_routes: { routes: [{ prefix: 'good', cluster: 'good' }], catch_all_route: { cluster: 'origin' } },
    },
  })
  const stays = await driver(running.port)
  const commands = ['GET a', 'MGET a b', 'DEL a b', 'KEYS *', 'INFO', 'SCAN 0', 'MSET a 1 b 2', 'EVAL x 1 a']
  let rounds = 0
  await fuzzAsync(async random => {
    says = Buffer.from(random.mutateText(good, pieces, 1 + random.below(6)), 'latin1')
    const asked = Array.from({ length: 1 + random.below(4) }, () => random.pick(commands))
    const client = await RawClient.connect(running.port)
    client.send(`${asked.join('\r\n')}\r\nQUIT\r\n`)
    await client.untilEnd()
    let values = 0
    const reader = new RespReader({ onRespValue: () => void values++ })
    const bytes = Buffer.from(client.received, 'latin1')
    reader.feed(bytes, 0, bytes.length)
    assert.deepEqual(
      [values, reader.heldBytes, reader.broken],
      [asked.length + 1, 0, false],
      JSON.stringify([asked, client.received]),
    )
    assert.equal(await stays.incr('good'), ++rounds)
  }, 1500)
  stays.destroy()
  assert.deepEqual(await running.proxy.gaugesLeft(), [])
  host.close()
  await redis.kill()
})

test('a host that goes from its cluster still answers what is under way', async t => {
  const [gone, stays] = await Promise.all([RedisServer.start(), RedisServer.start()])
  const file = join(testFolder(t), 'eds.json')
  moveOver(file, response('endpoints', '1', assignment('service', gone.port)))
  const cluster = {
    type: 'EDS',
    load_assignment: undefined,
    eds_cluster_config: { eds_config: fromFile(file), service_name: 'service' },
  }
  await using running = await redisProxy({ clusters: [origin(0, cluster)], settings: { op_timeout: '5s' } })
  const client = await RawClient.connect(running.port)
  client.send('SET where gone\r\n')
  await client.until(received => received === '+OK\r\n')
  gone.freeze(true)
  client.send('GET where\r\n')
  await until(async () => (await running.stat('cluster.origin.upstream_rq_active')) === 1)
  moveOver(file, response('endpoints', '2', assignment('service', stays.port)))
  await running.proxy.untilStat('cluster.origin.update_success', 2)
  client.send('GET where\r\n')
  await until(async () => (await running.stat('cluster.origin.upstream_rq_total')) === 3)
  gone.freeze(false)
  await client.until(received => received.length >= 20)
  assert.equal(client.received, '+OK\r\n$4\r\ngone\r\n$-1\r\n')
  await until(async () => (await running.stat('cluster.origin.redis_cluster.upstream_cx_drained')) === 1)
  assert.equal(await running.stat('cluster.origin.upstream_cx_active'), 1)
  client.close()
  await Promise.all([gone.kill(), stays.kill()])
})
