import assert from 'node:assert/strict'
import { test } from 'node:test'
import { flagsToLongString, flagsToString, ResponseFlag, responseFlagNames, responseFlagOf } from './response-flags.ts'

test('every flag has a bit of its own and prints as its names', () => {
  const seen = new Set<number>()
  for (const [name, bit] of Object.entries(ResponseFlag)) {
    seen.add(bit)
    assert.equal(flagsToLongString(bit), name)
    assert.equal(responseFlagOf(flagsToString(bit)), bit)
  }
  assert.equal(seen.size, responseFlagNames.length)
  assert.equal(responseFlagOf('NOPE'), undefined)
})

test('several flags print in one order, none as a dash', () => {
  const flags = ResponseFlag.UpstreamConnectionFailure | ResponseFlag.UpstreamRetryLimitExceeded
  assert.equal(flagsToString(0), '-')
  assert.equal(flagsToLongString(0), '-')
  assert.equal(flagsToString(flags), 'URX,UF')
  assert.equal(flagsToString(flags, true), 'UF,URX')
  assert.equal(flagsToLongString(flags), 'UpstreamRetryLimitExceeded,UpstreamConnectionFailure')
})
