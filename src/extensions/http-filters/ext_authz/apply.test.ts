import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HeaderMap } from '../../../http/index.ts'
import { rewriteQuery } from './apply.ts'

test('what the service puts into the query is escaped, and what stays keeps its bytes', () => {
  const headers = new HeaderMap()
  headers.method = 'GET'
  headers.path = '/p?keep=%20x&gone=1&user=old'
  rewriteQuery(headers, [{ key: 'user', value: 'a b&c=d HTTP/1.1\r\n' }], ['gone'])
  assert.equal(headers.path, '/p?keep=%20x&user=a%20b%26c%3Dd%20HTTP/1.1%0D%0A')
})
