// One worker under full load: what a small GET leaves for the garbage collector, and what collecting it costs.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { GCProfiler } from 'node:v8'
import { Worker } from 'node:worker_threads'
import { startWorker } from '../docs/in-process-worker.ts'
import { bootstrap, freePorts, httpListener, staticCluster } from '../harness/index.ts'

const WARM_UP_MS = 4000
const MEASURED_MS = 10_000
const KIND = 'Scavenge'
/** JavaScript heap per request; docs/hot-path.md has the list and the measured figure. */
const BYTES_PER_REQUEST = 4000

test('a request leaves what it is known to leave', async t => {
  const peers = new Worker(new URL('garbage-peers.ts', import.meta.url))
  const [originPort] = (await once(peers, 'message')) as [number]
  const [port] = (await freePorts(1)) as [number]
  const worker = await startWorker(
    JSON.stringify(bootstrap([httpListener({ port })], [staticCluster('origin', originPort)])),
  )
  const done = new Int32Array(new SharedArrayBuffer(4))
  peers.postMessage(port)
  peers.postMessage(done.buffer)
  await sleep(WARM_UP_MS)
  const profiler = new GCProfiler()
  const [before, startMs, cpu] = [Atomics.load(done, 0), performance.now(), process.threadCpuUsage()]
  profiler.start()
  await sleep(MEASURED_MS)
  const { statistics } = profiler.stop()!
  const requests = Atomics.load(done, 0) - before
  const elapsedMs = performance.now() - startMs
  const { user, system } = process.threadCpuUsage(cpu)
  const scavenges = statistics.filter(({ gcType }) => gcType === KIND)
  const scavengeMs = scavenges.reduce((sum, { cost }) => sum + cost, 0) / 1000
  let allocated = 0
  for (let i = 1; i < statistics.length; i++) {
    const { beforeGC } = statistics[i]!
    allocated += Math.max(0, used(beforeGC) - used(statistics[i - 1]!.afterGC))
  }
  const perRequest = (allocated * statistics.length) / Math.max(1, statistics.length - 1) / requests
  t.diagnostic(
    `${requests} requests, thread ${Math.round((user + system) / elapsedMs / 10)} % busy, ${scavenges.length} scavenges of ` +
      `${Math.round((scavengeMs / scavenges.length) * 1000)} us: ${((100 * scavengeMs) / elapsedMs).toFixed(2)} % of the time; ` +
      `${Math.round(perRequest)} bytes per request`,
  )
  await worker.handle({ type: 'stop_accepting', inboundOnly: false })
  await peers.terminate()
  assert.ok(requests > 1000 && scavenges.length > 3)
  assert.ok(perRequest < BYTES_PER_REQUEST, `${perRequest} bytes per request`)
})

const used = ({ heapStatistics }: { heapStatistics: { usedHeapSize: number } }): number => heapStatistics.usedHeapSize
