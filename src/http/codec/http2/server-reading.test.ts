import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { RecordedMessage } from '../testing/recording.ts'
import {
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
  FrameRstStream,
  FrameWindowUpdate,
} from './constants.ts'
import { block, clientStart, data, frame, headers, indexingBlock, request, settings, uint32 } from './testing/frames.ts'
import { TestServer } from './testing/sessions.ts'

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
