import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { atOnce } from '../base/index.ts'
import { StatReader } from './stat-reader.ts'
import { StatStore } from './stat-store.ts'
import { statTemplate } from './stat-template.ts'

const T = statTemplate({ counters: ['rq_total', 'a'], gauges: ['rq_active'], histograms: ['rq_time'] })
const RQ_TOTAL = T.slot('rq_total')
const RQ_ACTIVE = T.slot('rq_active')
const RQ_TIME = T.slot('rq_time')

function storeFor(reader: StatReader, thread: string): StatStore {
  return new StatStore(definitions => reader.define(thread, definitions))
}

test('a block is the same object for the same prefix and template, its cells its own', () => {
  const store = new StatStore()
  const block = store.block('x.', T)
  assert.equal(store.block('x.', T), block)
  block.cells[RQ_TOTAL]! += 3
  assert.equal(store.block('y.', T).cells[RQ_TOTAL], 0)
  assert.throws(() => T.slot('nope'))
  assert.throws(() => statTemplate({ counters: ['a'], gauges: ['a'], histograms: [] }))
})

test('definitions are reported once per turn, and the names of a template travel as one object', async () => {
  const batches: unknown[][] = []
  const store = new StatStore(definitions => batches.push(definitions))
  store.block('x.', T)
  store.block('y.', T)
  store.counter('z')
  assert.equal(batches.length, 0)
  await null
  assert.equal(batches.length, 1)
  const [x, y] = structuredClone(batches[0]) as { template: object }[]
  assert.equal(x?.template, y?.template)
})

test('numbers come by name: blocks in blocks, single stats among them', () => {
  const reader = new StatReader()
  const store = storeFor(reader, 'main')
  store.block('cluster.b.', T)
  store.block('cluster.a.rq.', T)
  store.counter('cluster.a.rq_200')
  store.block('cluster.a.', T)
  store.gauge('zz')
  store.counter('aa')
  store.block('cluster.a.a.', T)
  store.flush()
  const names = [...reader.numbers()].map(({ name }) => name)
  assert.equal(names.length, 15)
  assert.deepEqual(names, names.toSorted())
  store.counter('cluster.a.rq_404')
  store.flush()
  assert.deepEqual([...reader.numbers()].length, 16)
})

test('used: a counter that counted, a gauge that was written even if it is 0 again', () => {
  const reader = new StatReader()
  const store = storeFor(reader, 'main')
  const { cells } = store.block('x.', T)
  const gauge = store.gauge('g')
  store.flush()
  const used = () => [...reader.numbers()].filter(stat => stat.used).map(({ name, value }) => `${name}=${value}`)
  assert.deepEqual(used(), [])
  assert.ok([...reader.numbers()].every(({ value }) => Object.is(value, 0)))
  cells[RQ_ACTIVE]! += 1
  cells[RQ_ACTIVE]! -= 1
  gauge.cells[gauge.slot] = 0
  cells[RQ_TOTAL]! += 1
  assert.deepEqual(used(), ['g=0', 'x.rq_active=0', 'x.rq_total=1'])
  reader.resetCounters()
  assert.deepEqual(used(), ['g=0', 'x.rq_active=0', 'x.rq_total=0'])
})

test('two worker threads write, main sums; a dead one leaves its counters and takes its gauges', async () => {
  const reader = new StatReader()
  const workers = ['worker_0', 'worker_1'].map(name => {
    const worker = new Worker(new URL('./test-stat-worker.ts', import.meta.url))
    worker.on('message', definitions => reader.define(name, definitions))
    return worker
  })
  await Promise.all(workers.map(worker => once(worker, 'exit')))
  const values = () => Object.fromEntries([...reader.numbers()].map(({ name, value }) => [name, value]))
  assert.deepEqual(values(), { 'x.a': 0, 'x.rq_200': 14, 'x.rq_active': 10, 'x.rq_total': 2000 })
  const merged = reader.histogramOf('x.rq_time')
  assert.equal(merged?.count, 2000)
  assert.ok(Math.abs(merged.quantile(0.5) - 500) <= 5)

  reader.detach('worker_0')
  assert.deepEqual(values(), { 'x.a': 0, 'x.rq_200': 14, 'x.rq_active': 5, 'x.rq_total': 2000 })
  assert.equal(reader.histogramOf('x.rq_time')?.count, 2000)
  reader.detach('worker_1')
  assert.equal(reader.value('x.rq_active'), 0)
  assert.equal(reader.value('x.rq_total'), 2000)
})

test('a reset starts counters and histograms over, for dead threads as well, and leaves gauges', () => {
  const reader = new StatReader()
  const stores = ['dead', 'alive'].map(name => storeFor(reader, name))
  const count = () => {
    for (const store of stores) {
      const block = store.block('x.', T)
      block.cells[RQ_TOTAL]! += 2
      block.cells[RQ_ACTIVE]! += 1
      block.histogram(RQ_TIME).record(5)
      store.flush()
    }
  }
  const read = () => ['x.rq_total', 'x.rq_active'].map(name => reader.value(name))
  count()
  reader.detach('dead')
  reader.resetCounters()
  assert.deepEqual(read(), [0, 1])
  assert.equal(reader.histogramOf('x.rq_time')?.count, 0)
  count()
  assert.deepEqual(read(), [2, 2])
  assert.equal(reader.histogramOf('x.rq_time')?.count, 1)
})

test('a flush ends the interval of histograms', () => {
  const reader = new StatReader()
  const store = storeFor(reader, 'main')
  const histogram = store.histogram('h')
  const interval = () => [...reader.allHistograms()][0]?.interval?.count
  histogram.record(1)
  store.flush()
  assert.equal(interval(), undefined)
  reader.flushHistograms()
  assert.equal(interval(), 1)
  histogram.record(2)
  histogram.record(2)
  store.flush()
  assert.equal(interval(), 1)
  reader.flushHistograms()
  assert.equal(interval(), 2)
  reader.flushHistograms()
  assert.equal(interval(), 0)
})

const names = (reader: StatReader) => [...reader.numbers()].map(({ name }) => name)

test('what is removed is gone from every list once all threads have forgotten it', () => {
  const reader = new StatReader()
  const [main, worker] = [storeFor(reader, 'main'), storeFor(reader, 'worker_0')]
  for (const store of [main, worker]) {
    store.block('cluster.x.', T).histogram(RQ_TIME).record(1)
    store.counter('cluster.x.rq_200')
    store.counter('cluster.y.rq_200')
    store.flush()
  }
  const prefixes = { gone: new Set(['cluster.x.']), kept: new Set<string>() }
  atOnce(main.forgetting(prefixes))
  main.flush()
  assert.ok(names(reader).includes('cluster.x.rq_200'))
  atOnce(worker.forgetting(prefixes))
  worker.flush()
  assert.deepEqual(names(reader), ['cluster.y.rq_200'])
  assert.deepEqual([...reader.allHistograms()], [])
  assert.equal(reader.value('cluster.x.rq_200'), undefined)
})

test('what comes back begins at 0, and a longer name is no part of a shorter one', () => {
  const reader = new StatReader()
  const store = storeFor(reader, 'main')
  const before = store.block('cluster.x.', T)
  before.cells[RQ_TOTAL]! += 7
  store.counter('cluster.x.y.rq_200')
  atOnce(store.forgetting({ gone: new Set(['cluster.x.']), kept: new Set(['cluster.x.y.']) }))
  const again = store.block('cluster.x.', T)
  store.flush()
  before.cells[RQ_TOTAL]! += 1
  again.cells[RQ_TOTAL]! += 1
  assert.equal(reader.value('cluster.x.rq_total'), 1)
  assert.ok(names(reader).includes('cluster.x.y.rq_200'))
  assert.equal(store.generation, 1)
})
