import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ListMember, MemberList } from './member-list.ts'

class Thing implements ListMember {
  listIndex = -1
}

test('holds exactly what was added and not deleted, whatever the order', () => {
  const list = new MemberList<Thing>()
  const expected = new Set<Thing>()
  const known: Thing[] = Array.from({ length: 40 }, () => new Thing())
  let seed = 7
  for (let step = 0; step < 5000; step++) {
    seed = (seed * 1103515245 + 12345) % 2147483648
    const thing = known[seed % known.length]!
    if (expected.delete(thing)) list.delete(thing)
    else {
      expected.add(thing)
      list.add(thing)
    }
    assert.equal(list.size, expected.size)
    assert.deepEqual(new Set(list.all()), expected)
  }
})

test('deleting what is not in it changes nothing', () => {
  const list = new MemberList<Thing>()
  const [inside, outside] = [new Thing(), new Thing()]
  list.add(inside)
  list.delete(outside)
  list.delete(inside)
  list.delete(inside)
  assert.equal(list.size, 0)
  assert.equal(inside.listIndex, -1)
})

test('members may go while all of them are gone through', () => {
  const list = new MemberList<Thing>()
  for (let i = 0; i < 5; i++) list.add(new Thing())
  for (const thing of list.all()) list.delete(thing)
  assert.equal(list.size, 0)
})
