// Everything at once for a while (D11 of the attacks): HTTP/1.1 and HTTP/2, with and without TLS, connections of one request,
// HTTP/2 to the origin, WebSockets, raw TCP, big bodies, slow readers, clients that leave. Memory does not climb, nothing fails, nothing is left behind.
// SOAK_MS: how long; a minute by default, as long as one likes.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import http2 from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import tls from 'node:tls'
import { WebSocket, WebSocketServer } from 'ws'
import {
  bootstrap,
  freePorts,
  httpListener,
  ProxyProcess,
  parseResponses,
  RawClient,
  socketAddress,
  staticCluster,
  TestAuthority,
} from '../harness/index.ts'

const SOAK_MS = Number(process.env['SOAK_MS'] ?? 60_000)
const SAMPLE_MS = 1000
/** The lowest of so many samples counts: what a collection is about to free is no growth. */
const SAMPLES_PER_LOW = 5
/** The beginning, while the heap takes its size, does not count. */
const WARM_UP = 0.4
/** KiB per minute; a short run has seen little of the heap's breathing. */
const SLOPE_LIMIT_KB = SOAK_MS >= 300_000 ? 1024 : 15 * 1024
const BIG_BYTES = 4 << 20
const SLOW_BYTES = 1 << 20
const SLOW_PAUSE_MS = 20
const TCP_PROXY = 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy'
const OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
const CONTEXT = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext'

const BIG = Buffer.alloc(BIG_BYTES)
for (let i = 0; i < BIG.length; i += 4) BIG.writeUInt32LE((i * 2654435761) >>> 0, i)
const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const BIG_DIGEST = digest(BIG)

/** `/echo` gives back, `/big` is big, `/slow` takes its time, others are short. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  response.on('error', () => undefined)
  if (request.url === '/echo') request.pipe(response)
  else if (request.url === '/big') response.end(BIG)
  else if (request.url === '/slow') setTimeout(() => response.end('slow'), 50)
  else response.end('ok')
}

/** Least squares over equal steps: growth per step. */
function slope(values: readonly number[]): number {
  const middle = (values.length - 1) / 2
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const rise = values.reduce((sum, value, i) => sum + (i - middle) * (value - mean), 0)
  return rise / values.reduce((sum, _, i) => sum + (i - middle) ** 2, 0)
}

describe('soak', { skip: process.platform !== 'linux' && 'reads memory from /proc' }, () => {
  const authority = new TestAuthority()
  const certificate = authority.issue('localhost', { sans: 'DNS:localhost' })
  const counts = new Map<string, number>()
  const failures: string[] = []
  let origin: Server
  let proxy: ProxyProcess
  let port = 0
  let tlsPort = 0
  let tcpPort = 0
  let overPort = 0
  let webSockets: WebSocketServer
  let http2Origin: http2.Http2Server
  let running = true

  before(async () => {
    origin = createServer(answer).listen(0, '127.0.0.1')
    await once(origin, 'listening')
    origin.unref()
    http2Origin = http2.createServer((request, response) => void request.pipe(response)).listen(0, '127.0.0.1')
    await once(http2Origin, 'listening')
    webSockets = new WebSocketServer({ server: origin })
    webSockets.on('connection', socket => {
      socket.on('error', () => socket.terminate())
      socket.on('message', data => socket.send(data))
    })
    ;[port, tlsPort, tcpPort, overPort] = (await freePorts(4)) as [number, number, number, number]
    const originPort = (origin.address() as AddressInfo).port
    const tcp = { '@type': TCP_PROXY, stat_prefix: 'tcp', cluster: 'origin' }
    const tcpListener = {
      name: 'tcp',
      address: socketAddress(tcpPort),
      filter_chains: [{ filters: [{ name: 'tcp', typed_config: tcp }] }],
    }
    const over = httpListener({ port: overPort, routes: [{ match: { prefix: '/' }, route: { cluster: 'http2' } }] })
    const http2Cluster = staticCluster('http2', (http2Origin.address() as AddressInfo).port, {
      typed_extension_protocol_options: {
        [OPTIONS]: { '@type': `type.googleapis.com/${OPTIONS}`, explicit_http_config: { http2_protocol_options: {} } },
      },
    })
    const pair = { certificate_chain: { filename: certificate.cert }, private_key: { filename: certificate.key } }
    const context = {
      '@type': CONTEXT,
      common_tls_context: { tls_certificates: [pair], alpn_protocols: ['h2', 'http/1.1'] },
    }
    const listener = httpListener({ port: tlsPort }) as { filter_chains: object[] }
    const chain = { ...listener.filter_chains[0], transport_socket: { name: 'tls', typed_config: context } }
    proxy = await ProxyProcess.start(
      bootstrap(
        [
          httpListener({ port, hcm: { upgrade_configs: [{ upgrade_type: 'websocket' }] } }),
          { ...listener, filter_chains: [chain] },
          tcpListener,
          over,
        ],
        [staticCluster('origin', originPort), http2Cluster],
      ),
    )
  })
  after(async () => {
    await proxy?.stop()
    webSockets.close()
    origin.closeAllConnections()
    http2Origin.close()
    authority[Symbol.dispose]()
  })

  const secure = (ALPNProtocols: readonly string[]): Socket =>
    tls.connect({
      port: tlsPort,
      servername: 'localhost',
      ca: readFileSync(authority.ca),
      ALPNProtocols: [...ALPNProtocols],
    })
  const GET = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`
  const answered = (text: string): boolean => text.endsWith('\r\n\r\nok')

  async function keepAlive(client: RawClient): Promise<void> {
    for (let i = 0; i < 50; i++) {
      client.received = ''
      client.send(GET('/'))
      assert.match(await client.until(answered), /^HTTP\/1.1 200 OK/)
    }
    client.close()
  }

  async function streams(session: http2.ClientHttp2Session): Promise<void> {
    const one = async (path: string): Promise<number> => {
      const stream = session.request({ ':path': path })
      let bytes = 0
      stream.on('data', piece => (bytes += piece.length))
      await once(stream, 'end')
      return bytes
    }
    for (let i = 0; i < 20; i++) {
      const sizes = await Promise.all(Array.from({ length: 10 }, () => one('/')))
      assert.ok(sizes.every(size => size === 2))
    }
    assert.equal(await one('/big'), BIG_BYTES)
    // One that is given up while it is under way.
    const last = session.request({ ':path': '/big' })
    last.on('error', () => undefined)
    await once(last, 'response')
    last.close(http2.constants.NGHTTP2_CANCEL)
    await once(last, 'close')
    session.close()
    await once(session, 'close')
  }

  const KINDS: Readonly<Record<string, () => Promise<void>>> = {
    'HTTP/1.1': async () => keepAlive(await RawClient.connect(port)),
    'HTTP/1.1, TLS': () => keepAlive(RawClient.over(secure(['http/1.1']))),
    'HTTP/2': () => streams(http2.connect(`http://127.0.0.1:${port}`)),
    'HTTP/2, TLS': () => streams(http2.connect('https://localhost', { createConnection: () => secure(['h2']) })),
    'one request': async () => {
      using client = await RawClient.connect(port)
      client.send(GET('/'))
      assert.match(await client.until(answered), /^HTTP\/1.1 200 OK/)
    },
    echo: async () => {
      using client = await RawClient.connect(port)
      client.send(`POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: ${BIG_BYTES}\r\nconnection: close\r\n\r\n`)
      client.send(BIG)
      const [response] = parseResponses(await client.untilEnd())
      assert.equal(digest(Buffer.from(response?.body ?? '', 'latin1')), BIG_DIGEST)
    },
    TCP: async () => keepAlive(await RawClient.connect(tcpPort)),
    'HTTP/2 to the origin': async () => {
      using client = await RawClient.connect(overPort)
      client.send(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${BIG_BYTES}\r\nconnection: close\r\n\r\n`)
      client.send(BIG)
      const [response] = parseResponses(await client.untilEnd())
      assert.equal(digest(Buffer.from(response?.body ?? '', 'latin1')), BIG_DIGEST)
    },
    WebSocket: async () => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/`)
      await once(socket, 'open')
      for (let i = 0; i < 5; i++) {
        socket.send(BIG.subarray(0, SLOW_BYTES))
        const [back] = (await once(socket, 'message')) as [Buffer]
        assert.equal(back.length, SLOW_BYTES)
      }
      socket.close()
      await once(socket, 'close')
    },
    'slow reader': async () => {
      using client = await RawClient.connect(port)
      client.send(GET('/big'))
      for (let next = SLOW_BYTES; next < BIG_BYTES; next += SLOW_BYTES) {
        await client.until(text => text.length >= next)
        client.socket.pause()
        await sleep(SLOW_PAUSE_MS)
        client.socket.resume()
      }
      await client.until(text => text.length > BIG_BYTES)
    },
    'gone in the answer': async () => {
      const client = await RawClient.connect(port)
      client.send(GET('/big'))
      await client.until(text => text.length > 0)
      client.socket.resetAndDestroy()
    },
    'gone in the request': async () => {
      const client = await RawClient.connect(port)
      client.send('POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 9999999\r\n\r\nxxxx')
      await sleep(5)
      client.close()
    },
    'gone while waiting': async () => {
      const client = await RawClient.connect(port)
      client.send(GET('/slow'))
      await sleep(5)
      client.close()
    },
  }

  async function loop(kind: string, one: () => Promise<void>): Promise<void> {
    while (running) {
      await one().then(
        () => counts.set(kind, (counts.get(kind) ?? 0) + 1),
        (error: Error) => failures.push(`${kind}: ${error.message}`),
      )
      await sleep(SLOW_PAUSE_MS)
    }
  }

  test(`${SOAK_MS} ms`, async t => {
    const loops = Object.entries(KINDS).map(([kind, one]) => loop(kind, one))
    const samples: number[] = []
    const end = performance.now() + SOAK_MS
    while (performance.now() < end && failures.length === 0) {
      await sleep(SAMPLE_MS)
      samples.push(proxy.residentKb)
    }
    running = false
    await Promise.all(loops)
    assert.deepEqual(failures, [])
    const lows: number[] = []
    for (let i = 0; i < samples.length; i += SAMPLES_PER_LOW)
      lows.push(Math.min(...samples.slice(i, i + SAMPLES_PER_LOW)))
    const perStep = slope(lows.slice(Math.floor(lows.length * WARM_UP)))
    const perMinute = (perStep * 60_000) / (SAMPLES_PER_LOW * SAMPLE_MS)
    t.diagnostic(
      `${JSON.stringify(Object.fromEntries(counts))}; resident ${Math.round(samples[0]! / 1024)} to ` +
        `${Math.round(samples.at(-1)! / 1024)} MiB, ${Math.round(perMinute)} KiB per minute`,
    )
    assert.equal(counts.size, Object.keys(KINDS).length)
    assert.ok(perMinute < SLOPE_LIMIT_KB, `memory climbs by ${Math.round(perMinute)} KiB per minute`)
    assert.deepEqual(await proxy.gaugesLeft(), [])
  })
})
