import assert from 'node:assert/strict'
import { test } from 'node:test'
import { messageCodec } from '../../../config/index.ts'
import { StatStore } from '../../../observability/index.ts'
import type { Answer } from '../answer.ts'
import { Limit } from '../limiter/limit.ts'
import { LimitStats } from '../limiter/limit-stats.ts'
import { decodeRateLimitRequest } from './rate-limit-request.ts'
import { encodeRateLimitResponse, responseFrame } from './rate-limit-response.ts'

const requests = messageCodec('envoy.service.ratelimit.v3.RateLimitRequest')
const responses = messageCodec('envoy.service.ratelimit.v3.RateLimitResponse')

const decode = (bytes: Uint8Array) => decodeRateLimitRequest(Buffer.from(bytes), 0, bytes.length)

test('requests that protobuf wrote', () => {
  const bytes = requests.encode({
    domain: 'sh\u00f6p',
    hitsAddend: 300,
    descriptors: [
      {
        entries: [
          { key: 'a', value: 'b' },
          { key: 'k'.repeat(300), value: '\u00e4\u{1f600}'.repeat(9) },
        ],
      },
      {
        entries: [{ key: 'x' }],
        hitsAddend: 0n,
        isNegativeHits: true,
        limit: { requestsPerUnit: 4294967295, unit: 7, unitMultiplier: 3 },
      },
      { entries: [], hitsAddend: 2n ** 53n },
    ],
  })
  assert.deepEqual(decode(bytes), {
    domain: 'sh\u00f6p',
    hitsAddend: 300,
    descriptors: [
      {
        entries: [
          { key: 'a', value: 'b' },
          { key: 'k'.repeat(300), value: '\u00e4\u{1f600}'.repeat(9) },
        ],
        limit: null,
        hitsAddend: -1,
        negativeHits: false,
      },
      {
        entries: [{ key: 'x', value: '' }],
        limit: { requestsPerUnit: 4294967295, unit: 7, unitMultiplier: 3 },
        hitsAddend: 0,
        negativeHits: true,
      },
      { entries: [], limit: null, hitsAddend: 2 ** 53, negativeHits: false },
    ],
  })
  // Fields of a later version are passed over, whatever their type.
  const later = Buffer.from('9a060161a00601a50601020304a9060102030405060708', 'hex')
  assert.deepEqual(decode(Buffer.concat([bytes, later])), decode(bytes))
})

test('bytes that are no request are refused, never read past their end', () => {
  const bytes = requests.encode({ domain: 'shop', descriptors: [{ entries: [{ key: 'a', value: 'b' }] }] })
  for (let length = 1; length < bytes.length; length++) {
    const cut = decode(bytes.subarray(0, length))
    if (length !== 6) assert.equal(cut, null, String(length))
  }
  for (const hex of ['00', '0aff', '12ffffffffffffffffffff01', '1202120a', '0b', '18ffffffffffffffffffffff']) {
    assert.equal(decode(Buffer.from(hex, 'hex')), null, hex)
  }
})

test('mutated requests end in a request or in null', () => {
  const bytes = Buffer.from(requests.encode({ domain: 'shop', descriptors: [{ entries: [{ key: 'a', value: 'b' }] }] }))
  let state = 42
  let refused = 0
  const random = (below: number): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) % below
  for (let round = 0; round < 20_000; round++) {
    const mutated = Buffer.from(bytes)
    for (let i = random(4); i >= 0; i--) mutated[random(mutated.length)] = random(256)
    const ours = decode(mutated)
    const theirs = requests.decode(mutated) as { readonly domain: string } | null
    if (ours === null) refused++
    else if (theirs !== null) assert.equal(ours.domain, theirs.domain, mutated.toString('hex'))
  }
  assert.ok(refused > 1000 && refused < 20_000)
})

test('responses that protobuf reads', () => {
  const facts = {
    fullKey: 'd.a',
    requestsPerUnit: 4294967295,
    unit: 7,
    unitMultiplier: 1,
    unlimited: false,
    shadowMode: false,
    quotaMode: false,
    name: 'n\u00e4me',
    replaces: [],
    detailedMetric: false,
  }
  const stats = new LimitStats(new StatStore(), 1).configured('d.a')
  const limit = new Limit(facts, stats, 0.8)
  const zero = new Limit({ ...facts, requestsPerUnit: 0, unit: 1, name: '' }, stats, 0.8)
  const answer: Answer = {
    overallCode: 2,
    statuses: [
      { code: 2, limit, remaining: 4294967294, secondsUntilReset: 604800 },
      { code: 1, limit: zero, remaining: 0, secondsUntilReset: 1 },
      { code: 1, limit: null, remaining: 4294967295, secondsUntilReset: -1 },
    ],
    responseHeaders: [['RateLimit-Limit', '\u00fc'.repeat(200)]],
  }
  for (let round = 0; round < 2; round++) {
    const length = encodeRateLimitResponse(answer)
    const frame = responseFrame()
    assert.deepEqual([frame[0], frame.readUInt32BE(1)], [0, length - 5])
    const plain = JSON.parse(
      JSON.stringify(responses.decode(frame.subarray(5, length)), (_, value) =>
        typeof value === 'bigint' ? Number(value) : value,
      ).replace(/"\$typeName":"[^"]*",?/g, ''),
    )
    assert.deepEqual(plain.statuses, [
      {
        code: 2,
        currentLimit: { name: 'n\u00e4me', requestsPerUnit: 4294967295, unit: 7 },
        limitRemaining: 4294967294,
        durationUntilReset: { seconds: 604800, nanos: 0 },
      },
      {
        code: 1,
        currentLimit: { name: '', requestsPerUnit: 0, unit: 1 },
        limitRemaining: 0,
        durationUntilReset: { seconds: 1, nanos: 0 },
      },
      { code: 1, limitRemaining: 4294967295 },
    ])
    assert.equal(plain.overallCode, 2)
    assert.deepEqual(
      plain.responseHeadersToAdd.map(({ key, value }: { key: string; value: string }) => [key, value]),
      [['RateLimit-Limit', '\u00fc'.repeat(200)]],
    )
  }
})

test('a response of many descriptors finds room', () => {
  const statuses = Array.from(
    { length: 500 },
    () => ({ code: 1, limit: null, remaining: 7, secondsUntilReset: 9 }) as const,
  )
  const length = encodeRateLimitResponse({ overallCode: 1, statuses, responseHeaders: [] })
  const decoded = responses.decode(responseFrame().subarray(5, length)) as { statuses: unknown[] }
  assert.equal(decoded.statuses.length, 500)
})
