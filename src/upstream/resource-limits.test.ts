import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { runtimeSnapshot } from '../config/index.ts'
import { cellIndex, LimitsMemory, ledgerPosition } from './limits-memory.ts'
import { Connections, type LimitsPlan, PendingRequests, Requests, ResourceLimits, Retries } from './resource-limits.ts'

const PLAN: LimitsPlan = {
  max: [2, 3, 5, 1],
  retryBudget: null,
  trackRemaining: false,
  runtimePrefix: 'circuit_breakers.c.default.',
}
const runtime = () => ({ snapshot: runtimeSnapshot([]) })

test('each kind has its own limit, and two threads share it', () => {
  const location = new LimitsMemory(2).allot()
  const one = new ResourceLimits(PLAN, 0, location, ledgerPosition(0), runtime())
  const two = new ResourceLimits(PLAN, 0, location, ledgerPosition(1), runtime())
  assert.equal(one.tryAcquire(Connections), true)
  assert.equal(two.tryAcquire(Connections), true)
  assert.equal(one.tryAcquire(Connections), false)
  assert.equal(two.canAcquire(Connections), false)
  assert.equal(one.canAcquire(PendingRequests), true)
  one.forceAcquire(Connections)
  assert.equal(two.count(Connections), 3)
  one.release(Connections)
  one.release(Connections)
  assert.equal(two.tryAcquire(Connections), true)
})

test('priorities and clusters do not share cells', () => {
  const memory = new LimitsMemory(40)
  const seen = new Set<string>()
  for (let cluster = 0; cluster < 300; cluster++) {
    const location = memory.allot()
    for (const priority of [0, 1]) {
      for (let kind = 0; kind < 4; kind++) {
        const limits = new ResourceLimits(PLAN, priority as 0 | 1, location, ledgerPosition(39), runtime())
        assert.equal(limits.count(kind as 0), 0)
        limits.forceAcquire(kind as 0)
        assert.equal((cellIndex(location, priority, kind) * 4) % 64, 0, 'each cell begins a cache line')
      }
    }
    seen.add(`${cluster}`)
  }
  assert.equal(seen.size, 300)
})

test('a retry budget follows the load and never goes below its minimum', () => {
  const plan = {
    ...PLAN,
    max: [9, 9, 100, 0] as const,
    retryBudget: { percent: 20, minRetryConcurrency: 3, intervalMs: 0 },
  }
  const limits = new ResourceLimits(plan, 0, new LimitsMemory(1).allot(), ledgerPosition(0), runtime())
  assert.equal(limits.limit(Retries), 3)
  for (let i = 0; i < 20; i++) limits.tryAcquire(Requests)
  for (let i = 0; i < 9; i++) limits.tryAcquire(PendingRequests)
  assert.equal(limits.limit(Retries), 5)
})

test('with a budget_interval the budget is a share of the requests begun in it, by all threads', () => {
  const retryBudget = { percent: 20, minRetryConcurrency: 1, intervalMs: 3_600_000 }
  const plan = { ...PLAN, max: [9, 9, 100, 0] as const, retryBudget }
  const location = new LimitsMemory(2).allot(true)
  const [one, two] = [0, 1].map(worker => new ResourceLimits(plan, 0, location, ledgerPosition(worker), runtime()))
  for (let i = 0; i < 20; i++) {
    one!.tryAcquire(Requests)
    one!.release(Requests)
  }
  assert.equal(two!.limit(Retries), 4)
})

test('the runtime overrides limits while running', () => {
  const changing = { snapshot: runtimeSnapshot([]) }
  const limits = new ResourceLimits(PLAN, 0, new LimitsMemory(1).allot(), ledgerPosition(0), changing)
  assert.equal(limits.limit(Requests), 5)
  changing.snapshot = runtimeSnapshot([{ circuit_breakers: { c: { default: { max_requests: 0 } } } }])
  assert.equal(limits.tryAcquire(Requests), false)
  changing.snapshot = runtimeSnapshot([])
  assert.equal(limits.tryAcquire(Requests), true)
})

test('what a dead worker held is free again', () => {
  const memory = new LimitsMemory(2)
  const location = memory.allot()
  const dying = new ResourceLimits(PLAN, 1, location, ledgerPosition(1), runtime())
  const living = new ResourceLimits(PLAN, 1, location, ledgerPosition(0), runtime())
  living.tryAcquire(Requests)
  dying.tryAcquire(Requests)
  dying.tryAcquire(Requests)
  memory.releaseShareOf(1)
  assert.equal(living.count(Requests), 1)
  memory.releaseShareOf(1)
  assert.equal(living.count(Requests), 1)
  living.release(Requests)
  assert.equal(living.count(Requests), 0)
})

test('cells are used again only when at rest and empty', () => {
  let now = 0
  const memory = new LimitsMemory(1, () => now)
  const location = memory.allot()
  const limits = new ResourceLimits(PLAN, 0, location, ledgerPosition(0), runtime())
  limits.tryAcquire(Requests)
  memory.giveBack(location)
  assert.notEqual(memory.allot().offset, location.offset)
  now = 3_600_000
  assert.notEqual(memory.allot().offset, location.offset)
  limits.release(Requests)
  now = 7_200_000
  assert.deepEqual(memory.allot(), location)
})

test('cells that a tunnel of days still holds do not keep others from being used again', () => {
  let now = 0
  const memory = new LimitsMemory(1, () => now)
  const held = memory.allot()
  new ResourceLimits(PLAN, 0, held, ledgerPosition(0), runtime()).tryAcquire(Requests)
  const free = memory.allot()
  memory.giveBack(held)
  memory.giveBack(free)
  now = 3_600_000
  assert.notEqual(memory.allot().offset, held.offset)
  assert.deepEqual(memory.allot(), free)
})

test('four threads together never pass the limit and end at zero', async () => {
  const location = new LimitsMemory(4).allot()
  const seen = new Int32Array(new SharedArrayBuffer(8))
  const url = (file: string): string => JSON.stringify(new URL(file, import.meta.url).href)
  const code = `
    const { workerData } = await import('node:worker_threads')
    const { ResourceLimits } = await import(${url('./resource-limits.ts')})
    const { runtimeSnapshot } = await import(${url('../config/runtime-snapshot.ts')})
    const { location, plan, seen, index } = workerData
    const limits = new ResourceLimits(plan, 0, location, index + 2, { snapshot: runtimeSnapshot([]) })
    for (let i = 0; i < 20000; i++) {
      if (!limits.tryAcquire(2)) continue
      const held = Atomics.add(seen, 0, 1) + 1
      if (held > 5) Atomics.store(seen, 1, held)
      Atomics.sub(seen, 0, 1)
      limits.release(2)
    }`
  const source = new URL(`data:text/javascript,${encodeURIComponent(code)}`)
  const workers = [0, 1, 2, 3].map(index => new Worker(source, { workerData: { location, plan: PLAN, seen, index } }))
  for (const exit of await Promise.all(workers.map(worker => once(worker, 'exit')))) assert.deepEqual(exit, [0])
  assert.equal(seen[1], 0, `at most 5 held, not ${seen[1]}`)
  assert.ok(new Int32Array(location.memory).every(cell => cell === 0))
})
