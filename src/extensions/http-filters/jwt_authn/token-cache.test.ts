import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Jwks } from './jwks.ts'
import { TokenCache } from './token-cache.ts'

const keys = (): Jwks => Jwks.parse(JSON.stringify({ keys: [{ kty: 'oct', k: 'c2VjcmV0' }] })) as Jwks

test('the token that was used least recently goes first', () => {
  const cache = new TokenCache({ jwtCacheSize: 2 })
  const jwks = keys()
  cache.add('a', jwks)
  cache.add('b', jwks)
  assert.equal(cache.has('a', jwks), true)
  cache.add('c', jwks)
  assert.deepEqual(
    ['a', 'b', 'c'].map(token => cache.has(token, jwks)),
    [true, false, true],
  )
})

test('what other keys signed counts for nothing', () => {
  const cache = new TokenCache({})
  const [old, fresh] = [keys(), keys()]
  cache.add('a', old)
  assert.equal(cache.has('a', fresh), false)
  cache.add('b', fresh)
  assert.equal(cache.has('a', fresh), false)
  assert.equal(cache.has('b', fresh), true)
})

test('a token that is too long is not kept', () => {
  const cache = new TokenCache({ jwtMaxTokenSize: 3 })
  const jwks = keys()
  cache.add('abcd', jwks)
  assert.equal(cache.has('abcd', jwks), false)
})
