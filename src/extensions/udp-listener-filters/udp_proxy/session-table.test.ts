import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SessionTable, type TableEntry } from './session-table.ts'

function entry(hash: number, peerHost: string, peerPort: number): TableEntry {
  return { hash, peerHost, peerPort, upstreamHost: null, nextInTable: null }
}

test('entries of one hash are told apart, and each can go', () => {
  const table = new SessionTable<TableEntry>(() => 0.5)
  const names = ['10.0.0.1', '10.0.0.2', '10.0.0.3']
  for (let gone = 0; gone < 3; gone++) {
    const entries = names.map(name => entry(7, name, 53))
    for (const each of entries) table.add(each)
    assert.equal(table.all().length, 3)
    for (const each of entries) assert.equal(table.find(7, each.peerHost, 53, null), each)
    assert.equal(table.find(7, '10.0.0.1', 54, null), null)
    table.delete(entries[gone]!)
    assert.equal(table.find(7, names[gone]!, 53, null), null)
    assert.deepEqual(new Set(table.all()), new Set(entries.filter((_, i) => i !== gone)))
    for (const each of table.all()) table.delete(each)
    assert.deepEqual(table.all(), [])
  }
})

test('the hash spreads addresses, and another secret spreads them otherwise', () => {
  const [one, two] = [new SessionTable<TableEntry>(() => 0.1), new SessionTable<TableEntry>(() => 0.9)]
  const seen = new Set<number>()
  let same = 0
  for (let i = 0; i < 20_000; i++) {
    const host = `10.0.${i >> 8}.${i & 255}`
    const hash = one.hashOf(host, 53)
    assert.ok(hash >= 0 && hash <= 0x3fffffff)
    seen.add(hash)
    if (hash === two.hashOf(host, 53)) same++
  }
  assert.ok(seen.size > 19_980, `${seen.size}`)
  assert.ok(same < 3)
})
