import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CompileContext, ConfigPath } from '../../../config/index.ts'
import { traceIdRatioSamplerFactory } from './samplers.ts'

const sampler = (numerator: number, denominator: string) =>
  traceIdRatioSamplerFactory.compile(
    { samplingPercentage: { numerator, denominator } },
    {} as CompileContext,
    ConfigPath.root,
  )

test('a share of trace ids, by their first eight bytes', () => {
  const id = (first: number): string => `${first.toString(16).padStart(2, '0')}${'0'.repeat(30)}`
  const half = sampler(50, 'HUNDRED')
  for (const [first, sampled] of [
    [0, true],
    [49, true],
    [50, false],
    [99, false],
    [100, true],
    [255, false],
  ] as const) {
    assert.equal(half(null, id(first)), sampled, String(first))
  }
  assert.equal(sampler(0, 'MILLION')(null, id(0)), false)
  assert.equal(sampler(1_000_000, 'MILLION')(null, 'f'.repeat(32)), true)
})
