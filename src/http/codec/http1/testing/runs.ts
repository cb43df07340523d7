// Test kit of the HTTP/1.1 codecs: byte streams in, recorded messages out; and messages that make sense.
import { HeaderName } from '../../../header-name.ts'
import { HeaderMap } from '../../../headers.ts'
import type { CodecError } from '../../codec.ts'
import { MemoryConnection } from '../../testing/memory-connection.ts'
import { type RecordedMessage, RecordingDecoder } from '../../testing/recording.ts'
import { Http1ClientCodec } from '../client.ts'
import type { Http1Options } from '../options.ts'
import { Http1ServerCodec } from '../server.ts'

export const OPTIONS: Http1Options = {
  limits: { maxBytes: 61440, maxCount: 100, underscores: 'ALLOW' },
  acceptHttp10: true,
  defaultHostForHttp10: '',
  enableTrailers: true,
  allowChunkedLength: false,
  allowAbsoluteUrl: true,
  refuseHttpsInPlaintext: false,
  headerCase: null,
  preserveCase: null,
  customMethods: false,
  fullyQualifiedUrl: false,
  ignoredUpgrades: [],
}

export interface ServerRun {
  readonly requests: RecordedMessage[]
  readonly error: CodecError | null
  /** Header lines left out for their underscore. */
  readonly dropped: number
}

/** Feeds a byte stream in the given pieces; each request is answered at once, so the next may follow. */
export function serve(pieces: readonly Buffer[], options: Http1Options = OPTIONS): ServerRun {
  const memory = new MemoryConnection()
  const requests: RecordedMessage[] = []
  let error: CodecError | null = null
  let dropped = 0
  const codec: Http1ServerCodec = new Http1ServerCodec(
    memory.connection,
    {
      newStream: () => {
        const decoder = new RecordingDecoder()
        requests.push(decoder.message)
        decoder.onComplete = () => {
          pending.push(() => {
            codec.encodeData(Buffer.alloc(0), 0, 0, true)
            codec.resumePipelined()
          })
        }
        return decoder
      },
      onCodecError: found => {
        error = found
      },
      onUnderscoresDropped: count => {
        dropped += count
      },
    },
    options,
  )
  const pending: (() => void)[] = []
  for (const piece of pieces) {
    codec.dispatch(piece, 0, piece.length)
    for (let next = pending.shift(); next !== undefined; next = pending.shift()) next()
  }
  return { requests, error, dropped }
}

export interface ClientRun {
  readonly response: RecordedMessage
  readonly interim: readonly number[]
  readonly error: string | null
  readonly reusable: boolean | null
}

export function receive(pieces: readonly Buffer[], method = 'GET', closed = false): ClientRun {
  let error: string | null = null
  let reusable: boolean | null = null
  const codec = new Http1ClientCodec(
    new MemoryConnection().connection,
    {
      onStreamComplete: value => {
        reusable = value
      },
      onProtocolError: details => {
        error = details
      },
    },
    OPTIONS,
  )
  const decoder = new RecordingDecoder()
  const encoder = codec.newStream(decoder)
  const head = requestHead(method)
  encoder.encodeHeaders(head, true)
  for (const piece of pieces) if (error === null) codec.dispatch(piece, 0, piece.length)
  if (closed) codec.onConnectionClosed()
  return { response: decoder.message, interim: decoder.interim, error, reusable }
}

export function requestHead(method: string): HeaderMap {
  const head = HeaderMap.acquire()
  head.method = method
  head.path = '/'
  head.append(HeaderName.of('host'), 'a')
  return head
}

export const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')
export const split = (text: string, at: number): Buffer[] => [bytes(text.slice(0, at)), bytes(text.slice(at))]
export const oneByOne = (text: string): Buffer[] => [...text].map(bytes)

export const GOOD_REQUESTS: readonly string[] = [
  'GET / HTTP/1.1\r\nhost: a\r\n\r\n',
  '\r\n\r\nGET /p?q=1 HTTP/1.1\r\nHost: a.test\r\nX-A:   v  w  \r\nx-empty:\r\n\r\n',
  'POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhelloGET /2 HTTP/1.1\r\nhost: b\r\n\r\n',
  'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n3;ext=1\r\ncde\r\n0\r\nX-T: 1\r\nx-u: 2\r\n\r\nGET /3 HTTP/1.1\r\nhost: c\r\n\r\n',
  'GET http://other.test:81/p?q HTTP/1.1\r\nhost: a\r\n\r\n',
  'CONNECT a.test:443 HTTP/1.1\r\nhost: a.test:443\r\n\r\nraw bytes',
  'GET / HTTP/1.1\nhost: a\nx-b: \x85admin\xa0\n\n',
  'GET / HTTP/1.1\r\nhost: a\r\nx-a: 1\r\n  folded\r\nx-b: 2\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n',
  'GET / HTTP/1.0\r\nhost: a\r\n\r\n',
]

export const GOOD_RESPONSES: readonly (readonly [text: string, method: string, closed: boolean])[] = [
  ['HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello', 'GET', false],
  ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\nx-t: 1\r\n\r\n', 'GET', false],
  ['HTTP/1.0 200 OK\r\n\r\nuntil close', 'GET', true],
  ['HTTP/1.1 204 No Content\r\n\r\n', 'GET', false],
  ['HTTP/1.1 304 Not Modified\r\ncontent-length: 10\r\n\r\n', 'GET', false],
  ['HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n', 'HEAD', false],
  [
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 Fine\r\ncontent-length: 2\r\n\r\nok',
    'GET',
    false,
  ],
  ['HTTP/1.1 200\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok', 'GET', false],
]
