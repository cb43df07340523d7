// WebSockets of a real client and server, through every pair of protocols.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { bootstrap, freePorts, httpListener, ProxyProcess, staticCluster } from '../harness/index.ts'

const servers: WebSocketServer[] = []
after(() => {
  for (const server of servers) server.close()
})

async function echoServer(): Promise<number> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  servers.push(server)
  server.on('connection', socket => {
    socket.on('error', () => socket.terminate())
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const allowing = { upgrade_configs: [{ upgrade_type: 'websocket' }], http2_protocol_options: { allow_connect: true } }
const overHttp2 = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      explicit_http_config: { http2_protocol_options: { allow_connect: true } },
    },
  },
}
const to = (cluster: string): object => ({ match: { prefix: '/' }, route: { cluster } })

/** Sends texts and a large message and waits for all of them to come back. */
async function converse(port: number): Promise<void> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/chat?room=1`)
  await once(socket, 'open')
  for (const text of ['hello', '', 'ünïcödé']) {
    socket.send(text)
    const [data] = (await once(socket, 'message')) as [Buffer]
    assert.equal(data.toString(), text)
  }
  const big = randomBytes(3 * 1024 * 1024)
  socket.send(big)
  const [back] = (await once(socket, 'message')) as [Buffer]
  assert.equal(createHash('sha256').update(back).digest('hex'), createHash('sha256').update(big).digest('hex'))
  socket.close(4321, 'done')
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer]
  assert.deepEqual([code, reason.toString()], [4321, 'done'])
}

test('HTTP/1.1 all the way, and with HTTP/2 on one or two of the hops', async () => {
  const [direct, first, second, third] = (await freePorts(4)) as [number, number, number, number]
  // first -h2-> second -h2-> third -h1-> server: from h1 to h2, from h2 to h2, from h2 to h1.
  const config = bootstrap(
    [
      httpListener({ port: direct, hcm: allowing, routes: [to('server')] }),
      httpListener({ port: first, hcm: allowing, routes: [to('second')] }),
      httpListener({ port: second, hcm: allowing, routes: [to('third')] }),
      httpListener({ port: third, hcm: allowing, routes: [to('server')] }),
    ],
    [
      staticCluster('server', await echoServer()),
      staticCluster('second', second, overHttp2),
      staticCluster('third', third, overHttp2),
    ],
  )
  await using proxy = await ProxyProcess.start(config)
  await converse(direct)
  await converse(first)
  const stats = await proxy.stats('upgrades|rq_active')
  for (const port of [direct, first, second, third]) {
    assert.equal(stats.get(`http.in_${port}.downstream_cx_upgrades_total`), 1, `listener ${port}`)
    assert.equal(stats.get(`http.in_${port}.downstream_cx_upgrades_active`), 0)
    assert.equal(stats.get(`http.in_${port}.downstream_rq_active`), 0)
  }
})

test('an HTTP/2 client opens one by extended CONNECT, and is refused where it is not allowed', async () => {
  const [open, shut] = (await freePorts(2)) as [number, number]
  const config = bootstrap(
    [
      httpListener({ port: open, hcm: allowing, routes: [to('server')] }),
      httpListener({ port: shut, hcm: { http2_protocol_options: { allow_connect: true } }, routes: [to('server')] }),
    ],
    [staticCluster('server', await echoServer())],
  )
  await using _proxy = await ProxyProcess.start(config)
  const request = {
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':path': '/chat',
    ':scheme': 'http',
    ':authority': 'x',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  }
  for (const [port, status] of [
    [open, 200],
    [shut, 403],
  ] as const) {
    const session = http2.connect(`http://127.0.0.1:${port}`)
    await once(session, 'remoteSettings')
    const stream = session.request(request)
    const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders & { ':status'?: number }]
    assert.equal(headers[':status'], status)
    assert.equal(headers['upgrade'], undefined)
    if (status === 200) {
      // One masked text frame "hi"; the server's comes back unmasked.
      stream.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]))
      const [frame] = (await once(stream, 'data')) as [Buffer]
      assert.deepEqual([...frame], [0x81, 2, 0x68, 0x69])
    }
    session.destroy()
  }
})
