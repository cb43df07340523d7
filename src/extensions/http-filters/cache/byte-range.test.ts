import assert from 'node:assert/strict'
import { test } from 'node:test'
import { byteRange } from './byte-range.ts'

test('one range of bytes; anything else is the whole', () => {
  const of = (text: string | undefined, length = 10): unknown => {
    const range = byteRange(text, length)
    return range === null || range === 'unsatisfiable' ? range : `${range.first}-${range.last}`
  }
  assert.equal(of('bytes=0-3'), '0-3')
  assert.equal(of('bytes=7-'), '7-9')
  assert.equal(of('bytes=7-100'), '7-9')
  assert.equal(of('bytes=-3'), '7-9')
  assert.equal(of('bytes=-30'), '0-9')
  for (const none of ['bytes=10-', 'bytes=-0']) assert.equal(of(none), 'unsatisfiable', none)
  assert.equal(of('bytes=0-0', 0), 'unsatisfiable')
  for (const whole of [undefined, '', 'bytes=', 'bytes=-', 'bytes=3-2', 'bytes=0-1,4-5', 'chars=0-1', 'bytes=a-b'])
    assert.equal(of(whole), null, String(whole))
})
