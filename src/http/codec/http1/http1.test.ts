import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemoryConnection } from '../testing/memory-connection.ts'
import { RecordingDecoder } from '../testing/recording.ts'
import { Http1ClientCodec } from './client.ts'
import {
  bytes,
  GOOD_REQUESTS,
  GOOD_RESPONSES,
  OPTIONS,
  oneByOne,
  receive,
  requestHead,
  serve,
  split,
} from './testing/runs.ts'

const BAD_REQUESTS: readonly (readonly [text: string, status: number, details: string])[] = [
  ['hello\r\n\r\n', 400, 'http1.codec_error'],
  ['GE(T / HTTP/1.1\r\nhost: a\r\n\r\n', 400, 'http1.codec_error'],
  ['GET / http/1.1\r\nhost: a\r\n\r\n', 400, 'http1.codec_error'],
  ['GET  / HTTP/1.1\r\nhost: a\r\n\r\n', 400, 'http1.codec_error'],
  ['GET\t/ HTTP/1.1\r\nhost: a\r\n\r\n', 400, 'http1.codec_error'],
  ['GET / HTTP/1.1\r\nhost: a\r\nbroken\r\n\r\n', 400, 'http1.codec_error'],
  ['GET / HTTP/1.1\r\nhost: a\r\nx-a : 1\r\n\r\n', 400, 'http1.codec_error'],
  ['GET / HTTP/1.1\r\n x-a: 1\r\nhost: a\r\n\r\n', 400, 'http1.codec_error'],
  ['GET / HTTP/1.1\r\nhost: a\r\n: empty\r\n\r\n', 400, 'http1.codec_error'],
  ['GET / HTTP/1.1\r\nhost: a\r\nx-a: 1\x002\r\n\r\n', 400, 'http1.invalid_characters'],
  ['GET / HTTP/1.1\r\nhost: a\r\nx-a: va\rlue\r\n\r\n', 400, 'http1.invalid_characters'],
  ['GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n', 400, 'http1.codec_error'],
  [
    'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n',
    400,
    'http1.content_length_and_chunked_not_allowed',
  ],
  ['POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n', 501, 'http1.invalid_transfer_encoding'],
  ['POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n', 501, 'http1.invalid_transfer_encoding'],
  [
    'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n',
    501,
    'http1.invalid_transfer_encoding',
  ],
  ['POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n', 501, 'http1.invalid_transfer_encoding'],
  ...['5, 5', '+5', '-1', '0x10', '1_0', '1Z', '', '99999999999999999999'].map(
    length => [`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${length}\r\n\r\n`, 400, 'http1.codec_error'] as const,
  ),
  ['POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nab', 400, 'http1.codec_error'],
  ...['0x2', '+2', '-2', '2_', ' 2', '', 'Z', '11111111111111111', 'ffffffffffffffff'].map(
    size =>
      [
        `POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n${size}\r\nab\r\n0\r\n\r\n`,
        400,
        'http1.codec_error',
      ] as const,
  ),
  ['POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\nab\r\n0\r\n\r\n', 400, 'http1.codec_error'],
  ['POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nabX\r\n0\r\n\r\n', 400, 'http1.codec_error'],
  [
    'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2;a=\x01\r\nab\r\n0\r\n\r\n',
    400,
    'http1.codec_error',
  ],
  [`GET / HTTP/1.1\r\nhost: a\r\nx-big: ${'v'.repeat(62000)}\r\n\r\n`, 431, 'http1.headers_too_large'],
  [`GET /${'v'.repeat(62000)} HTTP/1.1\r\nhost: a\r\n\r\n`, 431, 'http1.headers_too_large'],
  [
    `GET / HTTP/1.1\r\nhost: a\r\n${Array.from({ length: 100 }, (_, i) => `x-${i}: 1\r\n`).join('')}\r\n`,
    431,
    'http1.too_many_headers',
  ],
]

describe('HTTP/1.1 server codec', () => {
  for (const text of GOOD_REQUESTS) {
    it(`reads ${JSON.stringify(text.slice(0, 50))} the same however it is split`, () => {
      const whole = serve([bytes(text)])
      assert.equal(whole.error, null)
      assert.ok(whole.requests.length > 0)
      for (let at = 1; at < text.length; at++) assert.deepEqual(serve(split(text, at)), whole, `split at ${at}`)
      assert.deepEqual(serve(oneByOne(text)), whole)
    })
  }

  for (const [text, status, details] of BAD_REQUESTS) {
    it(`refuses ${JSON.stringify(text.length > 120 ? `${text.slice(0, 60)}...` : text)} with ${status}`, () => {
      const whole = serve([bytes(text)])
      assert.deepEqual(whole.error, { status, details })
      if (text.length > 4000) return
      for (let at = 1; at < text.length; at++)
        assert.deepEqual(serve(split(text, at)).error, whole.error, `split at ${at}`)
      assert.deepEqual(serve(oneByOne(text)).error, whole.error)
    })
  }

  it('keeps values byte for byte, trims blanks around them, lower-cases names', () => {
    const { requests } = serve([bytes('GET / HTTP/1.1\r\nHost: a\r\nX-B: \x85admin\xa0 \r\n\r\n')])
    assert.deepEqual(requests[0]?.headers, ['host: a', 'x-b: \x85admin\xa0'])
  })

  it('treats names that are traps in JavaScript as plain names', () => {
    const { requests } = serve([
      bytes('GET / HTTP/1.1\r\nhost: a\r\n__proto__: 1\r\nconstructor: 2\r\ntoString: 3\r\n\r\n'),
    ])
    assert.deepEqual(requests[0]?.headers, ['host: a', '__proto__: 1', 'constructor: 2', 'tostring: 3'])
  })

  it('leaves out names with underscores where told to, and says how many', () => {
    const options = { ...OPTIONS, limits: { ...OPTIONS.limits, underscores: 'DROP_HEADER' } } as const
    const text = 'GET / HTTP/1.1\r\nhost: a\r\nx_a: 1\r\nx-b: 2\r\ny_a: 3\r\n\r\n'
    for (const pieces of [[bytes(text)], oneByOne(text)]) {
      const { requests, dropped } = serve(pieces, options)
      assert.deepEqual(requests[0]?.headers, ['host: a', 'x-b: 2'])
      assert.equal(dropped, 2)
    }
    assert.equal(serve([bytes(text)]).dropped, 0)
  })

  it('drops framing fields from trailers', () => {
    const text =
      'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\ncontent-length: 9\r\nhost: b\r\nx-t: 1\r\n\r\n'
    assert.deepEqual(serve([bytes(text)]).requests[0]?.trailers, ['x-t: 1'])
  })

  it('bounds chunk extensions', () => {
    const chunk = `1;${'e'.repeat(1024)}\r\nx\r\n`
    const run = serve([bytes(`POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n${chunk.repeat(64)}`)])
    assert.deepEqual(run.error, { status: 400, details: 'http1.codec_error' })
  })

  it('reads a head that arrives byte by byte in linear time', () => {
    const text = `GET / HTTP/1.1\r\nhost: a\r\nx: ${'v'.repeat(50000)}\r\n\r\n`
    const started = performance.now()
    const run = serve(oneByOne(text))
    assert.equal(run.error, null)
    assert.ok(performance.now() - started < 2000)
  })
})

const BAD_RESPONSES: readonly string[] = [
  'SSH-2.0-OpenSSH\r\n\r\n',
  'HTTP/1.1 200 OK\r\nbroken\r\ncontent-length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc',
  'HTTP/1.1 2000 OK\r\ncontent-length: 0\r\n\r\n',
  'HTTP/1.1 2 OK\r\ncontent-length: 0\r\n\r\n',
  'HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n',
  'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n',
  `${'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(40)}HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n`,
]

describe('HTTP/1.1 client codec', () => {
  for (const [text, method, closed] of GOOD_RESPONSES) {
    it(`reads ${JSON.stringify(text.slice(0, 50))} the same however it is split`, () => {
      const whole = receive([bytes(text)], method, closed)
      assert.equal(whole.error, null)
      assert.equal(whole.response.complete, true)
      for (let at = 1; at < text.length; at++)
        assert.deepEqual(receive(split(text, at), method, closed), whole, `split at ${at}`)
      assert.deepEqual(receive(oneByOne(text), method, closed), whole)
    })
  }

  for (const text of BAD_RESPONSES) {
    it(`refuses ${JSON.stringify(text.slice(0, 70))}`, () => {
      assert.notEqual(receive([bytes(text)]).error, null)
      for (let at = 1; at < Math.min(text.length, 300); at++)
        assert.notEqual(receive(split(text, at)).error, null, `split at ${at}`)
    })
  }

  it('does not use a connection again that sent more than its answer', () => {
    assert.equal(receive([bytes('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nabEXTRA')]).reusable, false)
  })

  it('refuses bytes that nobody asked for', () => {
    const run = receive([bytes('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab'), bytes('HTTP/1.1 200 OK\r\n')])
    assert.equal(run.error, 'unsolicited_response')
  })

  it('learns how long the origin keeps idle connections', () => {
    const codec = new Http1ClientCodec(
      new MemoryConnection().connection,
      { onStreamComplete: () => {}, onProtocolError: () => {} },
      OPTIONS,
    )
    codec.newStream(new RecordingDecoder()).encodeHeaders(requestHead('GET'), true)
    const text = bytes('HTTP/1.1 200 OK\r\nkeep-alive: timeout=5, max=100\r\ncontent-length: 0\r\n\r\n')
    codec.dispatch(text, 0, text.length)
    assert.equal(codec.keepAliveTimeoutMs, 5000)
  })
})
