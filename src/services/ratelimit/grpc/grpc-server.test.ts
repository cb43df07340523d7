import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterEach, beforeEach, test } from 'node:test'
import { Clock, TimerWheel } from '../../../base/index.ts'
import { clientStart, data, describeFrames, headers, request } from '../../../http/codec/http2/testing/frames.ts'
import { grpcFrame } from '../../../http/index.ts'
import { ipAddress } from '../../../net/index.ts'
import { testThread } from '../../../net/testing.ts'
import type { GrpcCall } from './grpc-call.ts'
import { GrpcServer } from './grpc-server.ts'

const PSEUDO = { ':method': 'POST', ':path': '/s/Echo' }
const GRPC = [['content-type', 'application/grpc']] as const

let nowMs = 0
let tick = (): void => undefined
let server: GrpcServer
let port = 0
let waiting: GrpcCall[] = []
const clients: Client[] = []

/** Lets the server's time pass, in steps as short as its timers may need. */
function pass(ms: number): void {
  for (const end = nowMs + ms; nowMs < end; ) {
    nowMs += 100
    tick()
  }
}

beforeEach(async () => {
  nowMs = 1000
  waiting = []
  const clock = new Clock({ monotonicMs: () => nowMs, wallMs: () => nowMs })
  const ticks = {
    start: (_tickMs: number, work: () => void) => {
      tick = work
    },
    stop: () => undefined,
  }
  const thread = { ...testThread(), clock, timers: new TimerWheel(clock, ticks), random: () => 0.5 }
  const settings = { address: ipAddress('127.0.0.1', 0), maxAgeMs: 60_000, maxAgeGraceMs: 5000 }
  server = new GrpcServer(
    thread,
    settings,
    new Map([
      ['/s/Echo', (message, start, end, call) => call.respond(...framed(message.subarray(start, end)))],
      ['/s/Wait', (_message, _start, _end, call) => void waiting.push(call)],
    ]),
  )
  port = (await server.listening()).port
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.destroy()
  await server.drain(1000)
})

function framed(message: Buffer): [Buffer, number] {
  const frame = grpcFrame(message)
  return [frame, frame.length]
}

class Client {
  readonly socket: Socket
  private received = Buffer.alloc(0)
  private ended = false

  constructor() {
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.socket.on('data', (bytes: Buffer) => {
      this.received = Buffer.concat([this.received, bytes])
    })
    this.socket.once('close', () => {
      this.ended = true
    })
    this.socket.on('error', () => undefined)
    clients.push(this)
  }

  /** What the server wrote besides settings and windows, once it has so many frames, or has closed. */
  async frames(count: number): Promise<readonly string[]> {
    for (;;) {
      const all = describeFrames(this.received).filter(text => !/^(?:SETTINGS|WINDOW_UPDATE)/.test(text))
      if (this.ended) return [...all, 'closed']
      if (all.length >= count) return all
      await Promise.race([once(this.socket, 'data'), once(this.socket, 'close')])
    }
  }

  /** Text of the fields that the server sent as literals. */
  get text(): string {
    return this.received.toString('latin1')
  }

  call(id: number, body: Buffer, path = '/s/Echo'): void {
    this.socket.write(
      Buffer.concat([headers(id, request(GRPC, { ...PSEUDO, ':path': path }), false), data(id, body, true)]),
    )
  }
}

function open(): Client {
  const client = new Client()
  client.socket.write(clientStart())
  return client
}

test('a call in one piece, byte by byte, and with trailers of its own end', async () => {
  const client = open()
  client.call(1, grpcFrame(Buffer.from('hello')))
  assert.deepEqual(await client.frames(3), ['HEADERS 1', 'DATA 1 size 10', 'HEADERS 1 END'])
  const pieces = Buffer.concat([
    headers(3, request(GRPC, PSEUDO), false),
    ...[...grpcFrame(Buffer.from('hello'))].map(byte => data(3, Buffer.of(byte))),
    data(3, '', true),
  ])
  for (const byte of pieces) client.socket.write(Buffer.of(byte))
  assert.deepEqual((await client.frames(6)).slice(3), ['HEADERS 3', 'DATA 3 size 10', 'HEADERS 3 END'])
})

test('what is no unary gRPC call gets a status', async () => {
  const client = open()
  const two = Buffer.concat([grpcFrame(Buffer.from('a')), grpcFrame(Buffer.from('b'))])
  const cases: readonly (readonly [Buffer, string, string])[] = [
    [Buffer.alloc(0), '/s/Echo', 'the call ended before its message was complete'],
    [grpcFrame(Buffer.from('cut')).subarray(0, 6), '/s/Echo', 'the call ended before its message was complete'],
    [grpcFrame(Buffer.from('x'), 1), '/s/Echo', 'messages must come uncompressed'],
    [two, '/s/Echo', 'one message is expected, and more came'],
    [grpcFrame(Buffer.alloc(0)), '/s/Other', 'unknown method /s/Other'],
    [Buffer.from([0, 0, 2, 0, 0, 1]), '/s/Echo', 'a message is larger than 65536 bytes'],
  ]
  let id = 1
  for (const [body, path, message] of cases) {
    client.call(id, body, path)
    const frames = await client.frames((id + 1) / 2)
    assert.equal(frames.at(-1), `HEADERS ${id} END`, message)
    assert.ok(client.text.includes(message), message)
    id += 2
  }
  client.socket.write(headers(id, request([['content-type', 'text/plain']], { ':method': 'GET' })))
  assert.equal((await client.frames(cases.length + 1)).at(-1), `HEADERS ${id} END`)
  assert.ok(client.text.includes('415'))
})

test('what is no HTTP/2 ends the connection', async () => {
  for (const bytes of ['GET / HTTP/1.1\r\nhost: a\r\n\r\n', '\0'.repeat(100)]) {
    const client = new Client()
    client.socket.write(bytes)
    client.socket.end()
    assert.equal((await client.frames(99)).at(-1), 'closed')
  }
})

test('a client that is gone in the middle of its call leaves nothing', async () => {
  const client = open()
  client.call(1, grpcFrame(Buffer.alloc(0)), '/s/Wait')
  client.call(3, grpcFrame(Buffer.alloc(0)))
  await client.frames(3)
  client.socket.destroy()
  await once(client.socket, 'close')
  const other = open()
  other.call(1, grpcFrame(Buffer.alloc(0)))
  await other.frames(3)
  waiting[0]!.respond(...framed(Buffer.from('late')))
  assert.equal(waiting[0]!.over, true)
  other.call(3, grpcFrame(Buffer.alloc(0)))
  assert.equal((await other.frames(6)).length, 6)
})

test('who says nothing, or half a request, is not waited for; who is idle may stay', async () => {
  const silent = new Client()
  await once(silent.socket, 'connect')
  const half = open()
  half.socket.write(headers(1, request(GRPC, PSEUDO), false))
  half.call(3, grpcFrame(Buffer.alloc(0)))
  await half.frames(3)
  const idle = open()
  idle.call(1, grpcFrame(Buffer.alloc(0)))
  await idle.frames(3)
  pass(11_000)
  assert.deepEqual(await silent.frames(1), ['closed'])
  pass(40_000)
  assert.equal((await half.frames(99)).at(-1), 'closed')
  idle.call(3, grpcFrame(Buffer.alloc(0)))
  assert.equal((await idle.frames(6)).length, 6)
})

test('an old connection is announced to end, takes what is on its way, and ends with its last call', async () => {
  const client = open()
  client.call(1, grpcFrame(Buffer.alloc(0)), '/s/Wait')
  client.call(3, grpcFrame(Buffer.alloc(0)))
  await client.frames(3)
  pass(60_100)
  assert.equal((await client.frames(4)).at(-1), `GOAWAY 0 last ${2 ** 31 - 1} code 0`)
  client.call(5, grpcFrame(Buffer.alloc(0)))
  await client.frames(7)
  pass(1100)
  assert.equal((await client.frames(8)).at(-1), 'GOAWAY 0 last 5 code 0')
  waiting[0]!.respond(...framed(Buffer.from('done')))
  assert.deepEqual((await client.frames(99)).slice(8), ['HEADERS 1', 'DATA 1 size 9', 'HEADERS 1 END', 'closed'])
})

test('a drain waits for calls, and cuts those that take too long', async () => {
  const client = open()
  client.call(1, grpcFrame(Buffer.alloc(0)), '/s/Wait')
  client.call(3, grpcFrame(Buffer.alloc(0)))
  await client.frames(3)
  server.announceDrain()
  const drained = server.drain(20)
  assert.equal((await client.frames(99)).at(-1), 'closed')
  await drained
  await assert.rejects(once(connect(port, '127.0.0.1'), 'connect'), /ECONNREFUSED/)
})
