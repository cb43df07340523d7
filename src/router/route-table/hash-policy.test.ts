import assert from 'node:assert/strict'
import { test } from 'node:test'
import { xxHash64 } from '../../base/index.ts'
import { ConfigPath } from '../../config/index.ts'
import { compileHashPolicy } from '../../http/index.ts'
import { compileContext, head, type RequestLines, streamInfo } from './testing.ts'

function hashed(
  policies: Parameters<typeof compileHashPolicy>[0],
  request: RequestLines,
): [bigint | null, string | null] {
  let cookie: string | null = null
  const policy = compileHashPolicy(policies, compileContext(), ConfigPath.root)
  assert.ok(policy)
  const hash = policy.hash(head(request), streamInfo(), value => {
    cookie = value
  })
  return [hash, cookie]
}

test('header, query parameter, cookie and source address', () => {
  const a = xxHash64('a')
  assert.deepEqual(hashed([{ header: { headerName: 'x' } }], { lines: [['x', 'a']] }), [a, null])
  assert.deepEqual(hashed([{ header: { headerName: 'x' } }], {}), [null, null])
  assert.deepEqual(hashed([{ header: { headerName: ':path' } }], { path: 'a' }), [a, null])
  assert.deepEqual(hashed([{ queryParameter: { name: 'q' } }], { path: '/?p=b&q=a' }), [a, null])
  assert.deepEqual(hashed([{ cookie: { name: 'c' } }], { lines: [['cookie', 'b=1; c="a"']] }), [a, null])
  assert.deepEqual(hashed([{ connectionProperties: { sourceIp: true } }], {}), [xxHash64('127.0.0.1'), null])
  assert.deepEqual(
    hashed([{ header: { headerName: 'x', regexRewrite: { pattern: { regex: '^(.).*$' }, substitution: '\\1' } } }], {
      lines: [['x', 'abc']],
    }),
    [a, null],
  )
})

test('several values hash the same in any order', () => {
  const policies = [{ header: { headerName: 'x' } }]
  const one = hashed(policies, {
    lines: [
      ['x', 'a'],
      ['x', 'b'],
    ],
  })
  assert.deepEqual(
    one,
    hashed(policies, {
      lines: [
        ['x', 'b'],
        ['x', 'a'],
      ],
    }),
  )
})

test('policies are combined until a terminal one yields a hash', () => {
  const policies = [{ header: { headerName: 'x' }, terminal: true }, { queryParameter: { name: 'q' } }]
  const b = xxHash64('b')
  assert.deepEqual(hashed(policies, { path: '/?q=b', lines: [['x', 'a']] }), [xxHash64('a'), null])
  assert.deepEqual(hashed(policies, { path: '/?q=b' }), [b, null])
  const both = hashed([{ header: { headerName: 'x' } }, { queryParameter: { name: 'q' } }], {
    path: '/?q=b',
    lines: [['x', 'b']],
  })
  assert.notEqual(both[0], 0n)
})

test('a cookie with a ttl is made where the client has none', () => {
  const [hash, cookie] = hashed([{ cookie: { name: 'c', ttl: '60s', path: '/p' } }], {})
  assert.match(cookie ?? '', /^c="[0-9a-f]+"; Max-Age=60; Path=\/p; HttpOnly$/)
  assert.notEqual(hash, null)
  assert.deepEqual(hashed([{ cookie: { name: 'c' } }], {}), [null, null])
})
