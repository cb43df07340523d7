import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BodySearch } from './body-search.ts'

const found = (patterns: readonly string[], pieces: readonly string[], limitBytes = 0): boolean => {
  const search = new BodySearch(
    patterns.map(text => Buffer.from(text)),
    limitBytes,
  )
  for (const piece of pieces) search.look(Buffer.from(piece))
  return search.foundAll
}

test('every pattern must be there, wherever the pieces are cut', () => {
  const body = 'the quick brown fox'
  for (let first = 0; first <= body.length; first++) {
    for (let second = first; second <= body.length; second++) {
      const pieces = [body.slice(0, first), body.slice(first, second), body.slice(second)]
      assert.ok(found(['brown', 'quick b', 'x'], pieces), pieces.join('|'))
      assert.ok(!found(['brown', 'browne'], pieces), pieces.join('|'))
    }
  }
  assert.ok(found(['abc'], [...'xxabcxx']))
})

test('only the first bytes are looked at where a limit says so', () => {
  assert.ok(found(['od'], ['bo', 'dy'], 4))
  assert.ok(found(['dy'], ['bo', 'dy'], 4))
  assert.ok(!found(['dy'], ['bo', 'dy'], 3))
  assert.ok(!found(['od'], ['xxxo', 'd'], 4))
})
