import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  FlagAck,
  FlagEndHeaders,
  FlagPadded,
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
import { block, clientStart, data, frame, headers, request, settings, uint32 } from './testing/frames.ts'
import { responseHead, TestServer } from './testing/sessions.ts'

const START = clientStart()

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
    assert.equal(server.frames().at(-1), 'RST_STREAM 1 code 2')
    const message = server.messages[0]!
    server.feed(data(1, 'late'), headers(1, [['x-t', '1']]), headers(3, request()))
    assert.equal(server.error, null)
    assert.equal(message.body, '')
    assert.equal(message.reset, null)
    assert.ok(server.messages[1]?.complete)
  })
})
