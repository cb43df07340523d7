import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readSw8, writeSw8 } from './sw8.ts'

const REFERENCE = {
  traceId: 'trace',
  segmentId: 'segment',
  spanId: 3,
  service: 'shop',
  instance: 'shop-1',
  endpoint: '/cart',
  address: '10.0.0.1:80',
}

test('what is written is read', () => {
  const text = writeSw8(REFERENCE)
  assert.equal(text, '1-dHJhY2U=-c2VnbWVudA==-3-c2hvcA==-c2hvcC0x-L2NhcnQ=-MTAuMC4wLjE6ODA=')
  assert.deepEqual(readSw8(text), REFERENCE)
  assert.deepEqual(readSw8(text.replace(/^1/, '0')), REFERENCE)
})

test('what is no sw8 header is null', () => {
  const text = writeSw8(REFERENCE)
  for (const bad of [
    '',
    'bad',
    `2${text.slice(1)}`,
    text.replace('-3-', '-x-'),
    `${text}-`,
    text.replace('c2hvcA==', '*'),
  ]) {
    assert.equal(readSw8(bad), null, bad)
  }
})
