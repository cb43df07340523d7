import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hash64, SharedCells } from './shared-cells.ts'

test('a name is the same piece for everybody, and another name another one', () => {
  const memory = SharedCells.allocate(64)
  const [one, other] = [new SharedCells(memory), new SharedCells(memory)]
  one.piece('a', 'x', 3)[1] = 7n
  assert.equal(other.piece('a', 'x', 3)[1], 7n)
  assert.equal(other.piece('b', 'x', 3)[1], 0n)
})

test('other contents begin anew', () => {
  const cells = new SharedCells(SharedCells.allocate(64))
  const before = cells.piece('a', 'five', 2)
  before[0] = 7n
  assert.equal(cells.piece('a', 'six', 2)[0], 0n)
  assert.equal(before[0], 0n, 'it is the same memory still')
})

test('without room a piece is the thread own', () => {
  const memory = SharedCells.allocate(8)
  const [one, other] = [new SharedCells(memory), new SharedCells(memory)]
  one.piece('fits', '', 8)
  const own = one.piece('does not', '', 9)
  own[8] = 1n
  assert.equal(own.length, 9)
  assert.equal(other.piece('does not', '', 9)[8], 0n)
})

test('hashes differ where texts do', () => {
  const hashes = new Set(Array.from({ length: 20_000 }, (_, i) => hash64(`listener ${i % 100} filters[${i}]`)))
  assert.equal(hashes.size, 20_000)
  assert.ok(!hashes.has(0n))
})
