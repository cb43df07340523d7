// Against nghttp2, which Node carries: each half over real sockets with a peer of other make.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import { after, describe, it } from 'node:test'
import {
  adoptConnection,
  CloseFlush,
  type Connection,
  connect,
  ipAddress,
  ListenSocket,
  startReading,
} from '../../../net/index.ts'
import { testThread } from '../../../net/testing.ts'
import { HTTP2_STATS } from '../../http2-stats.ts'
import { RecordingDecoder } from '../testing/recording.ts'
import { Http2ClientCodec } from './client.ts'
import { DEFAULT_HTTP2_OPTIONS } from './options.ts'
import { Http2ServerCodec } from './server.ts'
import { headOf, requestHead, responseHead } from './testing/sessions.ts'

const thread = testThread()
const stats = thread.stats.block('http2.', HTTP2_STATS)
const closers: (() => void)[] = []
after(() => {
  for (const close of closers) close()
})

/** Hands a connection's bytes and its end to a codec. */
function attach(connection: Connection, codec: Http2ServerCodec | Http2ClientCodec): void {
  connection.watermarkCallbacks = codec
  connection.setBufferLimits(65536)
  connection.reader = {
    onData: (data, start, end) => codec.dispatch(data, start, end),
    onEnd: () => connection.closeByPeer(),
    onConnected() {},
    onClose: () => codec.onConnectionClosed('connection_termination', null),
  }
}

/** Echoes the request's fields, body and trailers; huge fields and a table of its own size are part of it. */
async function echoServer(hpackTableBytes: number): Promise<number> {
  const listener = await ListenSocket.listen(
    { address: ipAddress('127.0.0.1', 0), reusePort: false, backlog: 16 },
    handle => {
      const connection = adoptConnection(thread, handle)
      const options = { ...DEFAULT_HTTP2_OPTIONS, hpackTableBytes }
      const codec: Http2ServerCodec = new Http2ServerCodec(
        connection,
        {
          newStream: encoder => {
            const decoder = new RecordingDecoder()
            decoder.onComplete = () => {
              const { headers, body, trailers } = decoder.message
              encoder.encodeHeaders(responseHead(200, headers.filter(line => line.startsWith('x-')).map(pair)), false)
              const bytes = Buffer.from(body, 'latin1')
              encoder.encodeData(bytes, 0, bytes.length, false)
              encoder.encodeTrailers(headOf(trailers.map(pair)))
            }
            return decoder
          },
          onCodecError: () => connection.close(CloseFlush),
        },
        options,
        stats,
      )
      attach(connection, codec)
      startReading(connection)
      closers.push(() => connection.close(0))
    },
    status => assert.fail(`accept failed: ${status}`),
  )
  closers.push(() => listener.close())
  return (listener.localAddress as { port: number }).port
}

const pair = (line: string): [string, string] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]

describe('HTTP/2 with nghttp2', () => {
  for (const tableBytes of [0, 4096, 65536]) {
    it(`serves a client of other make, table of ${tableBytes} bytes`, async () => {
      const session = http2.connect(`http://127.0.0.1:${await echoServer(tableBytes)}`)
      closers.push(() => session.destroy())
      const body = Buffer.alloc(200_000, 'abcdefg')
      for (let round = 0; round < 30; round++) {
        const fields = { 'x-same': 'value', 'x-round': `r${round}`, [`x-name-${round % 7}`]: 'z'.repeat(round * 50) }
        const stream = session.request(
          { ':method': 'POST', ':path': `/${round % 3}`, ...fields },
          { waitForTrailers: true },
        )
        stream.on('wantTrailers', () => stream.sendTrailers({ 'x-trailer': String(round) }))
        const sent = body.subarray(0, round * 7000)
        stream.end(sent)
        const [headers] = (await once(stream, 'response')) as [Record<string, string>]
        for (const [name, value] of Object.entries(fields)) assert.equal(headers[name], value)
        const trailers = once(stream, 'trailers')
        const chunks: Buffer[] = []
        for await (const chunk of stream) chunks.push(chunk)
        assert.ok(Buffer.concat(chunks).equals(sent))
        assert.equal(((await trailers) as [Record<string, string>])[0]['x-trailer'], String(round))
      }
    })
  }

  it('asks a server of other make', async () => {
    const server = http2.createServer({ settings: { headerTableSize: 200, initialWindowSize: 70_000 } })
    server.on('session', session => closers.push(() => session.destroy()))
    server.on('stream', (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => {
      stream.additionalHeaders({ ':status': 103, link: '</a>' })
      stream.respond(
        { ':status': 200, 'x-path': headers[':path'], 'x-echo': headers['x-ask'] },
        { waitForTrailers: true },
      )
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
      stream.pipe(stream)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const connection = connect(thread, ipAddress('127.0.0.1', (server.address() as AddressInfo).port))
    const codec = new Http2ClientCodec(
      connection,
      {
        onStreamClosed() {},
        onMaxConcurrentStreams() {},
        onGoAway() {},
        onProtocolError: details => assert.fail(details),
      },
      DEFAULT_HTTP2_OPTIONS,
      stats,
    )
    attach(connection, codec)
    const body = Buffer.alloc(150_000, '0123456789')
    for (let round = 0; round < 20; round++) {
      const decoder = new RecordingDecoder()
      const done = new Promise<void>(resolve => {
        decoder.onComplete = resolve
      })
      const encoder = codec.newStream(decoder)
      encoder.encodeHeaders(requestHead([['x-ask', `ask ${round}`]], 'POST', `/p${round % 2}`), false)
      encoder.encodeData(body, 0, round * 7500, true)
      await done
      assert.deepEqual(decoder.interim, [103])
      assert.equal(decoder.message.start, '200')
      assert.ok(decoder.message.headers.includes(`x-path: /p${round % 2}`))
      assert.ok(decoder.message.headers.includes(`x-echo: ask ${round}`))
      assert.equal(decoder.message.body, body.latin1Slice(0, round * 7500))
      assert.deepEqual(decoder.message.trailers, ['grpc-status: 0'])
    }
    connection.close(0)
    server.close()
  })
})
