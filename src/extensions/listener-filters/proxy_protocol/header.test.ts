import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fuzz } from '../../../../test/harness/fuzz.ts'
import { parseProxyHeader } from './header.ts'

const v1 = (line: string): Buffer => Buffer.from(line, 'latin1')

function v2(command: number, family: number, body: string): Buffer {
  const bytes = Buffer.from(body, 'hex')
  const head = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')
  return Buffer.concat([head, Buffer.from([command, family, bytes.length >> 8, bytes.length & 255]), bytes])
}

const IPV4_BODY = '0a000001' + '0a000002' + '03e8' + '0050'
const IPV6_BODY = '20010db8000000000000000000000001' + 'fe800000000000000000000000000002' + '03e8' + '0050'

const VALID: readonly [bytes: Buffer, source: string | null, destination: string | null][] = [
  [v1('PROXY TCP4 10.0.0.1 10.0.0.2 1000 80\r\n'), '10.0.0.1:1000', '10.0.0.2:80'],
  [v1('PROXY TCP6 2001:db8::1 ::1 1000 80\r\n'), '[2001:db8::1]:1000', '[::1]:80'],
  [v1('PROXY UNKNOWN\r\n'), null, null],
  [v1('PROXY UNKNOWN whatever else\r\n'), null, null],
  [v2(0x21, 0x11, IPV4_BODY), '10.0.0.1:1000', '10.0.0.2:80'],
  [v2(0x21, 0x11, `${IPV4_BODY}010002abcd`), '10.0.0.1:1000', '10.0.0.2:80'],
  [v2(0x21, 0x21, IPV6_BODY), '[2001:db8::1]:1000', '[fe80::2]:80'],
  [v2(0x20, 0x00, ''), null, null],
  [v2(0x21, 0x00, 'aa0001bb'), null, null],
  [v2(0x21, 0x12, IPV4_BODY), '10.0.0.1:1000', '10.0.0.2:80'],
]

test('both versions, with and without addresses', () => {
  for (const [bytes, source, destination] of VALID) {
    const header = parseProxyHeader(Buffer.concat([bytes, Buffer.from('rest')]))
    assert.ok(typeof header === 'object', bytes.toString('latin1'))
    assert.equal(header.length, bytes.length)
    assert.deepEqual(header.addresses, source === null ? null : { source, destination })
  }
})

test('every shorter beginning asks for more', () => {
  for (const [bytes] of VALID) {
    for (let size = 0; size < bytes.length; size++) {
      assert.equal(parseProxyHeader(bytes.subarray(0, size)), 'more', `${size} of ${bytes.toString('latin1')}`)
    }
  }
})

test('broken headers are told from absent ones', () => {
  for (const line of [
    'PROXY TCP4 10.0.0.1 10.0.0.2 99999 80\r\n',
    'PROXY TCP4 10.0.0.1 10.0.0.2 1000\r\n',
    'PROXY TCP4 10.0.0.1 10.0.0.2 1000 80 more\r\n',
    'PROXY TCP4 ::1 ::1 1000 80\r\n',
    'PROXY TCP6 10.0.0.1 10.0.0.2 1000 80\r\n',
    'PROXY TCP4 10.0.0.1 x 1000 80\r\n',
    'PROXY TCP9 10.0.0.1 10.0.0.2 1000 80\r\n',
    'PROXY TCP4 10.0.0.1 10.0.0.2 +100 80\r\n',
  ]) {
    assert.equal(parseProxyHeader(v1(line)), 'error1', line)
  }
  assert.equal(parseProxyHeader(v2(0x29, 0x11, IPV4_BODY)), 'error2')
  assert.equal(parseProxyHeader(v2(0x11, 0x11, IPV4_BODY)), 'error2')
  assert.equal(parseProxyHeader(v2(0x21, 0x11, '0a000001')), 'error2')
  assert.equal(parseProxyHeader(v2(0x21, 0x13, IPV4_BODY)), 'error2')
  assert.equal(parseProxyHeader(v2(0x21, 0x11, `${IPV4_BODY}040009aa`)), 'error2')
  assert.equal(parseProxyHeader(v2(0x21, 0x00, 'aabb')), 'error2')
  assert.equal(parseProxyHeader(v1('GET / HTTP/1.1\r\n')), 'none')
  assert.equal(parseProxyHeader(v1(`PROXY UNKNOWN ${'x'.repeat(120)}\r\n`)), 'none')
})

test('no bytes make it throw, and no header is longer than what was there', () => {
  fuzz(random => {
    const bytes = random.mutate(random.pick(VALID)[0], random.below(4))
    const cut = bytes.subarray(0, random.below(bytes.length + 1))
    const result = parseProxyHeader(cut)
    if (typeof result === 'object') assert.ok(result.length <= cut.length, cut.toString('hex'))
  }, 300)
})
