import assert from 'node:assert/strict'
import { test } from 'node:test'
import { urlEncode } from './percent-encoding.ts'

test('what is put into a query stays one value', () => {
  assert.equal(urlEncode('a b&c=d/é~'), 'a%20b%26c%3Dd%2F%E9~')
})
