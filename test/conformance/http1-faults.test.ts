// Peers that are slow, vanish or break off, over HTTP/1.1: time and memory stay bounded, and nobody is lied to.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, test } from 'node:test'
import {
  answering,
  bootstrap,
  DeafServer,
  exchange,
  freePorts,
  httpListener,
  type OriginConnection,
  ProxyProcess,
  RawClient,
  ScriptedOrigin,
  staticCluster,
} from '../harness/index.ts'

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'
const MIB = 1 << 20
const GET = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'
const SLOW_CLIENTS = 50

const ROUTE = (route: object) => [{ match: { prefix: '/' }, route: { cluster: 'origin', ...route } }]
/** What each listener is for, and how it differs from a plain one. */
const LISTENERS = {
  plain: {},
  slowHead: { hcm: { request_headers_timeout: '0.3s' } },
  slowBody: { hcm: { request_timeout: '0.3s' } },
  idle: { hcm: { stream_idle_timeout: '0.3s' } },
  deadline: { routes: ROUTE({ timeout: '0.3s' }) },
  perTry: { routes: ROUTE({ retry_policy: { retry_on: '5xx', num_retries: 1, per_try_timeout: '0.2s' } }) },
  narrow: { routes: ROUTE({ cluster: 'narrow' }), extra: { per_connection_buffer_limit_bytes: 1024 } },
  dead: { routes: ROUTE({ cluster: 'dead' }) },
  breaker: { routes: ROUTE({ cluster: 'breaker' }) },
  deaf: { routes: ROUTE({ cluster: 'deaf' }) },
} as const
type Name = keyof typeof LISTENERS

let deaf: DeafServer
let origin: ScriptedOrigin
let proxy: ProxyProcess
let ports: ReadonlyMap<Name, number>
const port = (name: Name): number => ports.get(name)!

before(async () => {
  origin = await ScriptedOrigin.start(answering(OK))
  deaf = await DeafServer.start()
  const names = Object.keys(LISTENERS) as Name[]
  const [dead, ...free] = await freePorts(names.length + 1)
  ports = new Map(names.map((name, i) => [name, free[i]!]))
  const listeners = names.map(name => {
    const { hcm = {}, routes, extra = {} } = LISTENERS[name] as { hcm?: object; routes?: object[]; extra?: object }
    const settings = { delayed_close_timeout: '0.1s', ...hcm }
    return {
      ...httpListener({ port: port(name), hcm: settings, ...(routes === undefined ? {} : { routes }) }),
      ...extra,
    }
  })
  proxy = await ProxyProcess.start(
    bootstrap(listeners, [
      staticCluster('origin', origin.port),
      staticCluster('narrow', origin.port, { per_connection_buffer_limit_bytes: 1024 }),
      staticCluster('dead', dead!),
      staticCluster('deaf', deaf.port, { connect_timeout: '0.2s' }),
      staticCluster('breaker', origin.port, { circuit_breakers: { thresholds: [{ max_requests: 1 }] } }),
    ]),
  )
})
after(async () => {
  deaf.close()
  await proxy?.stop().finally(() => origin.close())
})

const stat = async (name: string): Promise<number> => (await proxy.stats(name)).get(name) ?? 0
const prefix = (name: Name): string => `http.in_${port(name)}.`

/** Waits until a stat has the value; its worker and main may be a turn apart. */
async function settled(name: string, value: number): Promise<void> {
  const deadline = Date.now() + 5000
  while ((await stat(name)) !== value && Date.now() < deadline) await new Promise(resolve => setImmediate(resolve))
  assert.equal(await stat(name), value, name)
}

test('heads that never end are answered with 408, and others are served meanwhile (D1)', async () => {
  const slow = await Promise.all(Array.from({ length: SLOW_CLIENTS }, () => RawClient.connect(port('slowHead'))))
  for (const client of slow) client.send('GET / HTTP/1.1\r\nx: ')
  const drip = setInterval(() => slow.forEach(client => void client.send('y')), 50)
  assert.match(await exchange(port('slowHead'), GET.replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n')), /200 OK/)
  for (const client of slow) assert.match(await client.untilEnd(), /^HTTP\/1.1 408 /)
  clearInterval(drip)
  assert.equal(await stat(`${prefix('slowHead')}downstream_rq_header_timeout`), SLOW_CLIENTS)
})

test('a body that does not come in time is answered with 408 (D2)', async () => {
  const client = await RawClient.connect(port('slowBody'))
  client.send('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nab')
  assert.match(await client.untilEnd(), /^HTTP\/1.1 408 .*request timeout$/s)
  assert.equal(await stat(`${prefix('slowBody')}downstream_rq_timeout`), 1)
})

test('an origin that is silent: 504 of the stream, of the route, of each attempt (E6)', async () => {
  origin.reset(() => {})
  for (const [name, counter, seen] of [
    ['idle', `${prefix('idle')}downstream_rq_idle_timeout`, 1],
    ['deadline', 'cluster.origin.upstream_rq_timeout', 1],
    ['perTry', 'cluster.origin.upstream_rq_per_try_timeout', 2],
  ] as const) {
    const before = origin.requests.length
    const client = await RawClient.connect(port(name))
    client.send(GET)
    assert.match(await client.until(text => text.includes('timeout')), /^HTTP\/1.1 504 /, name)
    assert.equal(origin.requests.length - before, seen, name)
    assert.ok((await stat(counter)) >= 1, counter)
    client.close()
  }
  await settled('cluster.origin.upstream_rq_active', 0)
})

test('nobody listens there: 503 with the reason (E1)', async () => {
  const client = await RawClient.connect(port('dead'))
  client.send(GET)
  assert.match(await client.until(text => text.endsWith('remote connection failure')), /^HTTP\/1.1 503 /)
  assert.equal(await stat('cluster.dead.upstream_cx_connect_fail'), 1)
  client.close()
})

test('a host that does not answer connects: 503 after connect_timeout, whose stat tells so (E1)', {
  skip: process.platform !== 'linux',
}, async () => {
  const text = await exchange(port('deaf'), 'GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n')
  assert.match(text, /^HTTP\/1\.1 503 [\s\S]*upstream connect error or disconnect\/reset before headers\. /)
  await settled('cluster.deaf.upstream_cx_connect_timeout', 1)
  await settled('cluster.deaf.upstream_cx_connect_fail', 1)
})

test('a breaker that is open answers at once and says so (E5)', async () => {
  const held: OriginConnection[] = []
  origin.reset(connection => void held.push(connection))
  const first = await RawClient.connect(port('breaker'))
  first.send(GET)
  await settled('cluster.breaker.upstream_rq_active', 1)
  const second = await RawClient.connect(port('breaker'))
  second.send(GET)
  assert.match(await second.until(text => text.includes('overflow')), /^HTTP\/1.1 503 .*x-envoy-overloaded: true/s)
  held[0]!.socket.write(OK)
  await first.until(text => text.endsWith('ok'))
  first.close()
  second.close()
})

test('a response that breaks off never looks complete (E3)', async () => {
  for (const head of ['content-length: 10\r\n\r\nabc', 'transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n']) {
    for (const end of ['end', 'resetAndDestroy'] as const) {
      origin.reset(({ socket }) => socket.write(`HTTP/1.1 200 OK\r\n${head}`, () => void socket[end]()))
      const text = await exchange(port('plain'), GET)
      assert.match(text, /^HTTP\/1.1 200 .*abc/s)
      assert.doesNotMatch(text, /\r\n0\r\n/)
    }
  }
})

test('an idle connection that the origin closes with the request on its way: the safe one goes again, the other not', async () => {
  const seen: string[] = []
  // Each connection serves one request; the next bytes on it find it closed.
  origin.reset((connection, piece) => {
    seen.push(piece.slice(0, piece.indexOf(' ')))
    if (connection.received === piece) connection.socket.write(OK)
    else connection.socket.destroy()
  })
  const client = await RawClient.connect(port('plain'))
  const ask = async (request: string, answers: number): Promise<void> => {
    client.send(request)
    await client.until(text => text.split('HTTP/1.1 ').length - 1 >= answers)
  }
  await ask(GET, 1)
  await ask(GET, 2)
  assert.deepEqual(seen, ['GET', 'GET', 'GET'])
  await ask('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\nx', 3)
  assert.deepEqual(seen.slice(3), ['POST'])
  assert.match(client.received, /200 OK.*200 OK.*503 /s)
  client.close()
})

test('10 MiB up and down through limits of 1 KiB: identical bytes (D4)', async () => {
  const body = Buffer.alloc(10 * MIB)
  for (let i = 0; i < body.length; i += 4) body.writeUInt32LE((i * 2654435761) >>> 0, i)
  origin.reset(({ socket, received }, piece) => {
    const headEnd = received.indexOf('\r\n\r\n') + 4
    if (received.length - piece.length < headEnd)
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n`)
    const from = Math.max(0, headEnd - (received.length - piece.length))
    socket.write(Buffer.from(piece.slice(from), 'latin1'))
  })
  const client = await RawClient.connect(port('narrow'))
  client.send(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${body.length}\r\n\r\n`)
  client.send(body)
  const text = await client.until(
    received => received.length > body.length && received.length - received.indexOf('\r\n\r\n') - 4 >= body.length,
  )
  const digest = (bytes: string | Buffer) =>
    createHash('sha256')
      .update(bytes as string, 'latin1')
      .digest('hex')
  assert.equal(digest(text.slice(text.indexOf('\r\n\r\n') + 4)), digest(body))
  client.close()
})

test('ten readers that do not read cost what the limits allow (D3)', {
  skip: process.platform !== 'linux',
}, async () => {
  const chunk = Buffer.alloc(MIB, 'z')
  origin.reset(({ socket }) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${256 * MIB}\r\n\r\n`)
    const more = (): void => {
      while (socket.writable && socket.write(chunk));
    }
    socket.on('drain', more)
    more()
  })
  const before = proxy.residentKb
  const clients = await Promise.all(Array.from({ length: 10 }, () => RawClient.connect(port('plain'))))
  for (const client of clients) {
    client.socket.pause()
    client.send(GET)
  }
  await settled('cluster.origin.upstream_rq_active', 10)
  const paused = async (): Promise<number> => await stat('cluster.origin.upstream_flow_control_paused_reading_total')
  const deadline = Date.now() + 5000
  while ((await paused()) < 10 && Date.now() < deadline) await new Promise(resolve => setImmediate(resolve))
  assert.ok((await paused()) >= 10)
  assert.ok(proxy.residentKb - before < 40 * 1024, `${before} -> ${proxy.residentKb} kB`)
  for (const client of clients) client.close()
  await settled('cluster.origin.upstream_rq_active', 0)
})

test('ten uploads that the origin does not read cost what the limits allow, and arrive whole (D3)', {
  skip: process.platform !== 'linux',
}, async () => {
  const chunk = Buffer.alloc(MIB, 'u')
  const chunks = 32
  const stalled: OriginConnection[] = []
  const arrived = new Map<OriginConnection, number>()
  let reading = false
  origin.reset((connection, piece) => {
    if (!arrived.has(connection)) {
      arrived.set(connection, -(connection.received.indexOf('\r\n\r\n') + 4))
      stalled.push(connection)
    }
    const bytes = arrived.get(connection)! + piece.length
    arrived.set(connection, bytes)
    connection.received = ''
    if (!reading) connection.socket.pause()
    if (bytes === chunks * MIB) connection.socket.write(OK)
  })
  const before = proxy.residentKb
  const clients = await Promise.all(Array.from({ length: 10 }, () => RawClient.connect(port('plain'))))
  for (const client of clients) {
    client.send(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${chunks * MIB}\r\n\r\n`)
    for (let i = 0; i < chunks; i++) client.send(chunk)
  }
  const paused = async (): Promise<number> =>
    await stat(`${prefix('plain')}downstream_flow_control_paused_reading_total`)
  const deadline = Date.now() + 10_000
  while ((await paused()) < 10 && Date.now() < deadline) await new Promise(resolve => setImmediate(resolve))
  assert.ok((await paused()) >= 10)
  assert.ok(proxy.residentKb - before < 40 * 1024, `${before} -> ${proxy.residentKb} kB`)
  reading = true
  for (const { socket } of stalled) socket.resume()
  for (const client of clients) assert.match(await client.until(text => text.endsWith('ok')), /^HTTP\/1\.1 200 OK/)
  for (const client of clients) client.close()
  await settled('cluster.origin.upstream_rq_active', 0)
})

test('clients that vanish, in the head, in the body, in the answer, leave nothing behind (D9, D10)', async () => {
  origin.reset(({ socket }) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc'))
  for (const bytes of ['GET / HT', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc', GET]) {
    for (const leave of ['destroy', 'resetAndDestroy', 'end'] as const) {
      const client = await RawClient.connect(port('plain'))
      client.send(bytes)
      if (bytes.includes('\r\n\r\n')) await client.until(text => text.includes('abc'))
      client.socket[leave]()
      if (leave === 'end') await client.untilEnd()
    }
  }
  await settled(`${prefix('plain')}downstream_cx_active`, 0)
  await settled(`${prefix('plain')}downstream_rq_active`, 0)
  await settled('cluster.origin.upstream_rq_active', 0)
})
