import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runtimeSnapshot } from '../../config/index.ts'
import { HeaderMap, HeaderName, type SamplingPlan } from '../../http/index.ts'
import type { ThreadContext } from '../../net/index.ts'
import { ClientForced, NotTraceable, Sampling, ServiceForced } from '../../observability/index.ts'
import { decideTrace } from './sampling.ts'

const percent = (numerator: number, denominator = 100) => ({ numerator, denominator })
const NONE: SamplingPlan = { client: percent(100), random: percent(0, 10_000), overall: percent(10_000, 10_000) }
const withRandom = (hundredths: number): SamplingPlan => ({ ...NONE, random: percent(hundredths, 10_000) })

/** An id whose number is `number`, with a version digit. */
const id = (number: number, digit = '4'): string =>
  `${number.toString(16).padStart(8, '0')}-0000-${digit}000-8000-000000000000`

function decide(
  value: string | null,
  fields: Readonly<Record<string, string>> = {},
  sampling: SamplingPlan = NONE,
  { runtime = {}, packs = true, random = 0 } = {},
): readonly [reason: number, id: string | undefined] {
  const headers = new HeaderMap()
  if (value !== null) headers.append(HeaderName.of('x-request-id'), value)
  for (const [name, text] of Object.entries(fields)) headers.append(HeaderName.of(name), text)
  const thread = { runtime: { snapshot: runtimeSnapshot([runtime]) }, random: () => random } as unknown as ThreadContext
  const reason = decideTrace(sampling, packs, headers, thread)
  return [reason, headers.lookup('x-request-id')]
}

test('the verdict stands in the id: by client, forced, by chance; one that came is believed', () => {
  assert.deepEqual(decide(id(0)), [NotTraceable, id(0)])
  assert.deepEqual(decide(id(0), { 'x-client-trace-id': 't' }), [ClientForced, id(0, 'b')])
  assert.deepEqual(decide(id(0), { 'x-envoy-force-trace': '1' }), [ServiceForced, id(0, 'a')])
  assert.deepEqual(decide(id(0), { 'x-client-trace-id': 't', 'x-envoy-force-trace': '1' }), [ClientForced, id(0, 'b')])
  assert.deepEqual(decide(id(0), {}, withRandom(10_000)), [Sampling, id(0, '9')])
  for (const [digit, reason] of [
    ['9', Sampling],
    ['a', ServiceForced],
    ['b', ClientForced],
  ] as const) {
    assert.deepEqual(decide(id(7, digit), { 'x-envoy-force-trace': '1' }), [reason, id(7, digit)])
  }
  for (const digit of ['A', 'c', 'f', '0']) assert.deepEqual(decide(id(7, digit)), [NotTraceable, id(7, digit)])
})

test('what is no id is passed on as it is', () => {
  assert.deepEqual(decide(null, { 'x-envoy-force-trace': '1' }), [NotTraceable, undefined])
  assert.deepEqual(decide('short', { 'x-envoy-force-trace': '1' }), [NotTraceable, 'short'])
  assert.deepEqual(decide('0000000g', {}, withRandom(10_000)), [NotTraceable, '0000000g'])
  assert.deepEqual(decide('00000000', {}, withRandom(10_000)), [Sampling, '00000000'])
})

test('a share of requests is a share of ids, the same everywhere', () => {
  for (const number of [0, 999, 1000, 9999, 10_000, 10_999, 11_000, 0xffffffff]) {
    const sampled = number % 10_000 < 1000
    assert.equal(decide(id(number), {}, withRandom(1000))[0], sampled ? Sampling : NotTraceable, String(number))
    const overall = { ...withRandom(10_000), overall: percent(1000, 10_000) }
    const [reason, kept] = decide(id(number, '9'), {}, overall)
    assert.equal(reason, sampled ? Sampling : NotTraceable)
    assert.equal(kept, id(number, sampled ? '9' : '4'))
  }
})

test('runtime takes over; its integers are percentages', () => {
  const runtime = { tracing: { random_sampling: 25 } }
  for (const number of [24, 25, 124, 9924, 9925]) {
    assert.equal(decide(id(number), {}, NONE, { runtime })[0], number % 100 < 25 ? Sampling : NotTraceable)
  }
  const off = { tracing: { global_enabled: 0 } }
  assert.deepEqual(decide(id(0, 'a'), {}, NONE, { runtime: off }), [NotTraceable, id(0)])
  const some = { tracing: { client_enabled: 10 } }
  const client = { 'x-client-trace-id': 't' }
  assert.equal(decide(id(0), client, NONE, { runtime: some, random: 0.09 })[0], ClientForced)
  assert.equal(decide(id(0), client, NONE, { runtime: some, random: 0.1 })[0], NotTraceable)
})

test('without pack_trace_reason the id neither tells nor is told', () => {
  assert.deepEqual(decide(id(0, '9'), {}, NONE, { packs: false }), [NotTraceable, id(0, '9')])
  assert.deepEqual(decide(id(0), {}, withRandom(10_000), { packs: false }), [Sampling, id(0)])
})
