import assert from 'node:assert/strict'
import { test } from 'node:test'
import { messageCodec } from './message-codec.ts'

test('a message survives the way there and back', () => {
  const codec = messageCodec('envoy.service.ratelimit.v3.RateLimitRequest')
  const bytes = codec.encode({
    domain: 'd',
    descriptors: [{ entries: [{ key: 'k', value: 'ü' }], limit: { requestsPerUnit: 3, unit: 2 }, hitsAddend: 5n }],
  })
  const back = codec.decode(bytes) as { domain: string; descriptors: { hitsAddend: bigint; limit: { unit: number } }[] }
  assert.equal(back.domain, 'd')
  assert.equal(back.descriptors[0]?.hitsAddend, 5n)
  assert.equal(back.descriptors[0]?.limit.unit, 2)
  assert.equal(messageCodec('envoy.service.ratelimit.v3.RateLimitRequest'), codec)
})

test('bytes that are no such message are null; names that are none are an error', () => {
  assert.equal(messageCodec('envoy.service.ratelimit.v3.RateLimitResponse').decode(Buffer.from([0xff, 0xff])), null)
  assert.throws(() => messageCodec('envoy.no.Such'), /no message envoy\.no\.Such/)
})
