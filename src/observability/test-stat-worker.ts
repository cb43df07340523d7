// A worker thread of stat-reader.test.ts: writes its stats, reports their memory and ends.
import { parentPort } from 'node:worker_threads'
import { StatStore } from './stat-store.ts'
import { statTemplate } from './stat-template.ts'

const T = statTemplate({ counters: ['rq_total', 'a'], gauges: ['rq_active'], histograms: ['rq_time'] })
const store = new StatStore(definitions => parentPort?.postMessage(definitions))
const block = store.block('x.', T)
const rq200 = store.counter('x.rq_200')
for (let i = 1; i <= 1000; i++) {
  block.cells[T.slot('rq_total')]! += 1
  block.histogram(T.slot('rq_time')).record(i)
}
block.cells[T.slot('rq_active')]! += 5
rq200.cells[rq200.slot]! += 7
