import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConnectionCounters } from './connection-counters.ts'

test('a limit holds over all workers', () => {
  const memory = ConnectionCounters.allocate(2)
  const first = new ConnectionCounters(memory, 2, 0).counter('a')
  const second = new ConnectionCounters(memory, 2, 1).counter('a')
  assert.ok(first.tryAdd(2))
  assert.ok(second.tryAdd(2))
  assert.ok(!first.tryAdd(2))
  assert.equal(first.total(), 2)
  second.remove()
  assert.ok(first.tryAdd(2))
})

test('names do not share a counter', () => {
  const counters = new ConnectionCounters(ConnectionCounters.allocate(1), 1, 0)
  for (let i = 0; i < 500; i++) assert.ok(counters.counter(`listener ${i}`).tryAdd(1), `listener ${i}`)
  for (let i = 0; i < 500; i++) assert.ok(!counters.counter(`listener ${i}`).tryAdd(1), `listener ${i}`)
})

test('a dead worker takes only its own share along', () => {
  const memory = ConnectionCounters.allocate(2)
  const main = new ConnectionCounters(memory, 2, 0)
  new ConnectionCounters(memory, 2, 1).counter('a').tryAdd(Number.POSITIVE_INFINITY)
  main.counter('a').tryAdd(Number.POSITIVE_INFINITY)
  main.clearWorker(1)
  assert.equal(main.counter('a').total(), 1)
})

test('beyond the slots a counter still counts, for its thread', () => {
  const counters = new ConnectionCounters(ConnectionCounters.allocate(1), 1, 0)
  for (let i = 0; i < 1024; i++) counters.counter(`n${i}`)
  const spare = counters.counter('one more')
  assert.ok(spare.tryAdd(1))
  assert.ok(!spare.tryAdd(1))
})
