import assert from 'node:assert/strict'
import { once } from 'node:events'
import net, { type AddressInfo, Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { Clock, TimerWheel } from '../base/index.ts'
import { ipAddress } from './address.ts'
import { AddressRace, orderAddresses } from './address-race.ts'
import { CloseNoFlush } from './close-kind.ts'
import { testThread } from './testing.ts'

/** A thread whose time the test makes pass. */
function timedThread() {
  let nowMs = 0
  let tick: () => void = () => {}
  const clock = new Clock({ monotonicMs: () => nowMs, wallMs: () => nowMs })
  const ticks = { start: (_ms: number, run: () => void) => void (tick = run), stop: () => {} }
  const thread = { ...testThread(), clock, timers: new TimerWheel(clock, ticks) }
  const pass = (ms: number) => {
    nowMs += ms
    clock.update()
    tick()
  }
  return { thread, pass }
}

async function listen(t: TestContext): Promise<number> {
  const server = net.createServer(socket => socket.resume())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return (server.address() as AddressInfo).port
}

/** Races over ports; port 0 never answers, port 1 refuses. */
function race(ports: readonly number[]) {
  const { thread, pass } = timedThread()
  const begun: number[] = []
  const sockets: Socket[] = []
  const connected = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<string | null>()
  const addresses = ports.map(port => ipAddress('127.0.0.1', port))
  const connection = AddressRace.start(thread, addresses, ({ port }) => {
    const socket = new Socket()
    begun.push(port)
    sockets.push(socket)
    return port === 0 ? socket : socket.connect({ host: '127.0.0.1', port })
  })
  connection.reader = {
    onData: () => {},
    onEnd: () => {},
    onConnected: () => connected.resolve(),
    onClose: (_event, errno) => closed.resolve(errno),
  }
  return { connection, begun, sockets, pass, connected: connected.promise, closed: closed.promise }
}

test('an address that refuses makes room for the next at once', async t => {
  const port = await listen(t)
  const { connection, begun, connected, closed } = race([1, 1, port])
  assert.equal(connection.connectStartMs, 0)
  await connected
  assert.deepEqual(begun, [1, 1, port])
  assert.equal(connection.open, true)
  connection.close(CloseNoFlush)
  assert.equal(await closed, null)
})

test('one that says nothing is given 300 ms; who loses is let go', async t => {
  const port = await listen(t)
  const { connection, begun, sockets, pass, connected, closed } = race([0, port])
  pass(290)
  assert.deepEqual(begun, [0])
  pass(20)
  assert.deepEqual(begun, [0, port])
  await connected
  assert.deepEqual(
    sockets.map(({ destroyed }) => destroyed),
    [true, false],
  )
  connection.close(CloseNoFlush)
  await closed
})

test('when all have failed the connection has; a closed one leaves nothing behind', async () => {
  const failed = race([1, 1])
  assert.equal(await failed.closed, 'ECONNREFUSED')
  const given = race([0, 0])
  given.pass(310)
  given.connection.close(CloseNoFlush)
  assert.equal(await given.closed, null)
  assert.ok(given.sockets.every(({ destroyed }) => destroyed))
})

test('families take turns', () => {
  const [a, b, c] = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map(host => ipAddress(host, 80)) as [never, never, never]
  const [x, y] = ['::1', '::2'].map(host => ipAddress(host, 80)) as [never, never]
  const order = (firstFamily: 'V4' | 'V6' | null, firstFamilyCount: number) =>
    orderAddresses([a, b, x, c, y], { firstFamily, firstFamilyCount })
  assert.deepEqual(order(null, 1), [a, x, b, y, c])
  assert.deepEqual(order('V6', 1), [x, a, y, b, c])
  assert.deepEqual(order('V4', 2), [a, b, x, c, y])
})
