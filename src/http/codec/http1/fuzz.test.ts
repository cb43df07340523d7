import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type FuzzRandom, fuzz } from '../../../../test/harness/fuzz.ts'
import type { Http1Options } from './options.ts'
import { bytes, GOOD_REQUESTS, GOOD_RESPONSES, OPTIONS, receive, serve } from './testing/runs.ts'

/** What messages are made of, and what parsers trip over. */
const PIECES = [
  '\r\n',
  '\n',
  '\r',
  '\r\n\r\n',
  ' ',
  '\t',
  ':',
  ',',
  ';',
  '\0',
  '\x7f',
  '\xff',
  'GET ',
  'HEAD ',
  'CONNECT a:1 ',
  'HTTP/1.1',
  'HTTP/1.0',
  'http://h/',
  'host: b\r\n',
  'content-length: 3\r\n',
  'content-length: 99999999999999999999\r\n',
  'transfer-encoding: chunked\r\n',
  'Transfer-Encoding: gzip, chunked\r\n',
  'connection: close\r\n',
  'connection: upgrade\r\nupgrade: websocket\r\n',
  'expect: 100-continue\r\n',
  'trailer: x\r\n',
  '0\r\n\r\n',
  '3\r\nabc\r\n',
  'ffffffffffffffff\r\n',
  '5;ext="a\r\n',
  'x-a: 1\r\n',
  ' folded\r\n',
  '__proto__: 1\r\n',
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.1 204 No\r\n\r\n',
]
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/
const NO_VALUE = /[\x00-\x08\x0a-\x1f\x7f]|^[ \t]|[ \t]$/

const mutated = (random: FuzzRandom, text: string): Buffer => {
  const source = bytes(random.mutateText(text, PIECES, random.below(5)))
  return random.once(3) ? random.mutate(source, random.below(4)) : source
}

const options = (random: FuzzRandom): Http1Options => ({
  ...OPTIONS,
  limits: { ...OPTIONS.limits, maxBytes: random.pick([200, 61440]), maxCount: random.pick([3, 100]) },
  acceptHttp10: random.once(2),
  enableTrailers: random.once(2),
  allowChunkedLength: random.once(2),
  allowAbsoluteUrl: random.once(2),
})

function assertFields(lines: readonly string[]): void {
  for (const line of lines) {
    const colon = line.indexOf(': ')
    assert.match(line.slice(0, colon), NAME)
    assert.doesNotMatch(line.slice(colon + 2), NO_VALUE)
  }
}

describe('HTTP/1.1: bytes at random', () => {
  it('a server reads the same however they are split, and what it reads is made of names and values', () => {
    fuzz(random => {
      const text = random.pick(GOOD_REQUESTS) + (random.once(2) ? random.pick(GOOD_REQUESTS) : '')
      const source = mutated(random, text)
      const chosen = options(random)
      const whole = serve([source], chosen)
      const divided = serve(random.split(source), chosen)
      const shown = JSON.stringify(source.toString('latin1'))
      assert.deepEqual(divided.error, whole.error, shown)
      if (whole.error === null) assert.deepEqual(divided.requests, whole.requests, shown)
      for (const { start, headers, trailers } of whole.requests) {
        assert.doesNotMatch(start, /[\x00-\x1f\x7f]/, shown)
        assertFields(headers)
        assertFields(trailers)
      }
    }, 1500)
  })

  it('a client reads the same however they are split, and uses no connection again after nonsense', () => {
    fuzz(random => {
      const [text, method, closed] = random.pick(GOOD_RESPONSES)
      const source = mutated(random, text)
      const whole = receive([source], method, closed)
      const divided = receive(random.split(source), method, closed)
      const shown = JSON.stringify(source.toString('latin1'))
      // Bytes behind an answer are part of its read, or come later and are nobody's answer.
      const beyond = whole.response.complete && whole.reusable === false && divided.error === 'unsolicited_response'
      if (beyond) assert.deepEqual(divided.response, whole.response, shown)
      else assert.equal(divided.error === null, whole.error === null, shown)
      if (whole.error === null && !beyond) assert.deepEqual(divided, whole, shown)
      if (whole.error !== null) assert.notEqual(whole.reusable, true, shown)
      assertFields(whole.response.headers)
      assertFields(whole.response.trailers)
    })
  })
})
