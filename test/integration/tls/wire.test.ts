// TLS as bytes: hellos in pieces, peers that do not speak it, ends and floods.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import net from 'node:net'
import { after, before, describe, test } from 'node:test'
import tls from 'node:tls'
import {
  bootstrap,
  exchange,
  freePorts,
  httpListener,
  ProxyProcess,
  RawClient,
  ScriptedOrigin,
  socketAddress,
  staticCluster,
  TestAuthority,
} from '../../harness/index.ts'
import {
  answer,
  downstreamTls,
  get,
  identity,
  LoggedLines,
  logged,
  pair,
  promptLogs,
  securedListener,
  tlsInspector,
  upstreamTls,
} from './kit.ts'

const authority = new TestAuthority()
after(() => authority[Symbol.dispose]())
const server = authority.issue('server.test')
const inner = authority.issue('inner.test')

const tcpProxy = (cluster: string): object => ({
  name: 'envoy.filters.network.tcp_proxy',
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
    stat_prefix: cluster,
    cluster,
  },
})

let proxy: ProxyProcess
let origin: ScriptedOrigin
let tlsOrigin: tls.Server
/** Answers over TLS and ends the TCP connection without a word of TLS. */
let cuttingOrigin: net.Server
let cutAnswer = ''
let [direct, inspected, byName, terminated, impatient, strange, clear] = [0, 0, 0, 0, 0, 0, 0]
before(async () => {
  ;[direct, inspected, byName, terminated, impatient, strange, clear] = (await freePorts(7)) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  origin = await ScriptedOrigin.start(() => undefined)
  tlsOrigin = tls.createServer(identity(inner), socket => socket.end(`inner saw ${String(socket.servername)}`))
  tlsOrigin.listen(0, '127.0.0.1')
  await once(tlsOrigin, 'listening')
  cuttingOrigin = net.createServer(carrier => {
    const socket = new tls.TLSSocket(carrier, { isServer: true, ...identity(inner) })
    socket.on('error', () => undefined)
    socket.once('data', () => socket.write(cutAnswer, () => carrier.end()))
  })
  cuttingOrigin.listen(0, '127.0.0.1')
  await once(cuttingOrigin, 'listening')
  const context = downstreamTls({ common_tls_context: { tls_certificates: [pair(server)] } })
  const access = (port: number): object => ({ access_log: [logged(String(port))] })
  const listeners = [
    securedListener({ port: direct, tls: context }),
    securedListener({ port: strange, tls: context, extra: access(strange) }),
    securedListener({
      port: inspected,
      tls: context,
      chain: { filter_chain_match: { server_names: ['server.test'], transport_protocol: 'tls' } },
      extra: { listener_filters: [tlsInspector] },
    }),
    {
      name: 'by-name',
      address: socketAddress(byName),
      listener_filters: [tlsInspector],
      filter_chains: [
        { filter_chain_match: { server_names: ['inner.test'] }, filters: [tcpProxy('inner')] },
        { filter_chain_match: { transport_protocol: 'raw_buffer' }, filters: [tcpProxy('plain')] },
      ],
    },
    {
      name: 'terminated',
      address: socketAddress(terminated),
      filter_chains: [{ filters: [tcpProxy('plain')], transport_socket: context }],
    },
    securedListener({
      port: impatient,
      tls: context,
      chain: { transport_socket_connect_timeout: '0.4s' },
      extra: access(impatient),
    }),
    httpListener({
      port: clear,
      routes: [{ match: { prefix: '/cut' }, route: { cluster: 'cutting' } }, answer('in the clear')],
    }),
  ]
  const clusters = [
    staticCluster('inner', (tlsOrigin.address() as net.AddressInfo).port),
    staticCluster('plain', origin.port),
    staticCluster('cutting', (cuttingOrigin.address() as net.AddressInfo).port, { transport_socket: upstreamTls({}) }),
  ]
  proxy = await ProxyProcess.start(bootstrap(listeners, clusters), { args: promptLogs })
})
after(async () => {
  await proxy[Symbol.asyncDispose]()
  await origin.close()
  tlsOrigin.close()
  cuttingOrigin.close()
})

/** The first bytes of a client that asks for server.test. */
async function clientHello(options: tls.ConnectionOptions = {}): Promise<Buffer> {
  const catcher = net.createServer()
  catcher.listen(0, '127.0.0.1')
  await once(catcher, 'listening')
  const client = tls.connect({
    port: (catcher.address() as net.AddressInfo).port,
    servername: 'server.test',
    ...options,
  })
  client.on('error', () => undefined)
  const [socket] = (await once(catcher, 'connection')) as [net.Socket]
  const [hello] = (await once(socket, 'data')) as [Buffer]
  client.destroy()
  socket.destroy()
  catcher.close()
  return hello
}

/** What a client gets whose hello reaches the proxy in pieces that end at these offsets. */
async function getInPieces(port: number, cuts: (size: number) => readonly number[]): Promise<string> {
  const relay = net.createServer({ noDelay: true }, async client => {
    const onward = net.connect({ port, host: '127.0.0.1', noDelay: true })
    client.on('error', () => onward.destroy())
    onward.on('error', () => client.destroy())
    await once(onward, 'connect')
    const [hello] = (await once(client, 'data')) as [Buffer]
    client.pause()
    let at = 0
    for (const cut of cuts(hello.length)) {
      onward.write(hello.subarray(at, cut))
      at = cut
      // So that the pieces come apart.
      for (let i = 0; i < 3; i++) await new Promise(resolve => setTimeout(resolve, 1))
    }
    onward.write(hello.subarray(at))
    client.pipe(onward)
    onward.pipe(client)
  })
  relay.listen(0, '127.0.0.1')
  await once(relay, 'listening')
  const answer = await get((relay.address() as net.AddressInfo).port, { servername: 'server.test' })
  relay.close()
  return answer
}

describe('a hello in two pieces, cut at every byte', () => {
  for (const kind of ['direct', 'inspected'] as const) {
    test(kind, async () => {
      const port = kind === 'direct' ? direct : inspected
      const size = (await clientHello()).length
      let next = 1
      const worker = async (): Promise<void> => {
        while (next < size) {
          const cut = next++
          assert.equal(await getInPieces(port, () => [cut]), 'ok', `cut at ${cut}`)
        }
      }
      await Promise.all(Array.from({ length: 16 }, worker))
    })

    test(`${kind}, byte by byte`, async () => {
      const port = kind === 'direct' ? direct : inspected
      assert.equal(await getInPieces(port, size => Array.from({ length: size - 1 }, (_, i) => i + 1)), 'ok')
    })
  }
})

test('what the inspector has read reaches a TLS origin behind tcp_proxy, whole', async () => {
  const client = tls.connect({
    port: byName,
    host: '127.0.0.1',
    servername: 'inner.test',
    ca: authority.read(authority.ca),
  })
  assert.equal(await RawClient.over(client).untilEnd(), 'inner saw inner.test')
  client.destroy()
})

test('what is not TLS is left as it is', async () => {
  origin.reset(({ socket }, piece) => socket.end(`got ${piece}`))
  assert.equal(await exchange(byName, 'hello?'), 'got hello?')
})

test('no filter chain for a name: the connection is closed', async () => {
  assert.notEqual(await get(byName, { servername: 'nobody.test' }), 'ok')
})

const SSLV2 = '802e0100020015000000100100800200800300800400800500800600400700c0080080'
const strangers: readonly (readonly [name: string, bytes: string | Buffer, reason: RegExp])[] = [
  ['a request of HTTP', 'GET / HTTP/1.1\r\nhost: a\r\n\r\n', /HTTP_REQUEST/],
  ['a request to a proxy', 'CONNECT a:1 HTTP/1.1\r\n\r\n', /HTTPS_PROXY_REQUEST/],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', /WRONG_VERSION_NUMBER/],
  ['noise', '\0\x01\x02\x03garbage garbage garbage garbage', /WRONG_VERSION_NUMBER/],
  ['a record that is too long', Buffer.from('160301ffff0100', 'hex'), /ENCRYPTED_LENGTH_TOO_LONG/],
  ['SSLv2', Buffer.from(SSLV2, 'hex'), /./],
  ['an alert', Buffer.from('15030100020228', 'hex'), /./],
]
let strangeLines: LoggedLines | undefined
for (const [name, bytes, reason] of strangers) {
  test(`${name} harms nobody`, async () => {
    strangeLines ??= new LoggedLines(proxy, String(strange))
    const scope = `listener.127.0.0.1_${strange}.ssl.connection_error`
    const before = (await proxy.stats(scope)).get(scope) ?? 0
    using client = await RawClient.connect(strange)
    client.send(bytes)
    // Some of it could be the beginning of a longer record.
    client.end()
    await client.untilEnd()
    const found = await strangeLines.next()
    assert.match(found, reason)
    if (found.startsWith('TLS_error')) await proxy.untilStat(scope, before + 1)
    assert.equal(await get(strange), 'ok')
    assert.equal(await strangeLines.next(), '-')
  })
}

for (const part of [0, 1, 5, 60, 0.5]) {
  test(`a hello that ends after ${part < 1 && part > 0 ? 'half of it' : `${part} bytes`}`, async () => {
    const hello = await clientHello()
    using client = await RawClient.connect(direct)
    client.send(hello.subarray(0, part < 1 ? Math.trunc(hello.length * part) : part))
    client.end()
    await client.untilEnd()
    assert.equal(await get(direct), 'ok')
  })
}

test('TLS on a port of plain text is answered 400, and the listener goes on', async () => {
  using client = await RawClient.connect(clear)
  client.send(await clientHello())
  assert.match(await client.untilEnd(), /^HTTP\/1.1 400 Bad Request\r\n/)
  assert.match(await exchange(clear, 'GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'), /in the clear$/)
})

for (const [what, last] of [
  ['without close_notify', ''],
  ['in the middle of a record', '17030300ff010203'],
] as const) {
  test(`a client that leaves ${what} is let go, and nobody else notices`, async () => {
    const gauge = `listener.127.0.0.1_${direct}.downstream_cx_active`
    const carrier = net.connect({ port: direct, host: '127.0.0.1' })
    const socket = tls.connect({ socket: carrier, rejectUnauthorized: false })
    socket.on('error', () => undefined)
    await once(socket, 'secureConnect')
    socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
    assert.match(String(await once(socket, 'data')), /^HTTP\/1.1 200/)
    await proxy.untilStat(gauge, 1)
    carrier.end(Buffer.from(last, 'hex'))
    await once(carrier, 'close')
    await proxy.untilStat(gauge, 0)
    assert.equal(await get(direct), 'ok')
  })
}

test('an origin that ends without close_notify: what has a length is whole, what is short of it is cut', async () => {
  const ask = (): Promise<string> => exchange(clear, 'GET /cut HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n')
  cutAnswer = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'
  assert.match(await ask(), /^HTTP\/1.1 200 OK\r\n[\s\S]*\r\n\r\nok$/)
  cutAnswer = 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok'
  const cut = await ask()
  assert.match(cut, /content-length: 9\r\n/)
  assert.match(cut, /\r\n\r\nok$/)
  cutAnswer = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n'
  assert.doesNotMatch(await ask(), /\r\n0\r\n\r\n$/)
})

test('versions that are too old', async () => {
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const
  assert.match(await get(direct, old), /alert protocol version/)
})

test('whoever never ends the handshake is cut off in time', async () => {
  const hello = await clientHello()
  const lines = new LoggedLines(proxy, String(impatient))
  for (const bytes of [Buffer.alloc(0), hello.subarray(0, 50), hello]) {
    const started = performance.now()
    using client = await RawClient.connect(impatient)
    client.send(bytes)
    await client.untilEnd()
    assert.ok(performance.now() - started > 300)
    await lines.next()
  }
  await proxy.untilStat(`listener.127.0.0.1_${impatient}.downstream_cx_transport_socket_connect_timeout`, 3)
  assert.equal(await get(impatient), 'ok')
})

test('nobody begins anew within a connection', async () => {
  const client = tls.connect({ port: direct, host: '127.0.0.1', rejectUnauthorized: false, maxVersion: 'TLSv1.2' })
  await once(client, 'secureConnect')
  client.on('error', () => undefined)
  const outcome = await new Promise(resolve => {
    client.on('close', () => resolve('closed'))
    client.renegotiate({ rejectUnauthorized: false }, error => resolve(error === null ? 'done' : 'refused'))
  })
  assert.notEqual(outcome, 'done')
  client.destroy()
  assert.equal(await get(direct), 'ok')
})

/** A client that may end its side alone; types do not know that option. */
function secure(port: number, more: tls.ConnectionOptions = {}): tls.TLSSocket {
  const options = { port, host: '127.0.0.1', rejectUnauthorized: false, allowHalfOpen: true, ...more }
  return tls.connect(options)
}

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`one side may end while the other goes on, ${maxVersion}`, async () => {
    let finish: (() => void) | undefined
    origin.reset(({ socket }) => {
      socket.removeAllListeners('end')
      socket.once('end', () => {
        finish = () => socket.end('and later')
        socket.write('first ')
      })
    })
    const socket = secure(terminated, { maxVersion })
    const client = RawClient.over(socket)
    client.send('question')
    client.end()
    await client.until(text => text.length > 0)
    finish!()
    assert.equal(await client.untilEnd(), 'first and later')
    assert.equal(origin.received, 'question')
    socket.destroy()
  })
}

const flood = Buffer.alloc(1 << 20, 'the quick brown fox ')
const digest = (bytes: string | Buffer): string => createHash('sha256').update(bytes).digest('hex')

test('everything that was written before the end arrives, and a clean end behind it', async () => {
  origin.reset(({ socket }) => {
    for (let i = 0; i < 24; i++) socket.write(flood)
    socket.end()
  })
  const socket = secure(terminated)
  const errors: unknown[] = []
  socket.on('error', error => errors.push(error))
  socket.write('go')
  const hash = createHash('sha256')
  let size = 0
  socket.on('data', (piece: Buffer) => {
    size += piece.length
    hash.update(piece)
  })
  await once(socket, 'end')
  assert.equal(size, 24 * flood.length)
  const expected = createHash('sha256')
  for (let i = 0; i < 24; i++) expected.update(flood)
  assert.equal(hash.digest('hex'), expected.digest('hex'))
  assert.deepEqual(errors, [])
  socket.destroy()
})

test('everything that a client sends arrives, in pieces of any size', async () => {
  const parts = Array.from({ length: 400 }, (_, i) => flood.subarray(0, (i * 997) % 70_000))
  const whole = Buffer.concat(parts)
  origin.reset(connection => {
    if (connection.received.length === whole.length)
      connection.socket.end(digest(Buffer.from(connection.received, 'latin1')))
  })
  const client = RawClient.over(secure(terminated))
  for (const part of parts) client.send(part)
  assert.equal(await client.untilEnd(), digest(whole))
  client.close()
})

test('who does not read is not read for', async () => {
  const most = 96
  let sent = 0
  origin.reset(({ socket }) => {
    const more = (): void => {
      while (sent < most) {
        sent++
        if (!socket.write(flood)) {
          socket.once('drain', more)
          return
        }
      }
      socket.end()
    }
    more()
  })
  const socket = secure(terminated)
  socket.pause()
  socket.write('go')
  let [last, still] = [-1, 0]
  while (still < 20) {
    await new Promise(resolve => setTimeout(resolve, 20))
    still = sent === last ? still + 1 : 0
    last = sent
  }
  assert.ok(sent < most / 2, `${sent} MiB went to a client that reads nothing`)
  let size = 0
  socket.on('data', (piece: Buffer) => {
    size += piece.length
  })
  socket.resume()
  await once(socket, 'end')
  assert.equal(size, most * flood.length)
  socket.destroy()
})

test('a client that is reset mid-flood takes nobody with it', async () => {
  origin.reset(({ socket }) => {
    for (let i = 0; i < 8; i++) socket.write(flood)
  })
  const carrier = net.connect({ port: terminated, host: '127.0.0.1' })
  const socket = tls.connect({ socket: carrier, rejectUnauthorized: false })
  socket.on('error', () => undefined)
  socket.write('go')
  await once(socket, 'data')
  carrier.resetAndDestroy()
  assert.equal(await get(direct), 'ok')
})
