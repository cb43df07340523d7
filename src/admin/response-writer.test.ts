import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { startAdmin, TestSources } from './test-sources.ts'

function* lines(count: number, onLine: (i: number) => void = () => undefined): Generator<string> {
  for (let i = 0; i < count; i++) {
    onLine(i)
    yield `cluster.some_service_${i}.upstream_rq_total: ${i}\n`
  }
}

/** Reads an answer on a thread of its own, so that only the server's work shows in this thread's event loop. */
const READER = `
  const { workerData, parentPort } = require('node:worker_threads')
  let bytes = 0
  const socket = require('node:net').connect(workerData.port, '127.0.0.1', () => {
    socket.write('GET /stats HTTP/1.1\\r\\nhost: a\\r\\nconnection: close\\r\\n\\r\\n')
  })
  socket.on('data', chunk => { bytes += chunk.length })
  socket.on('end', () => parentPort.postMessage(bytes))
`

/** Bytes that the reader got, and the 90th percentile pause of this thread's event loop meanwhile, in ms. */
async function scrape(lines: Iterable<string>) {
  const sources = new TestSources()
  sources.statLines = lines
  await using admin = await startAdmin(sources)
  const reader = new Worker(READER, { eval: true, workerData: { port: Number(admin.address.split(':')[1]) } })
  await once(reader, 'online')
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const [bytes] = (await once(reader, 'message')) as [number]
  delay.disable()
  await reader.terminate()
  return { bytes, p90Ms: delay.percentile(90) / 1e6 }
}

// A slice is 5 ms; what is above that is allowance for a busy machine. One go would take several hundred.

test('a million lines arrive whole, and the event loop keeps turning', async () => {
  let expected = 0
  for (const line of lines(1_000_000)) expected += line.length
  const { bytes, p90Ms } = await scrape(lines(1_000_000))
  assert.ok(bytes > expected && bytes < expected * 1.01, `${bytes} bytes for ${expected}`)
  assert.ok(p90Ms < 60, `${p90Ms} ms`)
})

test('slow rendering for a fast reader keeps the event loop turning as well', async () => {
  const value = Array.from({ length: 200 }, (_, i) => ({ name: `name_${i}`, value: i }))
  const { p90Ms } = await scrape({
    *[Symbol.iterator]() {
      for (let i = 0; i < 10_000; i++) yield JSON.stringify(value)
    },
  })
  assert.ok(p90Ms < 60, `${p90Ms} ms`)
})

test('a client that does not read stops the rendering, and one that leaves ends it', async () => {
  const sources = new TestSources()
  let rendered = 0
  let finished = false
  sources.statLines = {
    *[Symbol.iterator]() {
      try {
        yield* lines(10_000_000, i => (rendered = i))
      } finally {
        finished = true
      }
    },
  }
  await using admin = await startAdmin(sources)
  const [host, port] = admin.address.split(':') as [string, string]
  const socket = connect(Number(port), host)
  socket.write('GET /stats HTTP/1.1\r\nhost: a\r\n\r\n')
  await once(socket, 'readable')
  // Rendering has stalled once two looks, many slices apart, see the same line.
  let before = -1
  while (before !== rendered) {
    before = rendered
    for (let turn = 0; turn < 200; turn++) await new Promise(resolve => setImmediate(resolve))
  }
  assert.ok(rendered < 1_000_000, `rendered ${rendered} lines for a client that reads none`)
  socket.destroy()
  while (!finished) await new Promise(resolve => setImmediate(resolve))
})
