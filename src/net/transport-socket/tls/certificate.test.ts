import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseSans, rfc2253, urlEncodePem } from './certificate.ts'

test('names are turned round and escaped as RFC 2253 wants it', () => {
  const cases: Record<string, string> = {
    '': '',
    'C=US\nO=a\nCN=b': 'CN=b,O=a,C=US',
    'O=Lyft\\, Inc\nCN=b': 'CN=b,O=Lyft\\, Inc',
    'CN=b + UID=c': 'CN=b+UID=c',
    'CN=ü': 'CN=\\C3\\BC',
  }
  for (const [lines, expected] of Object.entries(cases)) assert.equal(rfc2253(lines), expected)
})

test('alternative names, in order and by kind', () => {
  const sans = parseSans('DNS:a.test, URI:spiffe://t/x, IP Address:10.0.0.1, email:a@b.test, DNS:b.test')
  assert.deepEqual(sans.all, ['a.test', 'spiffe://t/x', '10.0.0.1', 'a@b.test', 'b.test'])
  assert.deepEqual(sans.dns, ['a.test', 'b.test'])
  assert.deepEqual(sans.uri, ['spiffe://t/x'])
  assert.deepEqual(sans.ip, ['10.0.0.1'])
  assert.deepEqual(sans.email, ['a@b.test'])
  for (const none of [undefined, '']) assert.deepEqual(parseSans(none).all, [])
})

test('a name cannot pass for two', () => {
  // Node.js quotes what has a comma or anything unusual in it.
  const { dns, uri } = parseSans(
    'DNS:"a.test, DNS:evil.test", URI:"spiffe://t/\\"x\\", DNS:worse.test", DNS:"a\\u0000.test"',
  )
  assert.deepEqual(dns, ['a.test, DNS:evil.test', 'a\0.test'])
  assert.deepEqual(uri, ['spiffe://t/"x", DNS:worse.test'])
})

test('addresses of IPv6 are short', () => {
  assert.deepEqual(parseSans('IP Address:FD00:0:0:0:0:0:0:1, IP Address:0:0:0:0:0:0:0:0').ip, ['fd00::1', '::'])
})

test('what a PEM has besides unreserved characters', () => {
  assert.equal(urlEncodePem('-----BEGIN A-----\na+b/c=\n'), '-----BEGIN%20A-----%0Aa%2Bb%2Fc%3D%0A')
})
