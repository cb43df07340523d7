import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { RecordedMessage } from '../testing/recording.ts'
import {
  EnhanceYourCalm,
  FlagAck,
  FlagEndHeaders,
  FlagEndStream,
  FlagPadded,
  FlagPriority,
  FrameContinuation,
  FrameData,
  FrameGoAway,
  FrameHeaders,
  FramePing,
  FramePriority,
  FramePushPromise,
  FrameRstStream,
  FrameSettings,
  FrameWindowUpdate,
} from './constants.ts'
import type { Http2Options } from './options.ts'
import {
  block,
  clientStart,
  data,
  type Fields,
  frame,
  headers,
  indexingBlock,
  request,
  settings,
  uint32,
} from './testing/frames.ts'
import { headOf, responseHead, TestServer } from './testing/sessions.ts'

const START = clientStart()
const body = (text: string): Buffer => Buffer.from(text, 'latin1')

function requestOf(...frames: readonly Buffer[]): RecordedMessage {
  const server = new TestServer()
  server.feed(START, ...frames)
  assert.equal(server.error, null)
  assert.equal(server.streams.length, 1)
  return server.messages[0]!
}

/** Sessions that are all in order; each is read the same however it is split. */
const SESSIONS: readonly (readonly [name: string, bytes: Buffer])[] = [
  ['a GET', headers(1, request([['accept', '*/*']]))],
  ['three requests', Buffer.concat([1, 3, 5].map(id => headers(id, request([], { ':path': `/${id}` }))))],
  [
    'a body in frames',
    Buffer.concat([headers(1, request([], { ':method': 'POST' }), false), data(1, 'ab'), data(1, 'cde', true)]),
  ],
  [
    'a body with its length, and trailers',
    Buffer.concat([
      headers(1, request([['content-length', '5']], { ':method': 'POST' }), false),
      data(1, 'hello'),
      headers(1, [['x-trailer', '1']]),
    ]),
  ],
  [
    'padding and priority',
    Buffer.concat([
      frame(
        FrameHeaders,
        FlagEndHeaders | FlagPadded | FlagPriority,
        1,
        Buffer.concat([Buffer.from([3]), uint32(0x80000003), Buffer.from([15]), block(request()), Buffer.alloc(3)]),
      ),
      frame(FrameData, FlagPadded | FlagEndStream, 1, Buffer.concat([Buffer.from([4]), body('data'), Buffer.alloc(4)])),
    ]),
  ],
  [
    'a head in three frames',
    Buffer.concat([
      frame(FrameHeaders, FlagEndStream, 1, block(request()).subarray(0, 10)),
      frame(FrameContinuation, 0, 1, block(request()).subarray(10, 30)),
      frame(FrameContinuation, FlagEndHeaders, 1, block(request([['x-last', 'field']])).subarray(30)),
    ]),
  ],
  [
    'interleaved streams with other frames between them',
    Buffer.concat([
      headers(1, request([], { ':method': 'PUT' }), false),
      frame(FramePing, 0, 0, '12345678'),
      headers(3, request()),
      data(1, 'x'),
      settings([4, 100000]),
      frame(0x77, 0xff, 1, 'an unknown frame'),
      frame(FrameWindowUpdate, 0, 1, uint32(1000)),
      frame(FramePriority, 0, 9, Buffer.concat([uint32(0), Buffer.from([1])])),
      data(1, 'y', true),
      frame(FrameGoAway, 0, 0, uint32(0, 0)),
    ]),
  ],
  [
    'fields from the dynamic table',
    Buffer.concat([
      frame(FrameHeaders, FlagEndHeaders | FlagEndStream, 1, indexingBlock(request([['x-a', 'one']]))),
      frame(FrameHeaders, FlagEndHeaders | FlagEndStream, 3, Buffer.from([0xc2, 0xc1, 0xc0, 0xbf, 0xbe])),
    ]),
  ],
  ['a reset', Buffer.concat([headers(1, request(), false), frame(FrameRstStream, 0, 1, uint32(8))])],
]

describe('HTTP/2 server: reading', () => {
  for (const [name, bytes] of SESSIONS) {
    it(`reads ${name} the same however it is split`, () => {
      const all = Buffer.concat([START, bytes])
      const run = (pieces: readonly Buffer[]): unknown => {
        const server = new TestServer()
        server.feed(...pieces)
        return { messages: server.messages, error: server.error, frames: server.frames() }
      }
      const whole = run([all])
      assert.equal((whole as { error: unknown }).error, null)
      for (let at = 1; at < all.length; at++) {
        assert.deepEqual(run([all.subarray(0, at), all.subarray(at)]), whole, `split at ${at}`)
      }
      assert.deepEqual(run([...all].map(byte => Buffer.from([byte]))), whole)
    })
  }

  it('hands on method, path, authority and fields in the form of HTTP/1', () => {
    const message = requestOf(
      headers(
        1,
        request(
          [
            ['x-a', '1'],
            ['x-a', '2'],
          ],
          { ':path': '/p?q' },
        ),
      ),
    )
    assert.equal(message.start, 'GET /p?q')
    assert.deepEqual(message.headers, ['host: a.test', 'x-a: 1', 'x-a: 2'])
    assert.ok(message.complete)
  })

  it('joins cookie crumbs, and other repeated fields that the proxy knows', () => {
    const message = requestOf(
      headers(
        1,
        request([
          ['cookie', 'a=1'],
          ['accept', 'x'],
          ['cookie', 'b=2'],
          ['accept', 'y'],
        ]),
      ),
    )
    assert.deepEqual(message.headers, ['host: a.test', 'cookie: a=1; b=2', 'accept: x,y'])
  })

  it('takes host for a missing authority, and drops it beside an equal one', () => {
    assert.deepEqual(requestOf(headers(1, request([['host', 'b.test']], { ':authority': null }))).headers, [
      'host: b.test',
    ])
    assert.deepEqual(requestOf(headers(1, request([['host', 'a.test']]))).headers, ['host: a.test'])
  })

  it('takes names for names, whatever they mean elsewhere', () => {
    const message = requestOf(
      headers(
        1,
        request([
          ['__proto__', 'x'],
          ['constructor', 'y'],
        ]),
      ),
    )
    assert.deepEqual(message.headers, ['host: a.test', '__proto__: x', 'constructor: y'])
  })

  it('drops fields from trailers that would frame or route', () => {
    const message = requestOf(
      headers(1, request([], { ':method': 'POST' }), false),
      headers(1, [
        ['content-length', '9'],
        ['host', 'b'],
        ['x-t', '1'],
      ]),
    )
    assert.deepEqual(message.trailers, ['x-t: 1'])
  })

  it('has a partial request while a header block is incomplete', () => {
    const server = new TestServer()
    const bytes = headers(1, request())
    server.feed(START)
    assert.equal(server.codec.hasPartialRequest, false)
    server.feed(bytes.subarray(0, 20))
    assert.equal(server.codec.hasPartialRequest, true)
    server.feed(bytes.subarray(20), frame(FrameHeaders, 0, 3, block(request()).subarray(0, 5)))
    assert.equal(server.codec.hasPartialRequest, true)
    server.feed(frame(FrameContinuation, FlagEndHeaders, 3, block(request()).subarray(5)))
    assert.equal(server.codec.hasPartialRequest, false)
  })
})

const INVALID = 'http2.invalid.header.field'
const VIOLATION = 'http2.violation.of.messaging.rule'

/** Heads that are no request: each ends the connection, or with the option its stream only. */
const BAD_HEADS: readonly (readonly [name: string, fields: Fields, details: string])[] = [
  ['an upper-case name', request([['X-A', '1']]), INVALID],
  ['a name with a blank', request([['x a', '1']]), INVALID],
  ['a name with a colon', request([['x:a', '1']]), INVALID],
  ['an empty name', request([['', '1']]), INVALID],
  ['NUL in a value', request([['x-a', 'b\0c']]), INVALID],
  ['CR in a value', request([['x-a', 'b\rc']]), INVALID],
  ['LF in a value', request([['x-a', 'b\nc: d']]), INVALID],
  ['a control character in a value', request([['x-a', 'b\x01']]), INVALID],
  ['a blank before a value', request([['x-a', ' b']]), INVALID],
  ['a tab behind a value', request([['x-a', 'b\t']]), INVALID],
  ['a line end in the path', request([], { ':path': '/ HTTP/1.1\r\nx: y' }), INVALID],
  ['a blank in the path', request([], { ':path': '/a b' }), INVALID],
  ['an empty path', request([], { ':path': '' }), INVALID],
  ['no path', request([], { ':path': null }), VIOLATION],
  ['a path without its slash', request([], { ':path': 'x' }), VIOLATION],
  ['an absolute path', request([], { ':path': 'http://b.test/' }), VIOLATION],
  ['an asterisk for GET', request([], { ':path': '*' }), VIOLATION],
  ['no method', request([], { ':method': null }), VIOLATION],
  ['a blank in the method', request([], { ':method': 'GET /x' }), INVALID],
  ['an empty method', request([], { ':method': '' }), INVALID],
  ['no scheme', request([], { ':scheme': null }), VIOLATION],
  ['a scheme that is none', request([], { ':scheme': 'ht tp' }), INVALID],
  ['no authority', request([], { ':authority': null }), VIOLATION],
  ['an empty authority', request([], { ':authority': '' }), INVALID],
  ['userinfo in the authority', request([], { ':authority': 'user@a.test' }), INVALID],
  ['a slash in the authority', request([], { ':authority': 'a.test/x' }), INVALID],
  ['a blank in the authority', request([], { ':authority': 'a b' }), INVALID],
  ['another host beside the authority', request([['host', 'b.test']]), INVALID],
  [
    'two hosts',
    request(
      [
        ['host', 'a.test'],
        ['host', 'a.test'],
      ],
      { ':authority': null },
    ),
    INVALID,
  ],
  ['an unknown pseudo-header', request([], { ':x': 'y' }), INVALID],
  ['a pseudo-header of responses', request([], { ':status': '200' }), INVALID],
  ['a pseudo-header twice', [...request(), [':path', '/']], INVALID],
  ['a pseudo-header behind a field', [[':method', 'GET'], ['x-a', '1'], ...request().slice(1)], INVALID],
  ['connection', request([['connection', 'close']]), INVALID],
  ['keep-alive', request([['keep-alive', '1']]), INVALID],
  ['proxy-connection', request([['proxy-connection', 'close']]), INVALID],
  ['transfer-encoding', request([['transfer-encoding', 'chunked']]), INVALID],
  ['upgrade', request([['upgrade', 'websocket']]), INVALID],
  ['te other than trailers', request([['te', 'gzip']]), INVALID],
  ['a length without its body', request([['content-length', '5']]), VIOLATION],
  ['a length that is none', request([['content-length', '+0']]), INVALID],
  [
    'two lengths',
    request([
      ['content-length', '0'],
      ['content-length', '0'],
    ]),
    INVALID,
  ],
  ['CONNECT with a path', request([], { ':method': 'CONNECT' }), VIOLATION],
  ['a protocol without CONNECT', request([], { ':protocol': 'websocket' }), INVALID],
]

describe('HTTP/2 server: refused heads', () => {
  for (const [name, fields, details] of BAD_HEADS) {
    it(`${name}: the connection ends`, () => {
      const server = new TestServer()
      server.feed(START, headers(1, request()), headers(3, fields))
      assert.deepEqual(server.error, { status: 0, details })
      assert.equal(server.frames().at(-1), 'GOAWAY 0 last 3 code 1')
      assert.equal(server.streams.length, 1)
      assert.equal(server.stat('rx_messaging_error'), 1)
      // Nothing is read any more.
      server.feed(headers(5, request()))
      assert.equal(server.streams.length, 1)
      assert.deepEqual(server.frames(), [])
    })

    it(`${name}: only the stream ends where that is asked for`, () => {
      const server = new TestServer({ streamErrorOnInvalidMessage: true })
      server.feed(START, headers(1, fields), headers(3, request()))
      assert.equal(server.error, null)
      assert.ok(server.frames().includes('RST_STREAM 1 code 1'))
      const [first, second] = server.messages
      assert.equal(first?.reset, 'protocol_error')
      assert.deepEqual(first?.headers, [])
      assert.ok(second?.complete)
      assert.equal(server.codec.activeStreams, 1)
    })
  }

  it('trailers without END_STREAM, or with pseudo-headers', () => {
    for (const trailers of [headers(1, [['x-t', '1']], false), headers(1, [[':path', '/']])]) {
      const server = new TestServer()
      server.feed(START, headers(1, request([], { ':method': 'POST' }), false), trailers)
      assert.notEqual(server.error, null)
      assert.deepEqual(server.messages[0]?.trailers, [])
      assert.equal(server.messages[0]?.complete, false)
    }
  })

  const bodies: readonly (readonly [string, Buffer[]])[] = [
    ['more than announced', [data(1, 'hello!', true)]],
    ['more than announced, in two frames', [data(1, 'hel'), data(1, 'lo!')]],
    ['less than announced', [data(1, 'hell', true)]],
    ['less than announced, before trailers', [data(1, 'hell'), headers(1, [['x-t', '1']])]],
  ]
  for (const [name, frames] of bodies) {
    it(`a body of ${name} resets its stream before it is handed on whole`, () => {
      const server = new TestServer()
      server.feed(START, headers(1, request([['content-length', '5']], { ':method': 'POST' }), false), ...frames)
      assert.equal(server.error, null)
      assert.ok(server.frames().includes('RST_STREAM 1 code 1'))
      assert.equal(server.messages[0]?.reset, 'protocol_error')
      assert.equal(server.messages[0]?.complete, false)
      assert.ok(server.messages[0]!.body.length < 5)
    })
  }

  it('too many fields, or too many bytes of them, reset the stream as Envoy does', () => {
    const many = Array.from({ length: 97 }, (_, i): [string, string] => [`x-${i}`, '1'])
    const server = new TestServer()
    server.feed(START, headers(1, request(many)), headers(3, request(many.slice(1))))
    assert.ok(server.frames().includes('RST_STREAM 1 code 2'))
    assert.equal(server.messages[0]?.reset, 'remote_reset')
    assert.equal(server.stat('header_overflow'), 1)
    assert.ok(server.messages[1]?.complete)

    const large: [string, string] = ['x-large', 'v'.repeat(16000)]
    const blocks = [block(request([large])), ...Array.from({ length: 3 }, () => block([large]))]
    server.feed(
      frame(FrameHeaders, FlagEndStream, 5, blocks[0]),
      ...blocks.slice(1).map((b, i) => frame(FrameContinuation, i === 2 ? FlagEndHeaders : 0, 5, b)),
    )
    assert.ok(server.frames().includes('RST_STREAM 5 code 2'))
    assert.equal(server.stat('header_list_size_too_large'), 1)
    assert.equal(server.error, null)
  })

  it('counts decoded bytes: a small block that stands for a large head is too large', () => {
    const server = new TestServer()
    const bomb = Buffer.concat([
      block(request()),
      indexingBlock([['x-bomb', 'v'.repeat(3900)]]),
      Buffer.alloc(90, 0xbe),
    ])
    server.feed(START, frame(FrameHeaders, FlagEndHeaders | FlagEndStream, 1, bomb))
    assert.equal(server.stat('header_list_size_too_large'), 1)
    assert.equal(server.messages[0]?.reset, 'remote_reset')
  })

  it('names with underscores: allowed, dropped or refused', () => {
    const fields = headers(
      1,
      request([
        ['x_a', '1'],
        ['x-b', '2'],
      ]),
    )
    const run = (underscores: 'ALLOW' | 'DROP_HEADER' | 'REJECT_REQUEST'): TestServer => {
      const server = new TestServer({ limits: { maxBytes: 61440, maxCount: 100, underscores } })
      server.feed(START, fields)
      return server
    }
    assert.deepEqual(run('ALLOW').messages[0]?.headers, ['host: a.test', 'x_a: 1', 'x-b: 2'])
    const dropped = run('DROP_HEADER')
    assert.deepEqual(dropped.messages[0]?.headers, ['host: a.test', 'x-b: 2'])
    assert.equal(dropped.stat('dropped_headers_with_underscores'), 1)
    const refused = run('REJECT_REQUEST')
    assert.ok(refused.frames().includes('RST_STREAM 1 code 2'))
    assert.equal(refused.stat('requests_rejected_with_underscores_in_headers'), 1)
  })

  it('bytes above ASCII, where they are not wanted', () => {
    const bytes = headers(1, request([['x-a', 'caf\xe9']]))
    const server = new TestServer({ disallowObsText: true })
    server.feed(START, bytes)
    assert.equal(server.error?.details, INVALID)
    assert.deepEqual(requestOf(bytes).headers.at(-1), 'x-a: caf\xe9')
  })
})

/** Frames that RFC 9113 answers with a connection error, by code. */
const CONNECTION_ERRORS: readonly (readonly [name: string, code: number, ...frames: Buffer[]])[] = [
  ['another preface', 1, Buffer.from('GET / HTTP/1.1\r\nhost: a\r\n\r\n')],
  ['no SETTINGS first', 1, START.subarray(0, 24), frame(FramePing, 0, 0, '12345678')],
  ['a frame above the limit', 6, START, Buffer.from([0, 64, 1, 0, 0, 0, 0, 0, 1])],
  ['DATA on stream 0', 1, START, data(0, 'x')],
  ['DATA on an idle stream', 1, START, data(1, 'x')],
  ['DATA whose padding is all there is and more', 1, START, frame(FrameData, FlagPadded, 1, Buffer.from([1]))],
  ['HEADERS on stream 0', 1, START, headers(0, request())],
  ['HEADERS on an even stream', 1, START, headers(2, request())],
  ['HEADERS on a lower stream', 1, START, headers(5, request()), headers(3, request())],
  ['HEADERS with too much padding', 1, START, frame(FrameHeaders, FlagPadded | FlagEndHeaders, 1, Buffer.from([9, 1]))],
  ['a broken header block', 9, START, frame(FrameHeaders, FlagEndHeaders, 1, Buffer.from([0xff, 0xff]))],
  [
    'another frame inside a head',
    1,
    START,
    frame(FrameHeaders, 0, 1, block(request())),
    frame(FramePing, 0, 0, '12345678'),
  ],
  ['DATA inside a head', 1, START, frame(FrameHeaders, 0, 1, block(request())), data(1, '')],
  ['an unknown frame inside a head', 1, START, frame(FrameHeaders, 0, 1, block(request())), frame(0x55, 0, 1)],
  ['CONTINUATION of nothing', 1, START, frame(FrameContinuation, FlagEndHeaders, 1)],
  ['RST_STREAM of an idle stream', 1, START, frame(FrameRstStream, 0, 1, uint32(8))],
  ['RST_STREAM of another size', 6, START, headers(1, request(), false), frame(FrameRstStream, 0, 1, 'abc')],
  ['SETTINGS on a stream', 1, START, frame(FrameSettings, 0, 1)],
  ['SETTINGS of another size', 6, START, frame(FrameSettings, 0, 0, 'abc')],
  ['SETTINGS ACK with a payload', 6, START, frame(FrameSettings, FlagAck, 0, 'abcdef')],
  ['ENABLE_PUSH 2', 1, START, settings([2, 2])],
  ['INITIAL_WINDOW_SIZE 2^31', 3, START, settings([4, 0x80000000])],
  ['MAX_FRAME_SIZE 16383', 1, START, settings([5, 16383])],
  ['MAX_FRAME_SIZE 2^24', 1, START, settings([5, 16777216])],
  ['PUSH_PROMISE', 1, START, frame(FramePushPromise, FlagEndHeaders, 1, Buffer.concat([uint32(2), block(request())]))],
  ['PING of another size', 6, START, frame(FramePing, 0, 0, '1234567')],
  ['PING on a stream', 1, START, frame(FramePing, 0, 1, '12345678')],
  ['GOAWAY on a stream', 1, START, frame(FrameGoAway, 0, 1, uint32(0, 0))],
  ['WINDOW_UPDATE of another size', 6, START, frame(FrameWindowUpdate, 0, 0, 'abc')],
  ['WINDOW_UPDATE 0 for the connection', 1, START, frame(FrameWindowUpdate, 0, 0, uint32(0))],
  ['WINDOW_UPDATE past the limit', 3, START, frame(FrameWindowUpdate, 0, 0, uint32(0x7fffffff))],
  ['WINDOW_UPDATE of an idle stream', 1, START, frame(FrameWindowUpdate, 0, 7, uint32(1))],
  ['PRIORITY on stream 0', 1, START, frame(FramePriority, 0, 0, '12345')],
]

/** Frames that only their stream pays for. */
const STREAM_ERRORS: readonly (readonly [name: string, code: number, frame: Buffer])[] = [
  ['WINDOW_UPDATE 0', 1, frame(FrameWindowUpdate, 0, 1, uint32(0))],
  ['WINDOW_UPDATE past the limit', 3, frame(FrameWindowUpdate, 0, 1, uint32(0x7fffffff))],
  ['PRIORITY of another size', 6, frame(FramePriority, 0, 1, 'abc')],
  ['PRIORITY on itself', 1, frame(FramePriority, 0, 1, Buffer.concat([uint32(1), Buffer.from([1])]))],
]

describe('HTTP/2 server: frames against the rules', () => {
  for (const [name, code, ...frames] of CONNECTION_ERRORS) {
    it(`${name}: GOAWAY`, () => {
      const bytes = Buffer.concat(frames)
      for (const pieces of [[bytes], [...bytes].map(byte => Buffer.from([byte]))]) {
        const server = new TestServer()
        server.feed(...pieces)
        assert.equal(server.error?.status, 0)
        assert.match(server.frames().at(-1)!, new RegExp(`^GOAWAY 0 last \\d+ code ${code}$`))
        assert.equal(server.stat('goaway_sent'), 1)
      }
    })
  }

  for (const [name, code, bytes] of STREAM_ERRORS) {
    it(`${name}: RST_STREAM`, () => {
      const server = new TestServer()
      server.feed(START, headers(1, request(), false), bytes, headers(3, request()))
      assert.equal(server.error, null)
      assert.ok(server.frames().includes(`RST_STREAM 1 code ${code}`))
      assert.equal(server.messages[0]?.reset, 'protocol_error')
      assert.ok(server.messages[1]?.complete)
    })
  }

  it('frames for streams that have ended', () => {
    const ended = (...frames: Buffer[]): TestServer => {
      const server = new TestServer({}, ({ encoder, decoder }) => {
        decoder.onComplete = () => encoder.encodeHeaders(responseHead(200), true)
      })
      server.feed(START, headers(1, request()), ...frames)
      return server
    }
    assert.equal(ended(data(1, 'x')).frames().at(-1), 'GOAWAY 0 last 1 code 5')
    assert.equal(ended(headers(1, request())).frames().at(-1), 'GOAWAY 0 last 1 code 5')
    assert.equal(ended(frame(FrameWindowUpdate, 0, 1, uint32(1))).error, null)
    assert.equal(ended(frame(FrameRstStream, 0, 1, uint32(8))).error, null)
    // Half closed: the response is still to come.
    const open = new TestServer()
    open.feed(START, headers(1, request()), data(1, 'x'))
    assert.equal(open.frames().at(-1), 'RST_STREAM 1 code 5')
  })

  it('frames that were on their way to a stream that was reset here', () => {
    const server = new TestServer()
    server.feed(START, headers(1, request([], { ':method': 'POST' }), false))
    server.streams[0]!.encoder.resetStream('local_reset')
    assert.equal(server.frames().at(-1), 'RST_STREAM 1 code 0')
    const message = server.messages[0]!
    server.feed(data(1, 'late'), headers(1, [['x-t', '1']]), headers(3, request()))
    assert.equal(server.error, null)
    assert.equal(message.body, '')
    assert.equal(message.reset, null)
    assert.ok(server.messages[1]?.complete)
  })
})

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
      '0000180400000000000008000000010003000004000004010000000063000000070000040800000000' + '00017f0001',
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
    const codes = { local_reset: 0, protocol_error: 1, local_refused_stream_reset: 7, overflow: 0 } as const
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
      'connection: upgrade',
      'upgrade: websocket',
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

describe('HTTP/2 server: limits', () => {
  it('refuses streams above the limit one by one', () => {
    const server = new TestServer({ maxConcurrentStreams: 3 })
    server.feed(START, Buffer.concat([1, 3, 5, 7, 9].map(id => headers(id, request()))))
    assert.deepEqual(
      server.frames().filter(words => words.startsWith('RST')),
      ['RST_STREAM 7 code 7', 'RST_STREAM 9 code 7'],
    )
    assert.equal(server.streams.length, 3)
    assert.equal(server.stat('stream_refused_errors'), 2)
    server.streams[0]!.encoder.encodeHeaders(responseHead(200), true)
    server.feed(headers(11, request()))
    assert.equal(server.streams.length, 4)
  })

  const floods: readonly (readonly [
    name: string,
    stat: string,
    details: string,
    bytes: (i: number) => Buffer,
    most: number,
  ])[] = [
    [
      'PRIORITY',
      'inbound_priority_frames_flood',
      'codec_error:Too_many_PRIORITY_frames',
      () => frame(FramePriority, 0, 9, Buffer.concat([uint32(0), Buffer.from([1])])),
      200,
    ],
    [
      'WINDOW_UPDATE',
      'inbound_window_update_frames_flood',
      'codec_error:Too_many_WINDOW_UPDATE_frames',
      () => frame(FrameWindowUpdate, 0, 1, uint32(1)),
      7,
    ],
    ['empty DATA', 'inbound_empty_frames_flood', 'http2.inbound_empty_frames_flood', () => data(1, ''), 1],
    [
      'PING',
      'outbound_control_flood',
      'codec_error:Too_many_control_frames_in_the_outbound_queue.',
      () => frame(FramePing, 0, 0, '12345678'),
      998,
    ],
    [
      'SETTINGS',
      'outbound_control_flood',
      'codec_error:Too_many_control_frames_in_the_outbound_queue.',
      () => settings(),
      998,
    ],
  ]
  for (const [name, stat, details, bytes, most] of floods) {
    it(`${name} flood: ${most} are borne, and no more`, () => {
      const run = (count: number): TestServer => {
        const server = new TestServer()
        server.feed(START, headers(1, request([], { ':method': 'POST' }), false))
        server.feed(Buffer.concat(Array.from({ length: count }, (_, i) => bytes(i))))
        return server
      }
      assert.equal(run(most).error, null)
      const flooded = run(most + 1)
      assert.deepEqual(flooded.error, { status: 0, details })
      assert.equal(flooded.frames().at(-1), `GOAWAY 0 last 1 code ${EnhanceYourCalm}`)
      assert.equal(flooded.stat(stat), 1)
    })
  }

  it('PINGs that are answered and taken by the peer are no flood', () => {
    const server = new TestServer()
    server.feed(START)
    for (let i = 0; i < 5000; i++) {
      server.feed(frame(FramePing, 0, 0, '12345678'))
      server.memory.take()
    }
    assert.equal(server.error, null)
  })

  it('responses that nobody takes', async () => {
    const server = new TestServer({ maxOutboundFrames: 50 })
    server.feed(START, headers(1, request()))
    const { encoder } = server.streams[0]!
    encoder.encodeHeaders(responseHead(200), false)
    for (let i = 0; i < 60; i++) encoder.encodeData(body('x'), 0, 1, false)
    // Not under the encoder's hands.
    assert.equal(server.error, null)
    await new Promise(process.nextTick)
    assert.deepEqual(server.error, { status: 0, details: 'codec_error:Too_many_frames_in_the_outbound_queue.' })
    assert.equal(server.stat('outbound_flood'), 1)
  })

  const resets: readonly (readonly [name: string, bytes: (id: number) => Buffer])[] = [
    ['Rapid Reset', id => Buffer.concat([headers(id, request()), frame(FrameRstStream, 0, id, uint32(8))])],
    [
      'MadeYouReset by WINDOW_UPDATE 0',
      id => Buffer.concat([headers(id, request()), frame(FrameWindowUpdate, 0, id, uint32(0))]),
    ],
    [
      'MadeYouReset by too large a window',
      id => Buffer.concat([headers(id, request()), frame(FrameWindowUpdate, 0, id, uint32(0x7fffffff))]),
    ],
    ['MadeYouReset by PRIORITY', id => Buffer.concat([headers(id, request()), frame(FramePriority, 0, id, 'abc')])],
    ['MadeYouReset by DATA behind the end', id => Buffer.concat([headers(id, request()), data(id, 'x')])],
    [
      'MadeYouReset by HEADERS behind the end',
      id => Buffer.concat([headers(id, request()), headers(id, [['x', 'y']])]),
    ],
  ]
  for (const [name, bytes] of resets) {
    it(`${name} draws from one bucket`, () => {
      const server = new TestServer({ streamResetBurst: 20, maxOutboundControlFrames: 10000 })
      server.feed(START)
      for (let i = 0; i < 20; i++) server.feed(bytes(i * 2 + 1))
      assert.equal(server.error, null)
      // 33 a second come back.
      server.memory.time.advance(100)
      server.memory.clock.update()
      for (let i = 20; i < 23; i++) server.feed(bytes(i * 2 + 1))
      assert.equal(server.error, null)
      server.feed(bytes(101))
      assert.deepEqual(server.error, { status: 0, details: 'http2.stream_reset_flood' })
      assert.match(server.frames().at(-1)!, /^GOAWAY 0 last \d+ code 11$/)
    })
  }

  it('CONTINUATION frames are bounded in number and in bytes, before their end', () => {
    const many = new TestServer()
    many.feed(START, frame(FrameHeaders, 0, 1, block(request())))
    for (let i = 0; i < 600 && many.error === null; i++) many.feed(frame(FrameContinuation, 0, 1, block([['a', 'b']])))
    assert.equal(many.error?.details, 'http2.header_overflow')
    const large = new TestServer()
    large.feed(START, frame(FrameHeaders, 0, 1, block(request())))
    let sent = 0
    for (; large.error === null; sent++) large.feed(frame(FrameContinuation, 0, 1, Buffer.alloc(16000, 0x82)))
    assert.ok(sent <= 6)
    const empty = new TestServer()
    empty.feed(START, frame(FrameHeaders, 0, 1, block(request())))
    for (let i = 0; i < 2; i++) empty.feed(frame(FrameContinuation, 0, 1))
    assert.equal(empty.error?.details, 'http2.inbound_empty_frames_flood')
  })

  it('a peer that does not answer PING is closed', () => {
    const keepalive = { intervalMs: 1000, timeoutMs: 200, jitterPercent: 0, idleIntervalMs: 0 }
    const server = new TestServer({ keepalive })
    server.feed(START)
    server.frames()
    server.memory.time.advance(1010)
    assert.deepEqual(server.frames(), ['PING 0'])
    server.feed(frame(FramePing, FlagAck, 0, 'outrider'))
    server.memory.time.advance(500)
    assert.equal(server.memory.closedWith, null)
    server.memory.time.advance(600)
    assert.deepEqual(server.frames(), ['PING 0'])
    server.memory.time.advance(250)
    assert.equal(server.memory.closedWith, 0)
    assert.equal(server.stat('keepalive_timeout'), 1)
  })
})
