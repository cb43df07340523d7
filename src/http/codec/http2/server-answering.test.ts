import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FlagAck, FlagEndHeaders, FrameHeaders, FrameRstStream, FrameSettings } from './constants.ts'
import type { Http2Options } from './options.ts'
import { clientStart, data, type Fields, frame, headers, request, uint32 } from './testing/frames.ts'
import { headOf, responseHead, TestServer } from './testing/sessions.ts'

const START = clientStart()
const body = (text: string): Buffer => Buffer.from(text, 'latin1')

describe('HTTP/2 server: answering', () => {
  const answered = (
    answer: (encoder: import('../codec.ts').ResponseEncoder) => void,
    fields: Fields = request(),
    options: Partial<Http2Options> = {},
  ): TestServer => {
    const server = new TestServer(options)
    server.feed(START, headers(1, fields, fields.some(([, value]) => value === 'POST') === false))
    server.memory.take()
    answer(server.streams[0]!.encoder)
    return server
  }

  it('says SETTINGS and opens the connection window at once', () => {
    const server = new TestServer({ allowConnect: true, customSettings: [{ id: 99, value: 7 }] })
    const bytes = server.memory.take()
    assert.equal(
      bytes.toString('hex'),
      '00001e040000000000000100001000000800000001000300000400000401000000006300000007' + '000004080000000000017f0001',
    )
  })

  it('sends informational heads, the final one, data and trailers', () => {
    const server = answered(encoder => {
      encoder.encode1xxHeaders(responseHead(103, [['link', '</a>']]))
      encoder.encodeHeaders(responseHead(200), false)
      encoder.encodeData(body('abc'), 0, 3, false)
      encoder.encodeTrailers(headOf([['grpc-status', '0']]))
    })
    assert.deepEqual(server.frames(), ['HEADERS 1', 'HEADERS 1', 'DATA 1 size 3', 'HEADERS 1 END'])
    assert.equal(server.codec.activeStreams, 0)
    assert.equal(server.stat('streams_active'), 0)
  })

  it('ends with an empty frame where trailers have no fields', () => {
    const server = answered(encoder => {
      encoder.encodeHeaders(responseHead(200), false)
      encoder.encodeTrailers(headOf([]))
    })
    assert.deepEqual(server.frames(), ['HEADERS 1', 'DATA 1 size 0 END'])
  })

  const early = (): TestServer =>
    answered(encoder => encoder.encodeHeaders(responseHead(413), true), request([], { ':method': 'POST' }))

  it('lets a request that is answered early come to its end', () => {
    const server = early()
    assert.deepEqual(server.frames(), ['HEADERS 1 END'])
    server.feed(data(1, 'more'), data(1, 'last', true))
    assert.deepEqual(server.frames(), [])
    assert.equal(server.codec.activeStreams, 0)
    assert.equal(server.messages[0]?.body, '')
    server.memory.time.advance(2000)
    assert.deepEqual(server.frames(), [])
  })

  it('resets a request that is answered early and goes on for long', () => {
    const server = early()
    server.frames()
    server.memory.time.advance(1100)
    assert.deepEqual(server.frames(), ['RST_STREAM 1 code 0'])
    server.feed(data(1, 'late', true))
    assert.deepEqual(server.frames(), [])
    assert.equal(server.error, null)
  })

  it('resets a request that is answered early and has much more to say', () => {
    const server = early()
    server.feed(frame(FrameSettings, FlagAck, 0))
    server.frames()
    for (let i = 0; i < 4; i++) server.feed(data(1, Buffer.alloc(16000)))
    assert.deepEqual(server.frames(), [])
    server.feed(data(1, Buffer.alloc(16000)))
    assert.deepEqual(server.frames(), ['RST_STREAM 1 code 0'])
  })

  it('sends no body in answer to HEAD', () => {
    const server = answered(
      encoder => {
        encoder.encodeHeaders(responseHead(200, [['content-length', '3']]), false)
        encoder.encodeData(body('abc'), 0, 3, true)
      },
      request([], { ':method': 'HEAD' }),
    )
    assert.deepEqual(server.frames(), ['HEADERS 1', 'DATA 1 size 0 END'])
  })

  it('splits a head that is larger than a frame', () => {
    const fields = Array.from({ length: 9 }, (_, i): [string, string] => [`x-${i}`, `${i}`.repeat(5000)])
    const server = answered(encoder => encoder.encodeHeaders(responseHead(200, fields), true))
    assert.deepEqual(server.frames(), ['HEADERS 1 END', 'CONTINUATION 1', 'CONTINUATION 1'])
  })

  it('resets with the code of the reason', () => {
    const codes = { local_reset: 2, protocol_error: 1, local_refused_stream_reset: 7, overflow: 2 } as const
    for (const [reason, code] of Object.entries(codes)) {
      const server = answered(encoder => encoder.resetStream(reason as keyof typeof codes))
      assert.deepEqual(server.frames(), [`RST_STREAM 1 code ${code}`])
      assert.equal(server.stat('tx_reset'), 1)
    }
  })

  it('says GOAWAY in two steps, and refuses what comes behind the second', () => {
    const server = new TestServer()
    server.feed(START, headers(1, request(), false))
    server.frames()
    server.codec.shutdownNotice()
    assert.deepEqual(server.frames(), ['GOAWAY 0 last 2147483647 code 0'])
    server.feed(headers(3, request()))
    server.codec.goAway()
    assert.deepEqual(server.frames(), ['GOAWAY 0 last 3 code 0'])
    server.feed(headers(5, request()), data(1, 'x', true))
    assert.deepEqual(server.frames(), ['RST_STREAM 5 code 7'])
    assert.equal(server.streams.length, 2)
    assert.ok(server.messages[0]?.complete)
  })

  it('tells streams under way that the connection is gone', () => {
    const server = new TestServer()
    server.feed(START, headers(1, request(), false), headers(3, request()))
    server.codec.onConnectionClosed()
    assert.deepEqual(
      server.messages.map(message => message.reset),
      ['connection_termination', 'connection_termination'],
    )
    assert.equal(server.codec.activeStreams, 0)
    assert.equal(server.stat('streams_active'), 0)
  })

  it('passes the peer’s reset on, with what it says', () => {
    const server = new TestServer()
    server.feed(START, headers(1, request()), headers(3, request()))
    server.feed(frame(FrameRstStream, 0, 1, uint32(8)), frame(FrameRstStream, 0, 3, uint32(7)))
    assert.deepEqual(
      server.messages.map(message => message.reset),
      ['remote_reset', 'remote_refused_stream_reset'],
    )
    assert.equal(server.stat('rx_reset'), 2)
  })
})

describe('HTTP/2 server: extended CONNECT', () => {
  const websocket = request([['sec-websocket-version', '13']], {
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':path': '/chat',
  })

  it('becomes an upgrade, and its 101 a 200', () => {
    const server = new TestServer({ allowConnect: true })
    server.feed(START, headers(1, websocket, false))
    assert.equal(server.messages[0]?.start, 'GET /chat')
    assert.deepEqual(server.messages[0]?.headers, [
      'host: a.test',
      'sec-websocket-version: 13',
      'upgrade: websocket',
      'connection: upgrade',
    ])
    const { encoder } = server.streams[0]!
    server.memory.take()
    encoder.encodeHeaders(
      responseHead(101, [
        ['connection', 'upgrade'],
        ['upgrade', 'websocket'],
      ]),
      false,
    )
    encoder.upgradeToTunnel()
    // :status 200, and none of the lines of HTTP/1.
    assert.deepEqual(server.memory.take(), frame(FrameHeaders, FlagEndHeaders, 1, Buffer.from([0x88])))
    server.feed(data(1, 'to the server'))
    assert.equal(server.messages[0]?.body, 'to the server')
    encoder.encodeData(body('back'), 0, 4, false)
    assert.deepEqual(server.frames(), ['DATA 1 size 4'])
  })

  it('is answered as it is where the upgrade is refused', () => {
    const server = new TestServer({ allowConnect: true })
    server.feed(START, headers(1, websocket, false))
    server.memory.take()
    server.streams[0]!.encoder.encodeHeaders(responseHead(403), true)
    assert.deepEqual(server.frames(), ['HEADERS 1 END'])
  })

  it('costs its stream where it is not allowed', () => {
    const server = new TestServer()
    server.feed(START, headers(1, websocket, false), headers(3, request()))
    assert.equal(server.error, null)
    assert.ok(server.frames().includes('RST_STREAM 1 code 1'))
    assert.ok(server.messages[1]?.complete)
  })

  it('must have a path and a scheme', () => {
    for (const missing of [':path', ':scheme']) {
      const server = new TestServer({ allowConnect: true })
      server.feed(
        START,
        headers(
          1,
          websocket.filter(([name]) => name !== missing),
          false,
        ),
      )
      assert.ok(server.frames().includes('RST_STREAM 1 code 1'))
    }
  })

  it('plain CONNECT has an authority only', () => {
    const server = new TestServer()
    server.feed(
      START,
      headers(
        1,
        [
          [':method', 'CONNECT'],
          [':authority', 'a.test:443'],
        ],
        false,
      ),
      data(1, 'raw'),
    )
    assert.equal(server.messages[0]?.start, 'CONNECT ')
    assert.deepEqual(server.messages[0]?.headers, ['host: a.test:443'])
    assert.equal(server.messages[0]?.body, 'raw')
  })
})
