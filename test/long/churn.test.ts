// Many connections of one request each, with TLS too, then many streams of one connection (D11): what comes and goes leaves nothing.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import http2 from 'node:http2'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import tls from 'node:tls'
import { FrameData, FrameGoAway, MAX_STREAM_ID } from '../../src/http/codec/http2/constants.ts'
import { headers, request } from '../../src/http/codec/http2/testing/frames.ts'
import {
  bootstrap,
  freePorts,
  http2Start,
  httpListener,
  ProxyProcess,
  RawHttp2,
  staticCluster,
  TestAuthority,
} from '../harness/index.ts'

const CONNECTIONS = Number(process.env['CHURN_CONNECTIONS'] ?? 40_000)
const HANDSHAKES = Number(process.env['CHURN_HANDSHAKES'] ?? 4_000)
const STREAMS = Number(process.env['CHURN_STREAMS'] ?? 20_000)
const LANES = 32
/** Memory is told after the first fifth and at the end. */
const FIRST_PART = 0.2
/** The heap takes its size in the course of the first run: it is bounded. After that nothing may be added. */
const PLATEAU_KB = 96 * 1024
const GROWTH_KB = 24 * 1024

const CONTEXT = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext'
const GET = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'

/** One connection, one GET. Lanes have addresses of their own: closed connections keep their ports for a while. */
function visit(port: number, lane: number): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1', localAddress: `127.0.0.${lane + 2}` })
  socket.once('connect', () => socket.write(GET))
  return answered(socket)
}

/** The same with a full handshake of TLS: nothing of an earlier session is used. */
function visitSecurely(port: number, lane: number): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1', localAddress: `127.0.0.${lane + 2}` })
  const secure = tls.connect({ socket, rejectUnauthorized: false }, () => secure.write(GET))
  return answered(secure)
}

function answered(socket: Socket): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let received = ''
  socket.on('data', piece => {
    received += piece.toString('latin1')
    if (!received.endsWith('\r\n\r\nok')) return
    socket.destroy()
    if (received.startsWith('HTTP/1.1 200 OK\r\n')) resolve()
    else reject(new Error(received))
  })
  socket.on('error', reject)
  socket.on('close', () => reject(new Error(`closed after ${JSON.stringify(received)}`)))
  return promise
}

/** Calls `one` `count` times from as many lanes as there are; tells the memory after the first part and at the end. */
async function run(
  proxy: ProxyProcess,
  count: number,
  one: (lane: number) => Promise<void>,
): Promise<[number, number]> {
  let begun = 0
  let warmKb = 0
  const lane = async (_: unknown, index: number): Promise<void> => {
    while (begun < count) {
      if (++begun === Math.ceil(count * FIRST_PART)) warmKb = proxy.residentKb
      await one(index)
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  return [warmKb, proxy.residentKb]
}

describe('churn', { skip: process.platform !== 'linux' && 'reads memory from /proc' }, () => {
  const authority = new TestAuthority()
  const pair = authority.issue('localhost')
  let origin: Server
  let proxy: ProxyProcess
  let port = 0
  let tlsPort = 0

  before(async () => {
    origin = createServer((_, response) => response.end('ok')).listen(0, '127.0.0.1')
    await once(origin, 'listening')
    origin.unref()
    ;[port, tlsPort] = (await freePorts(2)) as [number, number]
    const secured = httpListener({ port: tlsPort }) as { filter_chains: object[] }
    const certificate = { certificate_chain: { filename: pair.cert }, private_key: { filename: pair.key } }
    const context = { '@type': CONTEXT, common_tls_context: { tls_certificates: [certificate] } }
    const chain = { ...secured.filter_chains[0], transport_socket: { name: 'tls', typed_config: context } }
    proxy = await ProxyProcess.start(
      bootstrap(
        [httpListener({ port }), { ...secured, filter_chains: [chain] }],
        [staticCluster('origin', (origin.address() as AddressInfo).port)],
      ),
    )
  })
  after(async () => {
    await proxy?.stop()
    origin.closeAllConnections()
    authority[Symbol.dispose]()
  })

  const check = async (
    [warmKb, endKb]: [number, number],
    limitKb: number,
    say: (text: string) => void,
  ): Promise<void> => {
    say(`resident ${Math.round(warmKb / 1024)} MiB after the first fifth, ${Math.round(endKb / 1024)} MiB at the end`)
    assert.ok(endKb - warmKb < limitKb, `grew by ${endKb - warmKb} KiB`)
    assert.deepEqual(await proxy.gaugesLeft(), [])
  }

  for (const [name, limitKb] of [
    ['', PLATEAU_KB],
    [', and as many again', GROWTH_KB],
  ] as const) {
    test(`${CONNECTIONS} connections of one GET each${name}`, async t => {
      const memory = await run(proxy, CONNECTIONS, lane => visit(port, lane))
      await check(memory, limitKb, text => t.diagnostic(text))
    })
  }

  for (const [name, limitKb] of [
    ['', PLATEAU_KB],
    [', and as many again', GROWTH_KB],
  ] as const) {
    test(`${HANDSHAKES} handshakes of TLS with one GET each${name}`, async t => {
      const memory = await run(proxy, HANDSHAKES, lane => visitSecurely(tlsPort, lane))
      await check(memory, limitKb, text => t.diagnostic(text))
    })
  }

  test(`${STREAMS} streams of one HTTP/2 connection`, async t => {
    const session = http2.connect(`http://127.0.0.1:${port}`)
    const memory = await run(proxy, STREAMS, async () => {
      const stream = session.request({ ':path': '/' })
      const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders & { ':status'?: number }]
      assert.equal(headers[':status'], 200)
      stream.resume()
      await once(stream, 'end')
    })
    session.close()
    await once(session, 'close')
    await check(memory, GROWTH_KB, text => t.diagnostic(text))
  })

  test('a client that has used up its stream ids begins no further one, and its connection ends with GOAWAY', async () => {
    using client = await RawHttp2.connect(port)
    client.send(http2Start(), headers(MAX_STREAM_ID - 2, request()), headers(MAX_STREAM_ID, request()))
    const answered = (id: number) =>
      client.until(frames => frames.some(frame => frame.id === id && frame.type === FrameData))
    assert.ok(await answered(MAX_STREAM_ID - 2))
    assert.ok(await answered(MAX_STREAM_ID))
    client.send(headers(1, request()))
    assert.ok(await client.untilEnd())
    assert.ok(client.frames.some(({ type }) => type === FrameGoAway))
    assert.deepEqual(await proxy.gaugesLeft(), [])
  })
})
