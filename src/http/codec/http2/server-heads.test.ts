import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { RecordedMessage } from '../testing/recording.ts'
import { FlagEndHeaders, FlagEndStream, FrameContinuation, FrameHeaders } from './constants.ts'
import { block, clientStart, data, type Fields, frame, headers, indexingBlock, request } from './testing/frames.ts'
import { TestServer } from './testing/sessions.ts'

const START = clientStart()

function requestOf(...frames: readonly Buffer[]): RecordedMessage {
  const server = new TestServer()
  server.feed(START, ...frames)
  assert.equal(server.error, null)
  assert.equal(server.streams.length, 1)
  return server.messages[0]!
}

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
      // It is counted and logged, but nobody gets its head.
      assert.equal(server.streams.length, 2)
      assert.deepEqual(server.messages[1]!.headers, [])
      assert.equal(server.stat('rx_messaging_error'), 1)
      // Nothing is read any more.
      server.feed(headers(5, request()))
      assert.equal(server.streams.length, 2)
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
