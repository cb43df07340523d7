import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HostRowAllotment, HostRows, ROW_HEALTH_FLAGS } from './host-rows.ts'

function setUp() {
  let now = 0
  const worker = new HostRows()
  const allotment = new HostRowAllotment(
    (index, memory) => worker.addBlock(index, memory),
    () => now,
  )
  return {
    allotment,
    worker,
    pass: (ms: number) => {
      now += ms
    },
  }
}

test('what one thread writes in a row another reads, and no other row changes', () => {
  const { allotment, worker } = setUp()
  const numbers = Array.from({ length: 1100 }, () => allotment.allot())
  assert.equal(new Set(numbers).size, 1100)
  for (const number of numbers) allotment.rows.row(number)[ROW_HEALTH_FLAGS] = number
  for (const number of numbers) assert.equal(worker.row(number)[ROW_HEALTH_FLAGS], number)
  assert.throws(() => worker.row(100_000), /no known block/)
})

test('a row given back rests, and is zero when it comes again', () => {
  const { allotment, pass } = setUp()
  const first = allotment.allot()
  allotment.rows.row(first)[ROW_HEALTH_FLAGS] = 7
  allotment.giveBack(first)
  assert.notEqual(allotment.allot(), first)
  pass(600_000)
  assert.equal(allotment.allot(), first)
  assert.equal(allotment.rows.row(first)[ROW_HEALTH_FLAGS], 0)
})

test('a host that comes and goes for ever takes no more and more memory', () => {
  const { allotment, pass } = setUp()
  for (let turn = 0; turn < 20_000; turn++) {
    allotment.giveBack(allotment.allot())
    pass(50)
  }
  assert.ok([...allotment.rows.allBlocks()].length <= 24)
})
