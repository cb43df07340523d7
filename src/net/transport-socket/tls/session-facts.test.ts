import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupOfSession, groupOfShare, idOfSession } from './session-facts.ts'

const element = (tag: number, ...content: readonly number[]): number[] => {
  const size = content.length
  return size < 0x80 ? [tag, size, ...content] : [tag, 0x82, size >> 8, size & 0xff, ...content]
}
const session = (id: readonly number[], ...rest: readonly number[][]): Buffer => {
  const first = [...element(2, 1), ...element(2, 3, 4), ...element(4, 0x13, 2), ...element(4, ...id)]
  return Buffer.from(element(0x30, ...first, ...element(4, ...new Array(48).fill(7)), ...rest.flat()))
}

test('the group of a session, behind certificates of any size', () => {
  const certificate = element(0xa3, ...new Array(900).fill(0x30))
  assert.equal(groupOfSession(session([], certificate, element(0xb3, 2, 1, 0x1d))), 'X25519')
  assert.equal(groupOfSession(session([1], element(0xb3, 2, 2, 0x11, 0xec))), 'X25519MLKEM768')
  assert.equal(groupOfSession(session([1], element(0xb3, 2, 2, 0x12, 0x34))), '0x1234')
  assert.equal(groupOfSession(session([1], certificate)), '')
  assert.equal(groupOfSession(undefined), '')
})

test('its id', () => {
  assert.equal(idOfSession(session([0xab, 0xcd], element(0xb3, 2, 1, 0x17))), 'abcd')
  assert.equal(idOfSession(session([])), '')
})

test('the group of a share', () => {
  assert.deepEqual(
    ['X25519', 'prime256v1', 'secp384r1', 'odd', undefined].map(name => groupOfShare(name)),
    ['X25519', 'P-256', 'P-384', 'odd', ''],
  )
})
