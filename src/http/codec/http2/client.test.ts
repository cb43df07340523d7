import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { RequestEncoder } from '../codec.ts'
import { RecordingDecoder } from '../testing/recording.ts'
import {
  FlagAck,
  FlagEndHeaders,
  FrameGoAway,
  FrameHeaders,
  FramePing,
  FramePushPromise,
  FrameRstStream,
  MAX_STREAM_ID,
} from './constants.ts'
import type { Http2Options } from './options.ts'
import { block, data, type Fields, frame, headers, parseFrames, settings, uint32 } from './testing/frames.ts'
import { headOf, requestHead, TestClient } from './testing/sessions.ts'

const OK: Fields = [[':status', '200']]
const goAway = (last: number, code = 0): Buffer => frame(FrameGoAway, 0, 0, uint32(last, code))
const reset = (id: number, code: number): Buffer => frame(FrameRstStream, 0, id, uint32(code))

interface Started {
  readonly client: TestClient
  readonly decoders: RecordingDecoder[]
  readonly encoders: RequestEncoder[]
}

/** A client with `count` requests under way. */
function started(count = 1, options: Partial<Http2Options> = {}, method = 'GET', endStream = true): Started {
  const client = new TestClient(options)
  client.feed(settings())
  const decoders = Array.from({ length: count }, () => new RecordingDecoder())
  const encoders = decoders.map(decoder => {
    const encoder = client.codec.newStream(decoder)
    encoder.encodeHeaders(requestHead([], method), endStream)
    return encoder
  })
  client.frames()
  return { client, decoders, encoders }
}

describe('HTTP/2 client: requests', () => {
  it('begins with preface, SETTINGS and its window', () => {
    const bytes = new TestClient().memory.take()
    assert.equal(bytes.latin1Slice(0, 24), 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    assert.equal(
      bytes.subarray(24).toString('hex'),
      '00001e040000000000000100001000000800000000000300000400000401000000000200000000' + '000004080000000000017f0001',
    )
  })

  it('sends head, data and trailers, with ids in the order of the heads', () => {
    const client = new TestClient()
    client.feed(settings())
    client.frames()
    const [first, second] = [
      client.codec.newStream(new RecordingDecoder()),
      client.codec.newStream(new RecordingDecoder()),
    ]
    assert.equal(client.codec.activeStreams, 2)
    second.encodeHeaders(requestHead(), true)
    first.encodeHeaders(requestHead([], 'POST'), false)
    first.encodeData(Buffer.from('abc'), 0, 3, false)
    first.encodeTrailers(headOf([['x-t', '1']]))
    assert.deepEqual(client.frames(), ['HEADERS 1 END', 'HEADERS 3', 'DATA 3 size 3', 'HEADERS 3 END'])
  })

  it('resets with the code of the reason, and without a frame where nothing was sent', () => {
    const { client, encoders, decoders } = started(2)
    encoders[0]!.resetStream('local_reset')
    encoders[1]!.resetStream('local_refused_stream_reset')
    assert.deepEqual(client.frames(), ['RST_STREAM 1 code 2', 'RST_STREAM 3 code 7'])
    const unsent = client.codec.newStream(new RecordingDecoder())
    unsent.resetStream('local_reset')
    assert.deepEqual(client.frames(), [])
    assert.equal(client.codec.activeStreams, 0)
    assert.deepEqual(client.told, ['closed', 'closed', 'closed'])
    assert.equal(decoders[0]!.message.reset, null)
  })
})

describe('HTTP/2 client: responses', () => {
  const good: readonly (readonly [name: string, bytes: Buffer, method?: string])[] = [
    ['a head only', headers(1, OK)],
    [
      'a body',
      Buffer.concat([headers(1, [...OK, ['content-length', '5']], false), data(1, 'he'), data(1, 'llo', true)]),
    ],
    [
      'informational heads first',
      Buffer.concat([
        headers(
          1,
          [
            [':status', '103'],
            ['link', '</a>'],
          ],
          false,
        ),
        headers(1, [[':status', '100']], false),
        headers(1, OK),
      ]),
    ],
    ['trailers', Buffer.concat([headers(1, OK, false), data(1, 'x'), headers(1, [['grpc-status', '0']])])],
    ['the length of what HEAD leaves out', headers(1, [...OK, ['content-length', '5']]), 'HEAD'],
    [
      '304 with a length',
      headers(1, [
        [':status', '304'],
        ['content-length', '5'],
      ]),
    ],
  ]
  for (const [name, bytes, method] of good) {
    it(`reads ${name} the same however it is split`, () => {
      const run = (pieces: readonly Buffer[]): unknown => {
        const { client, decoders } = started(1, {}, method)
        client.feed(...pieces)
        return { message: decoders[0]!.message, interim: decoders[0]!.interim, told: client.told }
      }
      const whole = run([bytes]) as { message: { complete: boolean }; told: string[] }
      assert.ok(whole.message.complete)
      assert.deepEqual(whole.told, ['closed'])
      for (let at = 1; at < bytes.length; at++)
        assert.deepEqual(run([bytes.subarray(0, at), bytes.subarray(at)]), whole)
    })
  }

  const VIOLATION = 'http2.violation.of.messaging.rule'
  const INVALID = 'http2.invalid.header.field'
  const bad: readonly (readonly [name: string, details: string, bytes: Buffer])[] = [
    ['no status', VIOLATION, headers(1, [['x-a', '1']])],
    ['a status of four digits', INVALID, headers(1, [[':status', '2000']])],
    ['101', VIOLATION, headers(1, [[':status', '101']], false)],
    ['a pseudo-header of requests', INVALID, headers(1, [...OK, [':path', '/']])],
    ['CR and LF in a value', INVALID, headers(1, [...OK, ['x-a', 'a\r\nb: c']])],
    ['transfer-encoding', INVALID, headers(1, [...OK, ['transfer-encoding', 'chunked']])],
    ['two lengths', INVALID, headers(1, [...OK, ['content-length', '1'], ['content-length', '2']], false)],
    ['an informational head that ends the stream', VIOLATION, headers(1, [[':status', '103']])],
    ['trailers that end nothing', VIOLATION, Buffer.concat([headers(1, OK, false), headers(1, [['x-t', '1']], false)])],
    ['a length without a body', VIOLATION, headers(1, [...OK, ['content-length', '5']])],
    [
      'endless informational heads',
      VIOLATION,
      Buffer.concat(Array.from({ length: 40 }, () => headers(1, [[':status', '103']], false))),
    ],
  ]
  for (const [name, details, bytes] of bad) {
    it(`${name}: the connection ends, or with the option the stream`, () => {
      const strict = started(2)
      strict.client.feed(bytes, headers(3, OK))
      assert.deepEqual(strict.client.told, [details])
      assert.match(strict.client.frames().at(-1)!, /^GOAWAY 0 last 0 code 1$/)
      strict.client.codec.onConnectionClosed('protocol_error', details)
      assert.deepEqual(
        strict.decoders.map(({ message }) => message.reset),
        ['protocol_error', 'protocol_error'],
      )
      const lenient = started(2, { streamErrorOnInvalidMessage: true })
      lenient.client.feed(bytes, headers(3, OK))
      assert.equal(lenient.decoders[0]!.message.reset, 'protocol_error')
      assert.ok(lenient.client.frames().includes('RST_STREAM 1 code 1'))
      assert.ok(lenient.decoders[1]!.message.complete)
    })
  }

  const fatal: readonly (readonly [name: string, bytes: Buffer])[] = [
    ['PUSH_PROMISE', frame(FramePushPromise, FlagEndHeaders, 1, Buffer.concat([uint32(2), block(OK)]))],
    ['ENABLE_PUSH', settings([2, 1])],
    ['a head on a stream nobody opened', headers(9, OK)],
    ['a head on an even stream', headers(2, OK)],
    ['data on a stream nobody opened', data(9, 'x')],
  ]
  for (const [name, bytes] of fatal) {
    it(`${name} ends the connection`, () => {
      const { client } = started()
      client.feed(bytes)
      assert.match(client.frames().at(-1)!, /^GOAWAY 0 last 0 code 1$/)
      assert.equal(client.told.length, 1)
    })
  }

  it('body bytes before a head, or in answer to HEAD, reset the stream', () => {
    for (const [method, bytes] of [
      ['GET', data(1, 'x')],
      ['HEAD', Buffer.concat([headers(1, OK, false), data(1, 'x')])],
    ] as const) {
      const { client, decoders } = started(1, {}, method)
      client.feed(bytes)
      assert.ok(client.frames().includes('RST_STREAM 1 code 1'))
      assert.equal(decoders[0]!.message.reset, 'protocol_error')
    }
  })

  it('too large a head resets its stream', () => {
    const { client, decoders } = started(1, { limits: { maxBytes: 1000, maxCount: 100, underscores: 'ALLOW' } })
    client.feed(headers(1, [...OK, ['x-large', 'v'.repeat(1000)]]))
    assert.equal(decoders[0]!.message.reset, 'remote_reset')
    assert.equal(client.stat('header_list_size_too_large'), 1)
    assert.deepEqual(client.told, ['closed'])
  })
})

describe('HTTP/2 client: ends', () => {
  it('a reset by the origin is told, refused ones as such', () => {
    const { client, decoders } = started(2)
    client.feed(reset(1, 8), reset(3, 7))
    assert.deepEqual(
      decoders.map(({ message }) => message.reset),
      ['remote_reset', 'remote_refused_stream_reset'],
    )
    assert.deepEqual(client.told, ['closed', 'closed'])
  })

  it('NO_ERROR behind a complete response is no failure: the rest of the request is not wanted', () => {
    const { client, decoders, encoders } = started(1, {}, 'POST', false)
    client.feed(headers(1, OK))
    assert.ok(decoders[0]!.message.complete)
    assert.deepEqual(client.told, [])
    client.feed(reset(1, 0))
    assert.equal(decoders[0]!.message.reset, null)
    assert.deepEqual(client.told, ['closed'])
    client.frames()
    encoders[0]!.encodeData(Buffer.from('more'), 0, 4, true)
    assert.deepEqual(client.frames(), [])
  })

  it('GOAWAY: streams above its last id are refused, those below finish', () => {
    const { client, decoders } = started(3)
    const waiting = new RecordingDecoder()
    client.codec.newStream(waiting)
    client.feed(goAway(3))
    assert.deepEqual(
      decoders.map(({ message }) => message.reset),
      [null, null, 'remote_refused_stream_reset'],
    )
    assert.equal(waiting.message.reset, 'remote_refused_stream_reset')
    assert.deepEqual(client.told, ['goaway', 'closed', 'closed'])
    assert.equal(client.codec.canOpenStream, false)
    client.feed(headers(1, OK), headers(3, OK))
    assert.ok(decoders[0]!.message.complete && decoders[1]!.message.complete)
    assert.equal(client.codec.activeStreams, 0)
    const late = new RecordingDecoder()
    client.codec.newStream(late).encodeHeaders(requestHead(), true)
    assert.equal(late.message.reset, 'remote_refused_stream_reset')
  })

  it('used up ids are a GOAWAY', () => {
    const { client } = started()
    Object.assign(client.codec, { nextId: MAX_STREAM_ID })
    const decoder = new RecordingDecoder()
    client.codec.newStream(decoder).encodeHeaders(requestHead(), true)
    assert.deepEqual(client.frames(), [`HEADERS ${MAX_STREAM_ID} END`])
    assert.equal(client.codec.canOpenStream, false)
    assert.deepEqual(client.told, ['goaway'])
    client.feed(headers(MAX_STREAM_ID, OK))
    assert.ok(decoder.message.complete)
  })

  it('a lost connection is told to all, but to those whose response is complete', () => {
    const { client, decoders } = started(2, {}, 'POST', false)
    const unsent = new RecordingDecoder()
    client.codec.newStream(unsent)
    client.feed(headers(1, OK))
    client.codec.onConnectionClosed('connection_termination', null)
    assert.deepEqual(
      decoders.map(({ message }) => message.reset),
      [null, 'connection_termination'],
    )
    assert.equal(unsent.message.reset, 'connection_termination')
    assert.equal(client.codec.activeStreams, 0)
    assert.equal(client.stat('streams_active'), 0)
  })

  it('knows how many streams the peer takes', () => {
    const client = new TestClient({ maxConcurrentStreams: 100 })
    assert.equal(client.codec.maxConcurrentStreams, 100)
    client.feed(settings([3, 5]))
    assert.equal(client.codec.maxConcurrentStreams, 5)
    client.feed(settings([3, 0]))
    client.feed(settings([3, 4000]))
    assert.equal(client.codec.maxConcurrentStreams, 100)
    assert.deepEqual(client.told, ['limit 5', 'limit 0', 'limit 100'])
  })

  it('asks a quiet connection before it is used again', () => {
    const keepalive = { intervalMs: 0, timeoutMs: 500, jitterPercent: 0, idleIntervalMs: 3000 }
    const { client } = started(1, { keepalive })
    const next = (): string[] => {
      client.codec.newStream(new RecordingDecoder()).encodeHeaders(requestHead(), true)
      return client.frames()
    }
    assert.deepEqual(next(), ['HEADERS 3 END'])
    client.memory.time.advance(4000)
    client.memory.clock.update()
    assert.deepEqual(next(), ['PING 0', 'HEADERS 5 END'])
    client.feed(frame(FramePing, FlagAck, 0, 'outrider'))
    client.memory.time.advance(1000)
    assert.equal(client.memory.closedWith, null)
    client.memory.time.advance(4000)
    client.memory.clock.update()
    assert.deepEqual(next(), ['PING 0', 'HEADERS 7 END'])
    client.memory.time.advance(600)
    assert.equal(client.memory.closedWith, 0)
  })
})

describe('HTTP/2 client: extended CONNECT', () => {
  const upgrade = () =>
    requestHead(
      [
        ['connection', 'Upgrade'],
        ['upgrade', 'websocket'],
        ['x-a', '1'],
      ],
      'GET',
      '/chat',
    )

  function upgraded(...first: Buffer[]): { client: TestClient; decoder: RecordingDecoder; encoder: RequestEncoder } {
    const client = new TestClient()
    client.feed(...first)
    client.frames()
    const decoder = new RecordingDecoder()
    const encoder = client.codec.newStream(decoder)
    encoder.encodeHeaders(upgrade(), false)
    return { client, decoder, encoder }
  }

  it('carries an upgrade, and its 200 comes back as 101', () => {
    const { client, decoder, encoder } = upgraded(settings([8, 1]))
    const [head] = parseFrames(client.memory.take())
    assert.equal(head?.type, FrameHeaders)
    const text = head!.payload.latin1Slice(0, head!.payload.length)
    assert.match(text, /CONNECT.*\/chat.*:protocol\twebsocket/s)
    assert.doesNotMatch(text, /upgrade|connection/i)
    client.feed(headers(1, OK, false))
    assert.equal(decoder.message.start, '101')
    assert.deepEqual(decoder.message.headers, ['upgrade: websocket', 'connection: upgrade'])
    encoder.encodeData(Buffer.from('ping'), 0, 4, false)
    client.feed(data(1, 'pong'))
    assert.deepEqual(client.frames(), ['DATA 1 size 4'])
    assert.equal(decoder.message.body, 'pong')
  })

  it('another answer is handed on as it is', () => {
    const { client, decoder } = upgraded(settings([8, 1]))
    client.feed(headers(1, [[':status', '403']]))
    assert.equal(decoder.message.start, '403')
    assert.ok(decoder.message.complete)
  })

  it('waits for the SETTINGS that say whether it may', () => {
    const { client, encoder } = upgraded()
    encoder.encodeData(Buffer.from('early'), 0, 5, false)
    assert.deepEqual(client.frames(), [])
    client.feed(settings([8, 1]))
    assert.deepEqual(client.frames(), ['SETTINGS 0 ACK', 'HEADERS 1', 'DATA 1 size 5'])
  })

  it('is not sent to an origin that does not know it', () => {
    for (const first of [[], [settings()]]) {
      const { client, decoder } = upgraded(...first)
      if (first.length === 0) client.feed(settings())
      assert.equal(decoder.message.reset, 'protocol_error')
      assert.ok(client.frames().every(words => words.startsWith('SETTINGS')))
      assert.deepEqual(client.told, ['closed'])
    }
  })
})
