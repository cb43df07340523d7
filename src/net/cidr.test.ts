import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLoopback, parseCidr, parseIp, sameIp } from './cidr.ts'

function contains(prefix: string, length: number, ip: string): boolean {
  return parseCidr({ addressPrefix: prefix, prefixLen: length })!.contains(parseIp(ip)!)
}

test('IP addresses become groups', () => {
  assert.deepEqual(parseIp('127.0.0.1'), [0x7f00, 1])
  assert.deepEqual(parseIp('::1'), [0, 0, 0, 0, 0, 0, 0, 1])
  assert.deepEqual(parseIp('2001:db8::5:6'), [0x2001, 0xdb8, 0, 0, 0, 0, 5, 6])
  assert.deepEqual(parseIp('fe80::1%eth0'), [0xfe80, 0, 0, 0, 0, 0, 0, 1])
  assert.deepEqual(parseIp('::'), [0, 0, 0, 0, 0, 0, 0, 0])
  assert.deepEqual(parseIp('::ffff:10.0.0.1'), parseIp('10.0.0.1'))
  for (const text of ['', '1.2.3', 'localhost', '1.2.3.256', ':::1']) assert.equal(parseIp(text), null, text)
})

test('a range contains exactly its addresses', () => {
  assert.ok(contains('10.0.0.0', 8, '10.255.0.1'))
  assert.ok(!contains('10.0.0.0', 8, '11.0.0.1'))
  assert.ok(contains('192.168.4.7', 30, '192.168.4.6'))
  assert.ok(!contains('192.168.4.7', 30, '192.168.4.8'))
  assert.ok(contains('0.0.0.0', 0, '255.255.255.255'))
  assert.ok(!contains('0.0.0.0', 0, '::1'))
  assert.ok(contains('2001:db8::', 33, '2001:db8:7fff::1'))
  assert.ok(!contains('2001:db8::', 33, '2001:db8:8000::1'))
  assert.ok(contains('::1', 128, '::1'))
})

test('ranges that differ only in masked bits print the same', () => {
  const text = (prefix: string): string => parseCidr({ addressPrefix: prefix, prefixLen: 8 })!.toString()
  assert.equal(text('10.1.2.3'), text('10.0.0.0'))
  assert.notEqual(text('10.0.0.0'), text('11.0.0.0'))
})

test('loopback and equality', () => {
  assert.ok(isLoopback(parseIp('127.0.0.1')!))
  assert.ok(!isLoopback(parseIp('127.3.2.1')!))
  assert.ok(isLoopback(parseIp('::1')!))
  assert.ok(!isLoopback(parseIp('128.0.0.1')!))
  assert.ok(sameIp(parseIp('::ffff:1.2.3.4')!, parseIp('1.2.3.4')!))
  assert.ok(!sameIp(parseIp('1.2.3.4')!, parseIp('1.2.3.5')!))
})
