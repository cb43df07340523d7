import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HeaderMap, REFERER } from '../http/index.ts'
import { dropBadReferer } from './referer.ts'

function passes(value: string): boolean {
  const headers = HeaderMap.acquire()
  headers.append(REFERER, value)
  dropBadReferer(headers)
  const kept = headers.has(REFERER)
  HeaderMap.release(headers)
  return kept
}

test('a Referer is an absolute URL or a relative reference', () => {
  const good = ['http://a', 'http://a/x?y', 'http://a:65535/', 'http://[::1]:1', 'android-app://com.x/', 'http://@a']
  const relative = ['', '/x', 'x/y.html', '//a', '/a:b', 'a/b:c', '/a?b?c', 'http://a?#', 'http://a/x#']
  for (const value of [...good, ...relative]) assert.equal(passes(value), true, value)
})

test('one with a user, a fragment or what no URL holds is dropped', () => {
  const absolute = ['http://a@b', 'http://:@b', 'http://a/#x', 'http://a#', 'http://a:65536', 'http://a:', 'http://a_b']
  const odd = [
    'http:///a',
    'http:a',
    'about:blank',
    '1a://b',
    'http://[]',
    'http://[::1]x',
    'http://a/x y',
    'http://a/\xe4',
  ]
  const relative = ['a:b', ':', '?a:b', '#x', '/x#y', '/x y', '/{', '<a>', '"', '\\']
  for (const value of [...absolute, ...odd, ...relative]) assert.equal(passes(value), false, value)
})
