import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HeaderMap, HeaderName } from '../../../http/index.ts'
import { CookieSource, QuerySource } from './key-source.ts'

const COOKIE = HeaderName.of('cookie')

test('a key is taken out of the query, and nothing else is touched: what was encoded stays so', () => {
  const headers = new HeaderMap()
  headers.method = 'GET'
  headers.path = '/p?a=%20HTTP/1.1%0d%0a&k%65y=k1&c=x%2Fy&d#key=z'
  const source = new QuerySource('key')
  assert.equal(source.read(headers), 'k1')
  source.remove(headers)
  assert.equal(headers.path, '/p?a=%20HTTP/1.1%0d%0a&c=x%2Fy&d#key=z')
})

test('a cookie is taken out of its line', () => {
  const headers = new HeaderMap()
  headers.append(COOKIE, 'a=1; key=k; b="2; 3"')
  headers.append(COOKIE, 'key=other')
  const source = new CookieSource('key')
  assert.equal(source.read(headers), 'k')
  source.remove(headers)
  assert.deepEqual(headers.getAll(COOKIE), ['a=1; b="2; 3"'])
})
