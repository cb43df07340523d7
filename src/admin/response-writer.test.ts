import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { test } from 'node:test'
import { startAdmin, TestSources } from './test-sources.ts'

function* lines(count: number, onLine: (i: number) => void = () => undefined): Generator<string> {
  for (let i = 0; i < count; i++) {
    onLine(i)
    yield `cluster.some_service_${i}.upstream_rq_total: ${i}\n`
  }
}

test('a million lines arrive whole, and the event loop keeps turning', async () => {
  const sources = new TestSources()
  sources.statLines = lines(1_000_000)
  await using admin = await startAdmin(sources)
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const response = await admin.get('/stats')
  let newlines = 0
  for await (const chunk of response.body!) for (const byte of chunk) if (byte === 10) newlines++
  delay.disable()
  assert.equal(newlines, 1_000_000)
  // Slices are 5 ms; the rest is allowance for the machine and for this test, which reads on the same thread.
  assert.ok(delay.percentile(90) < 40e6, `p90 ${delay.percentile(90) / 1e6} ms`)
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
