import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hostAndPort } from './host-key.ts'

test('an authority is a host and a port', () => {
  const read = (authority: string): readonly unknown[] => {
    const { host, port, key } = hostAndPort(authority, 80)
    return [host, port, key]
  }
  assert.deepEqual(read('a.test'), ['a.test', 80, 'a.test:80'])
  assert.deepEqual(read('a.test:8080'), ['a.test', 8080, 'a.test:8080'])
  assert.deepEqual(read('[::1]'), ['::1', 80, '[::1]:80'])
  assert.deepEqual(read('[::1]:443'), ['::1', 443, '[::1]:443'])
  assert.deepEqual(read('a:99999'), ['a:99999', 80, 'a:99999:80'])
  assert.deepEqual(read('a:'), ['a:', 80, 'a::80'])
})
