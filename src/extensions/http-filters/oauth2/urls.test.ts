import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isAllowedUrl, parseAbsoluteUrl } from './urls.ts'

test('browsers are sent to plain absolute URLs only', () => {
  assert.deepEqual(parseAbsoluteUrl('http://A.test:80/x?y#z'), { host: 'a.test', path: '/x?y#z' })
  assert.deepEqual(parseAbsoluteUrl('https://[::1]:443'), { host: '::1', path: '/' })
  const wrong = ['', '/x', '//a.test/', 'javascript:x', 'http:/a.test', 'http://a@b.test/', 'http://a.test\\@b.test/']
  for (const url of [...wrong, 'http://a.test/\r\nx: y', 'http://a b/', 'http://a.test/\\b', 'http://a.test/\u{100}']) {
    assert.equal(parseAbsoluteUrl(url), null, url)
  }
})

test('domains are whole names, or everything below a name', () => {
  const domains = ['app.test', '*.wild.test']
  const allowed = ['http://app.test/', 'https://APP.test:8443/x', 'http://a.wild.test', 'http://a.b.wild.test/']
  for (const url of allowed) assert.ok(isAllowedUrl(url, domains), url)
  const others = ['http://xapp.test/', 'http://app.test.evil/', 'http://wild.test/', 'http://.wild.test/', 'x']
  for (const url of others) assert.ok(!isAllowedUrl(url, domains), url)
  assert.ok(isAllowedUrl('anything', []))
})
