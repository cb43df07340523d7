import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Corpus } from '../../../../test/harness/corpus.ts'
import { FuzzRandom, fuzz } from '../../../../test/harness/fuzz.ts'
import { HeaderMap } from '../../headers.ts'
import { RecordingDecoder } from '../testing/recording.ts'
import {
  FlagEndHeaders,
  FrameContinuation,
  FrameHeaders,
  FramePing,
  FrameRstStream,
  FrameWindowUpdate,
} from './constants.ts'
import { HpackDecoder } from './hpack/decoder.ts'
import { HeadAssembler } from './hpack/head-assembler.ts'
import {
  block,
  clientStart,
  data,
  frame,
  headers,
  indexingBlock,
  parseFrames,
  request,
  settings,
  uint32,
} from './testing/frames.ts'
import { requestHead, responseHead, TestClient, TestServer } from './testing/sessions.ts'

const SESSIONS = Corpus.ofBytes(new URL('./testdata/sessions/', import.meta.url))
const ANSWERS = Corpus.ofBytes(new URL('./testdata/answers/', import.meta.url))

/** Frames that make sense, in an order that may not. */
function clientFrame(random: FuzzRandom): Buffer {
  const id = random.below(6) * 2 + 1
  switch (random.below(11)) {
    case 0:
    case 1:
      return headers(id, request([['x-a', 'v'.repeat(random.below(40))]]), random.below(2) === 0)
    case 2:
      return frame(
        FrameHeaders,
        FlagEndHeaders | random.below(2),
        id,
        indexingBlock(request([[`x-${random.below(9)}`, 'v']])),
      )
    case 3:
      return frame(FrameHeaders, random.below(64), id, block(request()))
    case 4:
      return data(id, Buffer.alloc(random.below(300)), random.below(3) === 0)
    case 5:
      return frame(FrameWindowUpdate, 0, random.below(2) * id, uint32(random.below(70000)))
    case 6:
      return frame(FrameRstStream, 0, id, uint32(random.below(14)))
    case 7:
      return settings([random.below(9), random.below(random.below(2) === 0 ? 3 : 100_000)])
    case 8:
      return frame(FramePing, random.below(2), 0, '12345678')
    case 9:
      return frame(FrameContinuation, random.below(8), id, block([['x-more', '1']]))
    default:
      return frame(random.below(256), random.below(256), random.below(12), Buffer.alloc(random.below(20)))
  }
}

/** What a client of the corpus sends, and more; often with some bytes changed. */
function session(random: FuzzRandom, known: Buffer): Buffer {
  const start = random.below(8) === 0 ? [] : [random.below(2) === 0 ? known : clientStart()]
  const frames = Array.from({ length: random.below(20) }, () => clientFrame(random))
  const bytes = Buffer.concat([...start, ...frames])
  return random.below(2) === 0 ? bytes : random.mutate(bytes, 1 + random.below(4))
}

/** What a server makes of it; it answers each complete request. */
function serve(pieces: readonly Buffer[]): { messages: unknown; error: unknown; frames: string[]; server: TestServer } {
  const server = new TestServer({ allowConnect: true }, ({ encoder, decoder }) => {
    decoder.onComplete = () => {
      encoder.encodeHeaders(responseHead(200), false)
      encoder.encodeData(Buffer.alloc(100_000), 0, 100_000, true)
    }
  })
  server.feed(...pieces)
  // DATA may be cut elsewhere: its frames depend on when windows open, not on how bytes are split.
  return { messages: server.messages, error: server.error, frames: server.frames(), server }
}

/** However they are split a server reads the same, ends with GOAWAY or not at all, and leaks no stream. */
function checkServer(bytes: Buffer, random: FuzzRandom): void {
  const { server, ...whole } = serve([bytes])
  const { server: other, ...divided } = serve(random.split(bytes))
  assert.deepEqual(divided, whole)
  if (server.error !== null) assert.match(whole.frames.at(-1)!, /^GOAWAY/)
  for (const one of [server, other]) {
    one.codec.onConnectionClosed()
    assert.equal(one.codec.activeStreams, 0)
    assert.equal(one.stat('streams_active'), 0)
    assert.equal(one.stat('pending_send_bytes'), 0)
    assert.ok(one.messages.every(message => message.complete || message.reset !== null || one.error !== null))
  }
}

/** What the codec writes is made of whole, allowed frames. */
function checkWritten(bytes: Buffer, random: FuzzRandom): void {
  const written = serve(random.split(bytes)).server.memory.take()
  const frames = parseFrames(written)
  assert.equal(
    frames.reduce((sum, { payload }) => sum + 9 + payload.length, 0),
    written.length,
  )
  assert.ok(frames.every(({ payload }) => payload.length <= 16384))
}

/** A client survives any origin. */
function checkClient(bytes: Buffer, random: FuzzRandom): void {
  const client = new TestClient({ streamErrorOnInvalidMessage: random.below(2) === 0 })
  const decoders = Array.from({ length: 3 }, () => new RecordingDecoder())
  for (const decoder of decoders) {
    const encoder = client.codec.newStream(decoder)
    encoder.encodeHeaders(requestHead([], 'POST'), false)
    encoder.encodeData(Buffer.alloc(30_000), 0, 30_000, random.below(2) === 0)
  }
  client.feed(...random.split(bytes))
  client.codec.onConnectionClosed('connection_termination', null)
  assert.equal(client.codec.activeStreams, 0)
  assert.equal(client.stat('streams_active'), 0)
  assert.equal(client.told.filter(word => word === 'closed').length, 3)
  for (const { message } of decoders) assert.ok(message.complete || message.reset !== null)
}

function answers(random: FuzzRandom, known: Buffer): Buffer {
  const frames = Array.from({ length: random.below(20) }, () => {
    const id = random.below(4) * 2 + 1
    if (random.below(2) === 0) return clientFrame(random)
    return random.below(2) === 0
      ? headers(id, [[':status', random.pick(['200', '103', '404', '20', '101'])]], random.below(2) === 0)
      : data(id, Buffer.alloc(random.below(99)), random.below(2) === 0)
  })
  const bytes = Buffer.concat([random.below(2) === 0 ? known : settings(), ...frames])
  return random.below(2) === 0 ? bytes : random.mutate(bytes, 3)
}

/** Every file in many splits. */
function replay(corpus: Corpus<Buffer>, check: (bytes: Buffer, random: FuzzRandom) => void): void {
  corpus.replay(bytes => {
    for (let seed = 0; seed < 6; seed++) check(bytes, new FuzzRandom(seed))
  })
}

describe('HTTP/2: bytes at random', () => {
  it('sessions of the corpus', () => {
    replay(SESSIONS, checkServer)
    replay(SESSIONS, checkWritten)
  })
  it('answers of the corpus', () => replay(ANSWERS, checkClient))
  it('sessions made of them: what a server reads', () => SESSIONS.fuzz(session, checkServer))
  it('sessions made of them: what it writes', () => SESSIONS.fuzz(session, checkWritten))
  it('answers made of them', () => ANSWERS.fuzz(answers, checkClient))

  it('header blocks at random decode or do not; the table keeps its bounds, and lines are lines', () => {
    fuzz(random => {
      const decoder = new HpackDecoder(65536)
      const head = new HeadAssembler()
      for (let i = 0; i < 20; i++) {
        const good = random.below(2) === 0 ? block(request()) : indexingBlock(request([[`x-${i}`, 'value']]))
        const bytes = random.below(4) === 0 ? random.bytes(40) : random.mutate(good, random.below(3))
        head.begin(0, { maxBytes: 2000, maxCount: 20, underscores: 'ALLOW' }, false)
        const whole = decoder.decode(bytes, 0, bytes.length, head)
        assert.ok(decoder.table.size <= decoder.table.maxSize && decoder.table.maxSize <= 4096)
        if (whole && head.failure === 0) {
          head.headers.forEach((name, value) => {
            assert.match(name, /^[!#$%&'*+\-.^_`|~0-9a-z]+$/)
            assert.doesNotMatch(value, /[\x00-\x08\x0a-\x1f\x7f]|^[ \t]|[ \t]$/)
          })
          assert.doesNotMatch(head.headers.path, /[\x00-\x20\x7f]/)
        }
        HeaderMap.release(head.headers)
        if (!whole) break
      }
    })
  })
})
