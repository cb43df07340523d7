import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Corpus } from '../../../../test/harness/corpus.ts'
import { FuzzRandom } from '../../../../test/harness/fuzz.ts'
import type { Http1Options } from './options.ts'
import { bytes, OPTIONS, receive, serve } from './testing/runs.ts'

const REQUESTS = Corpus.ofTexts(new URL('./testdata/requests/', import.meta.url))
const RESPONSES = Corpus.ofTexts(new URL('./testdata/responses/', import.meta.url))

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

const mutated = (random: FuzzRandom, text: string): string => {
  const changed = random.mutateText(text, PIECES, random.below(5))
  return random.once(3) ? random.mutate(bytes(changed), random.below(4)).toString('latin1') : changed
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

/** However a server's bytes are split it reads the same, and what it reads is made of names and values. */
function checkServer(text: string, random: FuzzRandom): void {
  const source = bytes(text)
  const chosen = options(random)
  const whole = serve([source], chosen)
  const divided = serve(random.split(source), chosen)
  assert.deepEqual(divided.error, whole.error)
  if (whole.error === null) assert.deepEqual(divided.requests, whole.requests)
  for (const { start, headers, trailers } of whole.requests) {
    assert.doesNotMatch(start, /[\x00-\x1f\x7f]/)
    assertFields(headers)
    assertFields(trailers)
  }
}

/** The same of a client, which uses no connection again after nonsense. */
function checkClient(text: string, random: FuzzRandom): void {
  const source = bytes(text)
  const [method, closed] = [random.pick(['GET', 'HEAD', 'POST']), random.once(3)]
  const whole = receive([source], method, closed)
  const divided = receive(random.split(source), method, closed)
  // Bytes behind an answer are part of its read, or come later and are nobody's answer.
  const beyond = whole.response.complete && whole.reusable === false && divided.error === 'unsolicited_response'
  if (beyond) assert.deepEqual(divided.response, whole.response)
  else assert.equal(divided.error === null, whole.error === null)
  if (whole.error === null && !beyond) assert.deepEqual(divided, whole)
  if (whole.error !== null) assert.notEqual(whole.reusable, true)
  assertFields(whole.response.headers)
  assertFields(whole.response.trailers)
}

/** Every file under many options and splits. */
function replay(corpus: Corpus<string>, check: (text: string, random: FuzzRandom) => void): void {
  corpus.replay(text => {
    for (let seed = 0; seed < 20; seed++) check(text, new FuzzRandom(seed))
  })
}

describe('HTTP/1.1: bytes at random', () => {
  it('requests of the corpus', () => replay(REQUESTS, checkServer))
  it('responses of the corpus', () => replay(RESPONSES, checkClient))

  it('requests made of them', () => {
    const make = (random: FuzzRandom, text: string): string =>
      mutated(random, text + (random.once(2) ? random.pick(REQUESTS.inputs)[1] : ''))
    REQUESTS.fuzz(make, checkServer, 1500)
  })

  it('responses made of them', () => RESPONSES.fuzz(mutated, checkClient))
})
