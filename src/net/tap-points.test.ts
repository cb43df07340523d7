import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TapPoints, type TapRequest } from './tap-points.ts'

const request = (id: number, configId = 'one'): TapRequest => ({ id, configId, config: {} })

test('a tap is found by the points of its id, also by those that come later, until it is detached', () => {
  const points = new TapPoints()
  const one = points.point('one')
  assert.equal(points.point('one'), one)
  assert.equal(
    points.attach(request(1, 'two'), () => {}),
    false,
  )
  const two = points.point('two')
  assert.equal(two.current?.request.id, 1)
  assert.equal(
    points.attach(request(2), () => {}),
    true,
  )
  assert.deepEqual([one.current?.request.id, two.current], [2, null])
  points.detach()
  assert.equal(one.current, null)
})

test('what a reader has not taken is bounded; one record is always accepted', () => {
  const points = new TapPoints()
  const point = points.point('one')
  const delivered: number[] = []
  points.attach(request(1), text => delivered.push(text.length))
  const megabyte = 'x'.repeat(1024 * 1024)
  const submit = (text: string) => point.current!.submit(text)
  assert.equal(submit(megabyte.repeat(5)), true)
  assert.equal(submit('x'), false)
  points.onTaken(1, 5 * megabyte.length)
  assert.deepEqual(
    [1, 2, 3, 4, 5].map(() => submit(megabyte)),
    [true, true, true, true, false],
  )
  points.onTaken(7, 4 * megabyte.length)
  assert.equal(submit(megabyte), false)
  points.onTaken(1, megabyte.length)
  assert.equal(submit(megabyte), true)
  assert.equal(delivered.length, 6)
})
