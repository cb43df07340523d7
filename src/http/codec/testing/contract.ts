// The codec contract as tests: what every pair of client and server half must do. HTTP/1 and HTTP/2 both run it.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HeaderName } from '../../header-name.ts'
import { HeaderMap } from '../../headers.ts'
import type { RequestDecoder, RequestEncoder, ResponseDecoder, ResponseEncoder, ServerCodec } from '../codec.ts'
import { RecordingDecoder } from './recording.ts'

/** Both halves of one connection, without a socket between them. */
export interface CodecPair {
  readonly server: ServerCodec
  newStream(decoder: ResponseDecoder): RequestEncoder
  /** Hands what each half has written to the other, in pieces of `pieceBytes`, until both are silent. */
  pump(pieceBytes: number): void
}

export type NewServerStream = (encoder: ResponseEncoder) => RequestDecoder
export type MakePair = (newStream: NewServerStream) => CodecPair

type Fields = readonly (readonly [name: string, value: string])[]

function head(fields: Fields, set: Partial<Pick<HeaderMap, 'status' | 'method' | 'scheme' | 'path'>> = {}): HeaderMap {
  const headers = HeaderMap.acquire()
  for (const [name, value] of fields) headers.append(HeaderName.of(name), value)
  return Object.assign(headers, set)
}

const request = (method: string, fields: Fields = [], path = '/path?query'): HeaderMap =>
  head([['host', 'a.test'], ...fields], { method, path, scheme: 'http' })
const response = (status: number, fields: Fields = []): HeaderMap => head(fields, { status })
const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1')

/** One exchange: the request goes out as `ask` says, and is answered as `answer` says once it is complete. */
class Exchange {
  readonly asked = new RecordingDecoder()
  readonly answered = new RecordingDecoder()
  readonly pair: CodecPair

  constructor(makePair: MakePair, answer: (encoder: ResponseEncoder) => void) {
    this.pair = makePair(encoder => {
      this.asked.onComplete = () => answer(encoder)
      return this.asked
    })
  }

  run(pieceBytes: number, ask: (encoder: RequestEncoder) => void): this {
    ask(this.pair.newStream(this.answered))
    this.pair.pump(pieceBytes)
    return this
  }
}

const PIECES = [1, 7, 1000, 1_000_000]

export function describeCodecContract(name: string, makePair: MakePair): void {
  const each = (title: string, check: (pieceBytes: number) => void): void => {
    it(title, () => {
      for (const pieceBytes of PIECES) check(pieceBytes)
    })
  }

  describe(`${name}: the codec contract`, () => {
    each('a request without a body, and a response with one', pieceBytes => {
      const { asked, answered } = new Exchange(makePair, encoder => {
        encoder.encodeHeaders(
          response(200, [
            ['x-reply', 'caf\xe9'],
            ['content-length', '5'],
          ]),
          false,
        )
        encoder.encodeData(latin1('hello'), 0, 5, true)
      }).run(pieceBytes, encoder => encoder.encodeHeaders(request('GET', [['x-ask', 'a  b']]), true))
      assert.equal(asked.message.start, 'GET /path?query')
      assert.deepEqual(asked.message.headers, ['host: a.test', 'x-ask: a  b'])
      assert.equal(answered.message.start, '200')
      assert.deepEqual(answered.message.headers, ['x-reply: caf\xe9', 'content-length: 5'])
      assert.equal(answered.message.body, 'hello')
      assert.ok(asked.message.complete && answered.message.complete)
    })

    each('bodies with and without a length, in several pieces', pieceBytes => {
      for (const fields of [[], [['content-length', '6']]] as Fields[]) {
        const { asked, answered } = new Exchange(makePair, encoder => {
          encoder.encodeHeaders(response(200, fields), false)
          encoder.encodeData(latin1('rep'), 0, 3, false)
          encoder.encodeData(latin1('..ly!..'), 2, 5, false)
          encoder.encodeData(Buffer.alloc(0), 0, 0, true)
        }).run(pieceBytes, encoder => {
          encoder.encodeHeaders(request('POST', fields), false)
          encoder.encodeData(latin1('as'), 0, 2, false)
          encoder.encodeData(latin1('king'), 0, 4, true)
        })
        assert.equal(asked.message.body, 'asking')
        assert.equal(answered.message.body, 'reply!')
        assert.ok(answered.message.complete)
      }
    })

    each('trailers both ways', pieceBytes => {
      const { asked, answered } = new Exchange(makePair, encoder => {
        encoder.encodeHeaders(response(200), false)
        encoder.encodeData(latin1('x'), 0, 1, false)
        encoder.encodeTrailers(head([['x-reply-trailer', '2']]))
      }).run(pieceBytes, encoder => {
        encoder.encodeHeaders(request('POST'), false)
        encoder.encodeData(latin1('y'), 0, 1, false)
        encoder.encodeTrailers(head([['x-ask-trailer', '1']]))
      })
      assert.deepEqual(asked.message.trailers, ['x-ask-trailer: 1'])
      assert.deepEqual(answered.message.trailers, ['x-reply-trailer: 2'])
      assert.ok(asked.message.complete && answered.message.complete)
    })

    each('informational responses in front of the final one', pieceBytes => {
      const { answered } = new Exchange(makePair, encoder => {
        encoder.encode1xxHeaders(response(103, [['link', '</style.css>']]))
        encoder.encodeHeaders(response(204), true)
      }).run(pieceBytes, encoder => encoder.encodeHeaders(request('GET'), true))
      assert.deepEqual(answered.interim, [103])
      assert.equal(answered.message.start, '204')
      assert.ok(answered.message.complete)
    })

    each('a response to HEAD keeps its length and has no body', pieceBytes => {
      const { answered } = new Exchange(makePair, encoder => {
        encoder.encodeHeaders(response(200, [['content-length', '5']]), false)
        encoder.encodeData(latin1('hello'), 0, 5, true)
      }).run(pieceBytes, encoder => encoder.encodeHeaders(request('HEAD'), true))
      assert.deepEqual(answered.message.headers, ['content-length: 5'])
      assert.equal(answered.message.body, '')
      assert.ok(answered.message.complete)
    })

    it('large bodies both ways, byte for byte', () => {
      const body = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 31 + (i >> 8)) & 255))
      for (const pieceBytes of [999, 65536]) {
        const { asked, answered } = new Exchange(makePair, encoder => {
          encoder.encodeHeaders(response(200), false)
          for (let at = 0; at < body.length; at += 70_000) {
            encoder.encodeData(body, at, Math.min(at + 70_000, body.length), at + 70_000 >= body.length)
          }
        }).run(pieceBytes, encoder => {
          encoder.encodeHeaders(request('POST'), false)
          encoder.encodeData(body, 0, body.length, true)
        })
        assert.ok(latin1(asked.message.body).equals(body))
        assert.ok(latin1(answered.message.body).equals(body))
      }
    })

    each('several requests, one behind the other', pieceBytes => {
      const starts: string[] = []
      const pair = makePair(encoder => {
        const decoder = new RecordingDecoder()
        decoder.onComplete = () => {
          starts.push(decoder.message.start)
          encoder.encodeHeaders(response(200, [['x-n', String(starts.length)]]), false)
          encoder.encodeData(latin1(`answer ${starts.length}`), 0, 8, true)
        }
        return decoder
      })
      for (let i = 1; i <= 4; i++) {
        const answered = new RecordingDecoder()
        pair.newStream(answered).encodeHeaders(request('GET', [], `/${i}`), true)
        pair.pump(pieceBytes)
        assert.deepEqual(answered.message.headers[0], `x-n: ${i}`)
        assert.equal(answered.message.body, `answer ${i}`)
      }
      assert.deepEqual(starts, ['GET /1', 'GET /2', 'GET /3', 'GET /4'])
      assert.equal(pair.server.activeStreams, 0)
    })

    each('an upgrade, and bytes both ways behind it', pieceBytes => {
      const upgrade: Fields = [
        ['connection', 'upgrade'],
        ['upgrade', 'websocket'],
      ]
      const asked = new RecordingDecoder()
      const answered = new RecordingDecoder()
      let encoder: ResponseEncoder | null = null
      const pair = makePair(own => {
        encoder = own
        return asked
      })
      const ask = pair.newStream(answered)
      ask.encodeHeaders(request('GET', upgrade), false)
      pair.pump(pieceBytes)
      assert.equal(asked.message.start, 'GET /path?query')
      assert.ok(asked.message.headers.includes('upgrade: websocket'))
      const server = encoder as ResponseEncoder | null
      server?.encodeHeaders(response(101, upgrade), false)
      server?.upgradeToTunnel()
      pair.pump(pieceBytes)
      assert.equal(answered.message.start, '101')
      ask.encodeData(latin1('to the server'), 0, 13, false)
      server?.encodeData(latin1('to the client'), 0, 13, false)
      pair.pump(pieceBytes)
      assert.equal(asked.message.body, 'to the server')
      assert.equal(answered.message.body, 'to the client')
    })

    it('a stream under way hears of watermarks, and that its connection is gone', () => {
      const heard: string[] = []
      class Watched extends RecordingDecoder {
        override onAboveWriteBufferHighWatermark(): void {
          heard.push('above')
        }
        override onBelowWriteBufferLowWatermark(): void {
          heard.push('below')
        }
      }
      const asked = new Watched()
      const pair = makePair(() => asked)
      pair.newStream(new RecordingDecoder()).encodeHeaders(request('GET'), true)
      pair.pump(1_000_000)
      assert.equal(pair.server.activeStreams, 1)
      pair.server.onAboveWriteBufferHighWatermark()
      pair.server.onBelowWriteBufferLowWatermark()
      assert.deepEqual(heard, ['above', 'below'])
      pair.server.onConnectionClosed()
      assert.equal(asked.message.reset, 'connection_termination')
      assert.equal(pair.server.activeStreams, 0)
    })
  })
}
