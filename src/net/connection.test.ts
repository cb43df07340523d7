import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import net from 'node:net'
import { describe, it } from 'node:test'
import { ipAddress } from './address.ts'
import { type CloseEvent, CloseFlush, CloseFlushAndDelay, CloseNoFlush } from './close-kind.ts'
import { connect } from './connect.ts'
import type { Connection } from './connection.ts'
import type { ConnectionReader } from './connection-contract.ts'
import { connectedPair, testThread } from './testing.ts'
import { BULK_BYTES } from './thread-buffers.ts'

/** A reader that does what a test tells it to. */
class Reader implements ConnectionReader {
  data: (data: Buffer, start: number, end: number) => void = () => {}
  end: () => void = () => {}
  readonly connected = Promise.withResolvers<void>()
  readonly closed = Promise.withResolvers<{ event: CloseEvent; errno: string | null }>()

  onData(data: Buffer, start: number, end: number): void {
    this.data(data, start, end)
  }
  onEnd(): void {
    this.end()
  }
  onConnected(): void {
    this.connected.resolve()
  }
  onClose(event: CloseEvent, errno: string | null): void {
    this.closed.resolve({ event, errno })
  }
}

const md5 = (data: Buffer): string => createHash('md5').update(data).digest('hex')

/** Relays everything from one connection to the other, stopping the source while the sink is full. */
function relay(from: Reader, source: () => Connection, sink: () => Connection): void {
  from.data = (data, start, end) => {
    source().expectBulk = true
    sink().write(data, start, end)
  }
  from.end = () => sink().endWrite()
}

describe('Connection', () => {
  it('carries 32 MiB through two hops byte for byte, with a slow reader, in bounded memory', async () => {
    const thread = testThread()
    const payload = randomBytes(32 << 20)
    const front = new Reader()
    const back = new Reader()
    const origin = net.createServer({ allowHalfOpen: true }, socket => {
      socket.end(payload)
      socket.resume()
    })
    origin.listen(0, '127.0.0.1')
    await once(origin, 'listening')
    const pair = await connectedPair(thread, front, new Reader())
    const upstream = connect(thread, ipAddress('127.0.0.1', (origin.address() as net.AddressInfo).port))
    upstream.reader = back
    relay(
      back,
      () => upstream,
      () => pair.downstream,
    )
    pair.downstream.setBufferLimits(65536)
    let held = 0
    pair.downstream.watermarkCallbacks = {
      onAboveWriteBufferHighWatermark: () => {
        upstream.readDisable(true)
        held = Math.max(held, pair.downstream.bytesBuffered)
      },
      onBelowWriteBufferLowWatermark: () => upstream.readDisable(false),
    }
    const hash = createHash('md5')
    let received = 0
    const done = Promise.withResolvers<void>()
    const client = pair.upstream.reader as Reader
    client.data = (data, start, end) => {
      hash.update(data.subarray(start, end))
      received += end - start
      // A reader that stops after every chunk for a turn.
      pair.upstream.readDisable(true)
      setImmediate(() => pair.upstream.readDisable(false))
    }
    client.end = () => done.resolve()
    await done.promise
    assert.equal(received, payload.length)
    assert.equal(hash.digest('hex'), md5(payload))
    assert.ok(held <= 65536 + 2 * BULK_BYTES, `held ${held} bytes`)
    upstream.close(CloseNoFlush)
    pair.close()
    origin.close()
  })

  it('counts holds on reading: the last one to let go resumes', async () => {
    const thread = testThread()
    const reader = new Reader()
    const pair = await connectedPair(thread, reader, new Reader())
    let received = ''
    const got = Promise.withResolvers<void>()
    reader.data = (data, start, end) => {
      received += data.latin1Slice(start, end)
      got.resolve()
    }
    pair.downstream.readDisable(true)
    pair.downstream.readDisable(true)
    pair.upstream.writeString('held')
    pair.downstream.readDisable(false)
    await new Promise(resolve => setImmediate(resolve))
    assert.equal(received, '')
    pair.downstream.readDisable(false)
    await got.promise
    assert.equal(received, 'held')
    pair.close()
  })

  it('joins what is written in one turn', async () => {
    const thread = testThread()
    const client = new Reader()
    const pair = await connectedPair(thread, new Reader(), client)
    const chunks: string[] = []
    const got = Promise.withResolvers<void>()
    client.data = (data, start, end) => {
      chunks.push(data.latin1Slice(start, end))
      got.resolve()
    }
    for (const word of ['one ', 'two ', 'three']) pair.downstream.writeString(word)
    await got.promise
    assert.deepEqual(chunks, ['one two three'])
    pair.close()
  })

  it('sends what is buffered before it closes', async () => {
    const thread = testThread()
    const client = new Reader()
    const pair = await connectedPair(thread, new Reader(), client)
    let received = ''
    client.data = (data, start, end) => {
      received += data.latin1Slice(start, end)
    }
    client.end = () => pair.upstream.closeByPeer()
    pair.downstream.writeString('last words')
    pair.downstream.close(CloseFlush)
    assert.equal((await client.closed.promise).event, 'remote')
    assert.equal(received, 'last words')
    pair.close()
  })

  it('lingers for a peer that still writes, so that its answer is not lost to a reset', async () => {
    const thread = testThread()
    const server = new Reader()
    const client = new Reader()
    const pair = await connectedPair(thread, server, client)
    server.data = () => {
      if (pair.downstream.closing) return
      pair.downstream.writeString('refused')
      pair.downstream.close(CloseFlushAndDelay, 5000)
    }
    let received = ''
    client.data = (data, start, end) => {
      received += data.latin1Slice(start, end)
    }
    client.end = () => pair.upstream.endWrite()
    pair.upstream.write(randomBytes(300000), 0, 300000)
    const { event, errno } = await server.closed.promise
    assert.deepEqual({ event, errno, received }, { event: 'local', errno: null, received: 'refused' })
    pair.close()
  })

  it('tells why it could not connect', async () => {
    const closing = net.createServer().listen(0, '127.0.0.1')
    await once(closing, 'listening')
    const { port } = closing.address() as net.AddressInfo
    closing.close()
    await once(closing, 'close')
    const reader = new Reader()
    const connection = connect(testThread(), ipAddress('127.0.0.1', port))
    connection.reader = reader
    assert.deepEqual(await reader.closed.promise, { event: 'remote', errno: 'ECONNREFUSED' })
  })

  it('keeps small and large pieces of one turn in order, whatever is between them', async () => {
    const thread = testThread()
    const received: Buffer[] = []
    const down = new Reader()
    down.data = (data, start, end) => void received.push(Buffer.from(data.subarray(start, end)))
    const up = new Reader()
    const pair = await connectedPair(thread, down, up)
    await up.connected.promise
    // Small ones share the thread's output buffer, large ones go past it: the way a chunked body is written.
    const pieces = [10, 200_000, 2, 70_000, 70_000, 3, 1, 300_000, 5].map(size => randomBytes(size))
    thread.buffers.enter()
    for (const piece of pieces) pair.upstream.write(piece, 0, piece.length)
    thread.buffers.leave()
    const whole = Buffer.concat(pieces)
    while (received.reduce((sum, { length }) => sum + length, 0) < whole.length) {
      await new Promise(resolve => setImmediate(resolve))
    }
    assert.equal(md5(Buffer.concat(received)), md5(whole))
    pair.close()
  })

  it('writes what is pending for others when one of a turn is stalled or needs more room', async () => {
    const thread = testThread()
    const pairs = []
    for (let i = 0; i < 3; i++) {
      const [down, up] = [new Reader(), new Reader()]
      const pair = await connectedPair(thread, down, up)
      await up.connected.promise
      pairs.push({ ...pair, down })
    }
    const [stalled, second, third] = pairs as [(typeof pairs)[0], (typeof pairs)[0], (typeof pairs)[0]]
    stalled.downstream.readDisable(true)
    while (stalled.upstream.bytesBuffered === 0) {
      stalled.upstream.write(randomBytes(60_000), 0, 60_000)
      await new Promise(resolve => setImmediate(resolve))
    }
    const texts = ['a'.repeat(40_000), 'b'.repeat(40_000)]
    const got = [second, third].map(({ down }, i) => {
      let received = ''
      return new Promise<string>(resolve => {
        down.data = (data, start, end) => {
          received += data.latin1Slice(start, end)
          if (received.length >= texts[i]!.length) resolve(received)
        }
      })
    })
    thread.buffers.enter()
    // All three share the thread's output buffer; the first is not taken by the kernel, the last does not fit.
    stalled.upstream.writeString('x'.repeat(40_000))
    second.upstream.writeString(texts[0]!)
    third.upstream.writeString(texts[1]!)
    stalled.upstream.writeString('y'.repeat(40_000))
    thread.buffers.leave()
    for (const [i, received] of (await Promise.all(got)).entries())
      assert.equal(md5(Buffer.from(received)), md5(Buffer.from(texts[i]!)))
    for (const pair of pairs) pair.close()
  })
})
