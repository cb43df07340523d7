import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  EnhanceYourCalm,
  FlagAck,
  FrameContinuation,
  FrameHeaders,
  FramePing,
  FramePriority,
  FrameRstStream,
  FrameWindowUpdate,
} from './constants.ts'
import { block, clientStart, data, frame, headers, request, settings, uint32 } from './testing/frames.ts'
import { responseHead, TestServer } from './testing/sessions.ts'

const START = clientStart()
const body = (text: string): Buffer => Buffer.from(text, 'latin1')

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
