import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Http2Stream } from './stream.ts'
import { StreamTable } from './stream-table.ts'

const stream = (id: number): Http2Stream => ({ id }) as Http2Stream

test('agrees with a Map over streams that live short and long', () => {
  const table = new StreamTable()
  const expected = new Map<number, Http2Stream>()
  let seed = 5
  for (let id = 1; id < 20_000; id += 2) {
    const one = stream(id)
    table.add(one)
    expected.set(id, one)
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff
    // Every few hundredth stays for long: later ones meet it, in the table and beyond.
    for (const old of expected.values()) {
      if (old.id % 301 === 1 && old.id > id - 9000) continue
      if (((seed >> 8) + old.id) % 3 === 0) {
        table.delete(old)
        expected.delete(old.id)
      }
    }
    assert.equal(table.size, expected.size)
    assert.equal(table.get(id), expected.get(id))
  }
  for (let id = 1; id < 20_000; id += 2) assert.equal(table.get(id), expected.get(id))
  assert.deepEqual(new Set(table.all()), new Set(expected.values()))
})
