// Memory runs short (D8): what the overload manager does about it, by the numbers of a file, and by those of the process.
// Statuses, bodies and stats are those of a real Envoy.
import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { bootstrap, exchange, freePorts, httpListener, ProxyProcess, RawClient } from '../harness/index.ts'

const MONITORS = 'type.googleapis.com/envoy.extensions.resource_monitors'
const GET = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'
const REFRESH = '0.02s'
const folder = mkdtempSync(join(tmpdir(), 'overload-'))
const file = join(folder, 'pressure')
after(() => rmSync(folder, { recursive: true }))

/** Replaced as a whole: half a number would be another one. */
function press(value: number): void {
  writeFileSync(`${file}.new`, String(value))
  renameSync(`${file}.new`, file)
}

async function start(monitor: object, actions: Readonly<Record<string, number>>) {
  const [port] = (await freePorts(1)) as [number]
  const routes = [{ match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'ok' } } }]
  const overload_manager = {
    refresh_interval: REFRESH,
    resource_monitors: [{ name: 'memory', typed_config: monitor }],
    actions: Object.entries(actions).map(([name, value]) => ({
      name: `envoy.overload_actions.${name}`,
      triggers: [{ name: 'memory', threshold: { value } }],
    })),
  }
  const config = bootstrap([httpListener({ port, routes })], [], { overload_manager })
  const proxy = await ProxyProcess.start(config, { concurrency: 2 })
  const on = async (action: string, active: boolean): Promise<void> => {
    await proxy.untilStat(`overload.envoy.overload_actions.${action}.active`, active ? 1 : 0)
    // Each worker has been told by the time that it has told something: the admin interface asks them over.
    await proxy.admin('/stats?filter=nothing')
  }
  return { port, proxy, on }
}

async function ask(client: RawClient): Promise<string> {
  client.received = ''
  client.send(GET)
  return await client.until(text => /\r\n\r\n./s.test(text))
}

/** Asks over connections of their own until each worker must have answered so. */
async function untilAll(port: number, like: RegExp): Promise<void> {
  const deadline = Date.now() + 5000
  for (let inRow = 0; inRow < 20; ) {
    const text = await exchange(port, GET.replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n'))
    inRow = like.test(text) ? inRow + 1 : 0
    assert.ok(Date.now() < deadline, text)
  }
}

test('pressure rises: keep-alive ends, requests are turned away, then connections; and all is well when it falls', async () => {
  press(0.1)
  const { port, proxy, on } = await start(
    { '@type': `${MONITORS}.injected_resource.v3.InjectedResourceConfig`, filename: file },
    { disable_http_keepalive: 0.5, stop_accepting_requests: 0.7, reject_incoming_connections: 0.9 },
  )
  await using _ = proxy
  const clients = await Promise.all(Array.from({ length: 8 }, () => RawClient.connect(port)))
  for (const client of clients) assert.doesNotMatch(await ask(client), /connection: close/)
  await proxy.untilStat('overload.memory.pressure', 10)

  press(0.6)
  await on('disable_http_keepalive', true)
  await untilAll(port, /^HTTP\/1\.1 200 /)
  for (const client of clients) {
    assert.match(await ask(client), /^HTTP\/1\.1 200 .*connection: close/s)
    await client.untilEnd()
  }

  const kept = await Promise.all(Array.from({ length: 8 }, () => RawClient.connect(port)))
  press(0.8)
  await on('stop_accepting_requests', true)
  await untilAll(port, /^HTTP\/1\.1 503 .*envoy overloaded$/s)

  press(0.95)
  await on('reject_incoming_connections', true)
  await untilAll(port, /^$/)
  // Who is in is told; and the admin interface is not a listener.
  for (const client of kept) assert.match(await ask(client), /^HTTP\/1\.1 503 /)
  const stats = await proxy.stats('overload')
  assert.ok(stats.get(`listener.127.0.0.1_${port}.downstream_cx_overload_reject`)! >= 20)
  assert.ok(stats.get(`http.in_${port}.downstream_rq_overload_close`)! >= 28)
  assert.ok(stats.get(`http.in_${port}.downstream_cx_overload_disable_keepalive`)! >= 8)

  press(0.2)
  await on('disable_http_keepalive', false)
  await untilAll(port, /^HTTP\/1\.1 200 .*ok$/s)
  using client = await RawClient.connect(port)
  for (let i = 0; i < 3; i++) assert.doesNotMatch(await ask(client), /connection: close/)
  // What cannot be read changes nothing.
  rmSync(file)
  const failed = 'overload.memory.failed_updates'
  while (((await proxy.stats(failed)).get(failed) ?? 0) < 2);
  assert.match(await ask(client), /^HTTP\/1\.1 200 /)
})

test('the memory of the process against a limit that it is over', async () => {
  const heap = { '@type': `${MONITORS}.fixed_heap.v3.FixedHeapConfig`, max_heap_size_bytes: 1 << 20 }
  const { port, proxy, on } = await start(heap, { stop_accepting_requests: 0.98 })
  await using _ = proxy
  await on('stop_accepting_requests', true)
  await untilAll(port, /^HTTP\/1\.1 503 .*envoy overloaded$/s)
  assert.ok((await proxy.stats('overload.memory.pressure')).get('overload.memory.pressure')! > 1000)
  assert.equal((await proxy.admin('/ready')).status, 200)
})
