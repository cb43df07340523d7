import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { RecordingDecoder } from '../testing/recording.ts'
import { FlagAck, FrameRstStream, FrameSettings, FrameWindowUpdate, SettingInitialWindowSize } from './constants.ts'
import type { Http2Options } from './options.ts'
import { clientStart, data, frame, headers, request, settings, uint32 } from './testing/frames.ts'
import { requestHead, responseHead, type ServerStream, TestClient, TestServer } from './testing/sessions.ts'

const ACK = frame(FrameSettings, FlagAck, 0)
const window = (id: number, bytes: number): Buffer => frame(FrameWindowUpdate, 0, id, uint32(bytes))

/** A server whose client grants `streamWindow`, with responses begun on streams 1, 3, ... */
function responding(count: number, streamWindow: number, options: Partial<Http2Options> = {}): TestServer {
  const server = new TestServer(options)
  server.feed(clientStart([SettingInitialWindowSize, streamWindow]))
  for (let i = 0; i < count; i++) server.feed(headers(i * 2 + 1, request()))
  for (const { encoder } of server.streams) encoder.encodeHeaders(responseHead(200), false)
  server.frames()
  return server
}

const send = ({ encoder }: ServerStream, bytes: number, endStream = false): void =>
  encoder.encodeData(Buffer.alloc(bytes, 'x'), 0, bytes, endStream)

describe('HTTP/2 flow control: sending', () => {
  it('sends what the windows allow, and the rest when they open', () => {
    const server = responding(1, 10)
    const [stream] = server.streams
    send(stream!, 25, true)
    assert.deepEqual(server.frames(), ['DATA 1 size 10'])
    assert.equal(stream!.encoder.bytesBuffered, 15)
    assert.equal(server.stat('pending_send_bytes'), 15)
    server.feed(window(1, 5))
    assert.deepEqual(server.frames(), ['DATA 1 size 5'])
    server.feed(window(1, 100))
    assert.deepEqual(server.frames(), ['DATA 1 size 10 END'])
    assert.equal(server.stat('pending_send_bytes'), 0)
    assert.equal(server.codec.activeStreams, 0)
  })

  it('never sends more than a frame may hold, or the connection', () => {
    const server = responding(1, 1_000_000)
    send(server.streams[0]!, 100_000, true)
    assert.deepEqual(server.frames(), [
      'DATA 1 size 16384',
      'DATA 1 size 16384',
      'DATA 1 size 16384',
      'DATA 1 size 16383',
    ])
    server.feed(window(0, 40_000))
    assert.deepEqual(server.frames(), ['DATA 1 size 16384', 'DATA 1 size 16384', 'DATA 1 size 1697 END'])
  })

  it('an end needs no window, nor do trailers', () => {
    const server = responding(2, 0)
    server.streams[0]!.encoder.encodeData(Buffer.alloc(0), 0, 0, true)
    server.streams[1]!.encoder.encodeTrailers(responseHead(0, [['x-t', '1']]))
    assert.deepEqual(server.frames(), ['DATA 1 size 0 END', 'HEADERS 3 END'])
  })

  it('trailers wait behind the data', () => {
    const server = responding(1, 4)
    send(server.streams[0]!, 6)
    server.streams[0]!.encoder.encodeTrailers(responseHead(0, [['x-t', '1']]))
    assert.deepEqual(server.frames(), ['DATA 1 size 4'])
    server.feed(window(1, 4))
    assert.deepEqual(server.frames(), ['DATA 1 size 2', 'HEADERS 1 END'])
  })

  it('a window that SETTINGS make negative must be filled up first', () => {
    const server = responding(1, 100)
    send(server.streams[0]!, 150)
    assert.deepEqual(server.frames(), ['DATA 1 size 100'])
    server.feed(settings([SettingInitialWindowSize, 20]))
    assert.deepEqual(server.frames(), ['SETTINGS 0 ACK'])
    server.feed(window(1, 80))
    assert.deepEqual(server.frames(), [])
    server.feed(window(1, 10))
    assert.deepEqual(server.frames(), ['DATA 1 size 10'])
    server.feed(settings([SettingInitialWindowSize, 1000]))
    assert.deepEqual(server.frames(), ['SETTINGS 0 ACK', 'DATA 1 size 40'])
  })

  it('SETTINGS that lift a window past its limit end the connection', () => {
    const server = responding(1, 100)
    server.feed(window(1, 0x7fffff00), settings([SettingInitialWindowSize, 0x7fffffff]))
    assert.equal(server.frames().at(-1), 'GOAWAY 0 last 1 code 3')
  })

  it('streams that wait for the connection take turns', () => {
    const server = responding(3, 1_000_000)
    for (const stream of server.streams) send(stream, 300_000)
    server.frames()
    server.feed(window(0, 16384 * 6))
    assert.deepEqual(
      server.frames().map(words => words.split(' ')[1]),
      ['1', '3', '5', '1', '3', '5'],
    )
  })

  it('a stream that is reset leaves the others their turn', () => {
    const server = responding(3, 1_000_000)
    for (const stream of server.streams) send(stream, 300_000)
    server.feed(frame(FrameRstStream, 0, 3, uint32(8)))
    server.frames()
    server.feed(window(0, 16384 * 4))
    assert.deepEqual(
      server.frames().map(words => words.split(' ')[1]),
      ['1', '5', '1', '5'],
    )
    server.codec.onConnectionClosed()
    assert.equal(server.stat('pending_send_bytes'), 0)
  })
})

/** A decoder that writes down what it hears of watermarks. */
class Watched extends RecordingDecoder {
  readonly heard: string[] = []
  override onAboveWriteBufferHighWatermark(): void {
    this.heard.push('above')
  }
  override onBelowWriteBufferLowWatermark(): void {
    this.heard.push('below')
  }
}

function watchedClient(limit: number): {
  client: TestClient
  decoder: Watched
  encoder: ReturnType<TestClient['codec']['newStream']>
} {
  const client = new TestClient()
  client.memory.highWatermarkBytes = limit
  client.feed(settings([SettingInitialWindowSize, 10]))
  const decoder = new Watched()
  const encoder = client.codec.newStream(decoder)
  encoder.encodeHeaders(requestHead([], 'POST'), false)
  client.frames()
  return { client, decoder, encoder }
}

describe('HTTP/2 flow control: watermarks', () => {
  it('the source pauses while more than the limit waits, and goes on at half of it', () => {
    const { client, decoder, encoder } = watchedClient(1000)
    encoder.encodeData(Buffer.alloc(1010), 0, 1010, false)
    assert.deepEqual(decoder.heard, [])
    encoder.encodeData(Buffer.alloc(1), 0, 1, false)
    assert.deepEqual(decoder.heard, ['above'])
    client.feed(window(1, 400))
    assert.deepEqual(decoder.heard, ['above'])
    client.feed(window(1, 101))
    assert.deepEqual(decoder.heard, ['above', 'below'])
  })

  it('the connection above its mark pauses all streams, and nothing more is framed', () => {
    const { client, decoder, encoder } = watchedClient(1000)
    const other = new Watched()
    client.codec.newStream(other).encodeHeaders(requestHead([], 'POST'), false)
    client.feed(window(1, 1_000_000))
    client.frames()
    client.memory.aboveHighWatermark = true
    client.codec.onAboveWriteBufferHighWatermark()
    encoder.encodeData(Buffer.alloc(100), 0, 100, true)
    assert.deepEqual(client.frames(), [])
    assert.deepEqual([decoder.heard, other.heard], [['above'], ['above']])
    const late = new Watched()
    client.codec.newStream(late).encodeHeaders(requestHead([], 'POST'), false)
    assert.deepEqual(late.heard, ['above'])
    client.memory.aboveHighWatermark = false
    client.codec.onBelowWriteBufferLowWatermark()
    assert.deepEqual(client.frames(), ['HEADERS 5', 'DATA 1 size 100 END'])
    assert.deepEqual(
      [other.heard, late.heard],
      [
        ['above', 'below'],
        ['above', 'below'],
      ],
    )
  })

  it('two reasons to pause are told once', () => {
    const { client, decoder, encoder } = watchedClient(1000)
    encoder.encodeData(Buffer.alloc(2000), 0, 2000, false)
    client.memory.aboveHighWatermark = true
    client.codec.onAboveWriteBufferHighWatermark()
    client.memory.aboveHighWatermark = false
    client.codec.onBelowWriteBufferLowWatermark()
    assert.deepEqual(decoder.heard, ['above'])
    client.feed(window(1, 2000))
    assert.deepEqual(decoder.heard, ['above', 'below'])
  })

  it('a finished response waits for the peer only so long', () => {
    const server = responding(1, 10, { streamFlushTimeoutMs: 1000 })
    send(server.streams[0]!, 100, true)
    server.frames()
    server.memory.time.advance(900)
    assert.equal(server.codec.activeStreams, 1)
    server.memory.time.advance(200)
    assert.deepEqual(server.frames(), ['RST_STREAM 1 code 2'])
    assert.equal(server.stat('tx_flush_timeout'), 1)
    assert.equal(server.codec.activeStreams, 0)
  })
})

/** A server with small windows and an upload under way on stream 1. */
function uploading(options: Partial<Http2Options> = {}): TestServer {
  const server = new TestServer({ initialStreamWindowBytes: 65535, initialConnectionWindowBytes: 100_000, ...options })
  server.feed(clientStart(), ACK, headers(1, request([], { ':method': 'POST' }), false))
  server.frames()
  return server
}

describe('HTTP/2 flow control: receiving', () => {
  it('gives windows back in halves, not by the frame', () => {
    const server = uploading()
    for (let i = 0; i < 3; i++) server.feed(data(1, Buffer.alloc(10_000)))
    assert.deepEqual(server.frames(), [])
    server.feed(data(1, Buffer.alloc(10_000)))
    assert.deepEqual(server.frames(), ['WINDOW_UPDATE 1 +40000'])
    server.feed(data(1, Buffer.alloc(10_000)))
    assert.deepEqual(server.frames(), ['WINDOW_UPDATE 0 +50000'])
  })

  it('counts padding, which nobody reads', () => {
    const server = uploading()
    const padded = frame(0, 8, 1, Buffer.concat([Buffer.from([255]), Buffer.alloc(255)]))
    for (let i = 0; i < 128; i++) server.feed(padded, data(1, 'x'))
    // 257 a round, and one byte left over.
    assert.deepEqual(server.frames(), ['WINDOW_UPDATE 1 +32895'])
  })

  it('keeps the window of a stream that is not read, and of the connection with it', () => {
    const server = uploading()
    const { encoder } = server.streams[0]!
    encoder.readDisable(true)
    encoder.readDisable(true)
    for (let i = 0; i < 5; i++) server.feed(data(1, Buffer.alloc(13_000)))
    assert.deepEqual(server.frames(), [])
    encoder.readDisable(false)
    assert.deepEqual(server.frames(), [])
    encoder.readDisable(false)
    assert.deepEqual(server.frames(), ['WINDOW_UPDATE 0 +65000', 'WINDOW_UPDATE 1 +65000'])
  })

  it('gives the connection back what a stream withheld until its end', () => {
    const server = uploading()
    server.streams[0]!.encoder.readDisable(true)
    for (let i = 0; i < 5; i++) server.feed(data(1, Buffer.alloc(13_000)))
    server.feed(frame(FrameRstStream, 0, 1, uint32(8)))
    assert.deepEqual(server.frames(), ['WINDOW_UPDATE 0 +65000'])
  })

  it('ends a stream that sends more than its window', () => {
    const server = uploading({ initialConnectionWindowBytes: 1_000_000 })
    server.streams[0]!.encoder.readDisable(true)
    for (let i = 0; i < 6; i++) server.feed(data(1, Buffer.alloc(13_000)))
    assert.deepEqual(server.frames(), ['RST_STREAM 1 code 3'])
    assert.equal(server.error, null)
  })

  it('ends a connection that sends more than its window', () => {
    const server = uploading({ initialStreamWindowBytes: 1_000_000 })
    server.streams[0]!.encoder.readDisable(true)
    for (let i = 0; i < 9; i++) server.feed(data(1, Buffer.alloc(13_000)))
    assert.equal(server.frames().at(-1), 'GOAWAY 0 last 1 code 3')
  })

  it('until the peer knows our SETTINGS, its streams have the default window', () => {
    const server = new TestServer({ initialStreamWindowBytes: 1000 })
    server.feed(clientStart(), headers(1, request([], { ':method': 'POST' }), false), data(1, Buffer.alloc(16000)))
    assert.equal(server.error, null)
    assert.equal(server.messages[0]?.reset, null)
    server.streams[0]!.encoder.readDisable(true)
    server.feed(ACK, data(1, Buffer.alloc(2000)))
    assert.ok(server.frames().some(words => words === 'RST_STREAM 1 code 3'))
  })

  it('data for streams that are gone does not use the connection up', () => {
    const server = uploading()
    server.streams[0]!.encoder.resetStream('local_reset')
    server.frames()
    for (let i = 0; i < 20; i++) server.feed(data(1, Buffer.alloc(10_000)))
    assert.deepEqual(server.frames(), Array(4).fill('WINDOW_UPDATE 0 +50000'))
  })
})
