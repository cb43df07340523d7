// HTTP/2 and HTTP/1.1 between each other, with Node's own HTTP/2 and HTTP/1.1 as clients and origins.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer as createHttp1 } from 'node:http'
import http2 from 'node:http2'
import { type AddressInfo, connect as connectTcp, createServer as createTcp, type Server, type Socket } from 'node:net'
import { after, test } from 'node:test'
import { bootstrap, freePorts, httpListener, ProxyProcess, staticCluster } from '../harness/index.ts'

const servers: Server[] = []
const sessions = new Set<{ destroy(): void }>()
after(() => {
  for (const session of sessions) session.destroy()
  for (const server of servers) server.close()
})

const protocolOptions = (config: object): object => ({
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      ...config,
    },
  },
})
const overHttp2 = (options: object = {}): object =>
  protocolOptions({ explicit_http_config: { http2_protocol_options: options } })

async function listen(server: Server): Promise<number> {
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** Says what it received: method, path, authority and the body's digest; with trailers of its own. */
function echoHttp2(): http2.Http2Server {
  const server = http2.createServer()
  server.on('session', session => sessions.add(session))
  server.on('stream', async (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => {
    stream.on('error', () => stream.destroy())
    const hash = createHash('sha256')
    try {
      for await (const part of stream) hash.update(part as Buffer)
    } catch {
      return
    }
    if (stream.destroyed) return
    stream.respond({ ':status': 200, 'x-path': String(headers[':path']) }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-end': 'yes' }))
    stream.end(hash.digest('hex'))
  })
  return server
}

interface Answer {
  readonly headers: http2.IncomingHttpHeaders & { ':status'?: number }
  readonly body: string
  readonly trailers: Record<string, unknown>
}

async function ask(session: http2.ClientHttp2Session, headers: object, body?: Buffer): Promise<Answer> {
  const stream = session.request(headers as http2.OutgoingHttpHeaders, { endStream: body === undefined })
  if (body !== undefined) stream.end(body)
  let trailers: Record<string, unknown> = {}
  stream.on('trailers', received => {
    trailers = received
  })
  const [received] = (await once(stream, 'response')) as [Answer['headers']]
  const parts: Buffer[] = []
  for await (const part of stream) parts.push(part as Buffer)
  return { headers: received, body: Buffer.concat(parts).toString(), trailers }
}

function connect(port: number, options: http2.ClientSessionOptions = {}): http2.ClientHttp2Session {
  const session = http2.connect(`http://127.0.0.1:${port}`, options)
  sessions.add(session)
  return session
}

test('a hundred requests at once, with bodies and trailers, over one connection each way', async () => {
  const [port] = (await freePorts(1)) as [number]
  const origin = await listen(echoHttp2())
  const config = bootstrap([httpListener({ port })], [staticCluster('origin', origin, overHttp2())])
  await using proxy = await ProxyProcess.start(config)
  const session = connect(port)
  const answers = await Promise.all(
    Array.from({ length: 100 }, async (_, i) => {
      const body = randomBytes(i * 1000)
      const answer = await ask(session, { ':method': 'POST', ':path': `/${i}`, 'x-n': String(i) }, body)
      return answer.body === createHash('sha256').update(body).digest('hex') && answer
    }),
  )
  for (const [i, answer] of answers.entries()) {
    assert.ok(answer)
    assert.equal(answer.headers[':status'], 200)
    assert.equal(answer.headers['x-path'], `/${i}`)
    assert.equal(answer.trailers['x-end'], 'yes')
  }
  const stats = await proxy.stats('')
  assert.equal(stats.get(`http.in_${port}.downstream_rq_http2_total`), 100)
  assert.equal(stats.get(`http.in_${port}.downstream_cx_http2_total`), 1)
  assert.equal(stats.get('cluster.origin.upstream_cx_http2_total'), 1)
  assert.equal(stats.get('cluster.origin.upstream_rq_active'), 0)
  session.close()
})

test('from HTTP/2 to HTTP/1.1 and from HTTP/1.1 to HTTP/2, each by the protocol of its cluster', async () => {
  const [port, plainPort] = (await freePorts(2)) as [number, number]
  const plain = createHttp1((request, response) => {
    const { method, url, headers } = request
    response.setHeader('x-got', `${method} ${url} ${headers['host']}`)
    request.pipe(response)
  })
  const config = bootstrap(
    [
      httpListener({ port }),
      httpListener({ port: plainPort, routes: [{ match: { prefix: '/' }, route: { cluster: 'other' } }] }),
    ],
    [staticCluster('origin', await listen(plain)), staticCluster('other', await listen(echoHttp2()), overHttp2())],
  )
  await using _proxy = await ProxyProcess.start(config)
  const body = randomBytes(300_000)
  const session = connect(port)
  const stream = session.request({ ':method': 'PUT', ':path': '/up?q=1', ':authority': 'a.test' })
  stream.end(body)
  const [head] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders]
  assert.equal(head['x-got'], 'PUT /up?q=1 a.test')
  assert.equal(head['connection'], undefined)
  assert.equal(head['transfer-encoding'], undefined)
  const parts: Buffer[] = []
  for await (const part of stream) parts.push(part as Buffer)
  assert.ok(Buffer.concat(parts).equals(body))
  session.close()
  const answer = await fetch(`http://127.0.0.1:${plainPort}/down`, { method: 'POST', body })
  assert.equal(answer.headers.get('x-path'), '/down')
  assert.equal(await answer.text(), createHash('sha256').update(body).digest('hex'))
})

test('the upstream speaks what the client speaks, where the cluster says so', async () => {
  const [port] = (await freePorts(1)) as [number]
  // One port for both: the first bytes tell.
  const two = await listen(echoHttp2())
  const one = await listen(createHttp1((_request, response) => response.end('one')))
  const origin = createTcp(socket => {
    socket.once('data', data => {
      const target = connectTcp(data.toString('latin1').startsWith('PRI *') ? two : one, '127.0.0.1')
      target.write(data)
      for (const each of [socket, target]) each.on('error', () => each.destroy())
      socket.pipe(target).pipe(socket)
    })
  })
  const cluster = staticCluster('origin', await listen(origin), protocolOptions({ use_downstream_protocol_config: {} }))
  await using proxy = await ProxyProcess.start(bootstrap([httpListener({ port })], [cluster]))
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'one')
  const session = connect(port)
  assert.equal((await ask(session, { ':path': '/two' })).headers['x-path'], '/two')
  session.close()
  const stats = await proxy.stats('upstream_cx_http')
  assert.equal(stats.get('cluster.origin.upstream_cx_http1_total'), 1)
  assert.equal(stats.get('cluster.origin.upstream_cx_http2_total'), 1)
})

test('the peer allows two streams at once: the others wait for more connections, and all are answered', async () => {
  const [port] = (await freePorts(1)) as [number]
  const server = http2.createServer({ settings: { maxConcurrentStreams: 2 } })
  server.on('session', session => sessions.add(session))
  let most = 0
  let open = 0
  server.on('stream', (stream: http2.ServerHttp2Stream) => {
    most = Math.max(most, ++open)
    setImmediate(() => {
      open--
      stream.respond({ ':status': 200 })
      stream.end('ok')
    })
  })
  const cluster = staticCluster('origin', await listen(server), overHttp2())
  await using proxy = await ProxyProcess.start(bootstrap([httpListener({ port })], [cluster]))
  const session = connect(port)
  const answers = await Promise.all(Array.from({ length: 40 }, () => ask(session, { ':path': '/' })))
  assert.ok(answers.every(({ headers }) => headers[':status'] === 200))
  const stats = await proxy.stats('cluster.origin.upstream_rq')
  assert.equal(stats.get('cluster.origin.upstream_rq_total'), 40)
  assert.equal(stats.get('cluster.origin.upstream_rq_active'), 0)
  assert.equal(stats.get('cluster.origin.upstream_rq_pending_active'), 0)
  session.close()
})

test('an origin that says GOAWAY finishes what it took; what it did not take goes elsewhere, once', async () => {
  const [port] = (await freePorts(1)) as [number]
  const seen: string[] = []
  let sessionsSeen = 0
  const server = http2.createServer()
  server.on('session', session => {
    sessions.add(session)
    const number = ++sessionsSeen
    session.on('stream', (stream, headers) => {
      stream.on('error', () => {})
      const path = String(headers[':path'])
      if (number === 1 && path === '/first') {
        seen.push(path)
        stream.respond({ ':status': 200 })
        stream.end('first')
        return
      }
      if (number === 1) {
        // Everything above stream 1 is refused as if it had never arrived.
        session.goaway(0, 1)
        return
      }
      seen.push(path)
      stream.respond({ ':status': 200 })
      stream.end('again')
    })
  })
  const cluster = staticCluster('origin', await listen(server), overHttp2())
  await using proxy = await ProxyProcess.start(bootstrap([httpListener({ port })], [cluster]))
  const session = connect(port)
  assert.equal((await ask(session, { ':path': '/first' })).body, 'first')
  const posted = await ask(session, { ':method': 'POST', ':path': '/second' }, Buffer.from('body'))
  assert.equal(posted.headers[':status'], 200, posted.body)
  assert.deepEqual(seen, ['/first', '/second'])
  assert.equal((await proxy.stats('close_notify')).get('cluster.origin.upstream_cx_close_notify'), 1)
  session.close()
})

/** A frame of HTTP/2 by hand, for a client that does not read. */
function frame(type: number, flags: number, id: number, body: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(body.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(id, 5)
  return Buffer.concat([head, body])
}

test('a client that opens large windows and does not read holds every origin back, those of late streams too', async () => {
  const [port] = (await freePorts(1)) as [number]
  let sent = 0
  const piece = Buffer.alloc(65536, 'x')
  const origin = createTcp((socket: Socket) => {
    socket.on('error', () => socket.destroy())
    socket.once('data', () => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${piece.length * 1024}\r\n\r\n`)
      const go = (): void => {
        do sent += piece.length
        while (socket.write(piece) && sent < piece.length * 1024)
        socket.once('drain', go)
      }
      go()
    })
  })
  const config = bootstrap([httpListener({ port })], [staticCluster('origin', await listen(origin))])
  await using proxy = await ProxyProcess.start(config)
  const socket = connectTcp(port, '127.0.0.1')
  socket.on('error', () => socket.destroy())
  socket.pause()
  const window = Buffer.alloc(6)
  window.writeUInt16BE(4, 0)
  window.writeUInt32BE(0x7fff0000, 2)
  const head = Buffer.concat([Buffer.from([0x82, 0x86, 0x84, 0x01, 4]), Buffer.from('test')])
  socket.write(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'))
  socket.write(Buffer.concat([frame(4, 0, 0, window), frame(8, 0, 0, window.subarray(2))]))
  for (let id = 1; id <= 9; id += 2) socket.write(frame(1, 5, id, head))
  const paused = async (): Promise<number> =>
    (await proxy.stats('paused_reading')).get('cluster.origin.upstream_flow_control_paused_reading_total') ?? 0
  while ((await paused()) < 5);
  for (let id = 11; id <= 19; id += 2) socket.write(frame(1, 5, id, head))
  while ((await paused()) < 10);
  const before = (await proxy.stats('upstream_cx_rx')).get('cluster.origin.upstream_cx_rx_bytes_total') ?? 0
  for (let i = 0; i < 20; i++) await proxy.stats('paused_reading')
  const later = (await proxy.stats('upstream_cx_rx')).get('cluster.origin.upstream_cx_rx_bytes_total') ?? 0
  assert.equal(later, before, 'nothing more is read while the client does not')
  assert.ok(before < 32 * 1024 * 1024, `${before} bytes were taken in`)
  socket.destroy()
})
