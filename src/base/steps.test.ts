import assert from 'node:assert/strict'
import { test } from 'node:test'
import { atOnce, inSlices, runSlice, type Steps, sortInSteps } from './steps.ts'

function* count(to: number, seen: number[]): Steps<string> {
  for (let i = 0; i < to; i++) {
    seen.push(i)
    yield
  }
  return 'all'
}

test('at once: to the end, with its result', () => {
  const seen: number[] = []
  assert.equal(atOnce(count(3, seen)), 'all')
  assert.deepEqual(seen, [0, 1, 2])
})

test('a slice ends in time, the next one goes on behind it', () => {
  function* slow(): Steps {
    for (let i = 0; i < 3; i++) {
      const until = performance.now() + 1
      while (performance.now() < until) {
        // As work would.
      }
      yield
    }
  }
  const steps = slow()
  assert.deepEqual(
    [1, 2, 3, 4].map(() => runSlice(steps)),
    [false, false, false, true],
  )
})

test('in slices: events come in between, and it can be given up', async () => {
  const order: string[] = []
  function* two(name: string): Steps {
    order.push(`${name}1`)
    yield
    order.push(`${name}2`)
  }
  await new Promise<void>(resolve => {
    inSlices(two('a'), () => true, resolve)
    inSlices(
      two('b'),
      () => false,
      () => order.push('never'),
    )
    order.push('event')
  })
  assert.deepEqual(order, ['event', 'a1', 'a2'])
})

test('sorting in steps is sorting, and stable', () => {
  for (const length of [0, 1, 255, 256, 257, 1000, 5000]) {
    const list = Array.from({ length }, (_, index) => ({ key: (index * 7919) % 101, index }))
    const expected = list.toSorted((a, b) => a.key - b.key)
    atOnce(sortInSteps(list, (a, b) => a.key - b.key))
    assert.deepEqual(list, expected)
  }
})
