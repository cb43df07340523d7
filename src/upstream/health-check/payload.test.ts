import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigPath } from '../../config/index.ts'
import { testContext } from '../testing.ts'
import { compilePayload, PayloadMatcher } from './payload.ts'

const seen = (blocks: readonly string[], pieces: readonly string[]): boolean => {
  const matcher = new PayloadMatcher(blocks.map(block => Buffer.from(block)))
  for (const piece of pieces) {
    const bytes = Buffer.from(`<${piece}>`)
    matcher.feed(bytes, 1, bytes.length - 1)
  }
  return matcher.complete
}

test('blocks come in order, with anything between them', () => {
  assert.equal(seen(['ab', 'cd'], ['xxabyycdzz']), true)
  assert.equal(seen(['ab', 'cd'], ['cdab']), false)
  assert.equal(seen(['ab', 'ab'], ['ab']), false)
  assert.equal(seen(['ab', 'bc'], ['abc']), false)
  assert.equal(seen([], []), true)
  assert.equal(seen(['', 'a'], ['a']), true)
})

test('however the bytes are cut', () => {
  assert.equal(seen(['aab'], ['a', 'a', 'a', 'b']), true)
  assert.equal(seen(['abab', 'c'], ['aba', 'cabab', 'c']), true)
  assert.equal(seen(['abcabd'], ['abcabcab', 'd']), true)
})

test('text is hexadecimal, binary is base64', () => {
  const context = testContext()
  assert.deepEqual(compilePayload({ text: '00fF' }, context, ConfigPath.root), Buffer.from([0, 255]))
  assert.deepEqual(compilePayload({ binary: 'AAE=' }, context, ConfigPath.root), Buffer.from([0, 1]))
  assert.equal(compilePayload(undefined, context, ConfigPath.root).length, 0)
  assert.equal(context.diagnostics.list.length, 0)
  compilePayload({ text: '0g' }, context, ConfigPath.root.field('send'))
  assert.match(context.diagnostics.list[0]?.message ?? '', /hexadecimal/)
})
