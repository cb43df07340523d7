import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { after, test } from 'node:test'
import { bootstrap, freePorts, ProxyProcess, RawClient, socketAddress, staticCluster } from '../harness/index.ts'

const EXTENSIONS = 'type.googleapis.com/envoy.extensions.filters.network'
const echoFilter = { name: 'echo', typed_config: { '@type': `${EXTENSIONS}.echo.v3.Echo` } }
const tcpProxy = {
  name: 'tcp',
  typed_config: { '@type': `${EXTENSIONS}.tcp_proxy.v3.TcpProxy`, stat_prefix: 't', cluster: 'origin' },
}
const listener = (port: number, filter: object): object => ({
  name: 'l',
  address: socketAddress(port),
  filter_chains: [{ filters: [filter] }],
})

const servers: Server[] = []
after(() => {
  for (const server of servers) server.close()
})

/** An origin that sends everything back. */
async function echoOrigin(): Promise<number> {
  const server = createServer(socket => socket.on('error', () => socket.destroy()).pipe(socket)).listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function exchange(client: RawClient, text: string): Promise<void> {
  const before = client.received.length
  client.send(text)
  await client.until(received => received.length >= before + text.length)
  assert.equal(client.received.slice(before), text)
}

test('with two workers every connection is served, and the stats are their sum', async () => {
  const [port] = (await freePorts(1)) as [number]
  const config = bootstrap([listener(port, tcpProxy)], [staticCluster('origin', await echoOrigin())])
  await using proxy = await ProxyProcess.start(config, { concurrency: 2 })
  const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.connect(port)))
  await Promise.all(clients.map((client, i) => exchange(client, `client ${i}`)))
  for (const client of clients) client.end()
  await Promise.all(clients.map(client => client.untilEnd()))
  const stats = await proxy.stats('')
  assert.equal(stats.get('tcp.t.downstream_cx_total'), 20)
  assert.equal(stats.get(`listener.127.0.0.1_${port}.downstream_cx_total`), 20)
  assert.equal(stats.get('cluster.origin.upstream_cx_total'), 20)
  const perWorker = [0, 1].map(n => stats.get(`listener.127.0.0.1_${port}.worker_${n}.downstream_cx_total`) ?? 0)
  assert.equal(perWorker[0]! + perWorker[1]!, 20)
})

test('a listener connection limit holds over both workers', async () => {
  const [port] = (await freePorts(1)) as [number]
  const runtime = { envoy: { resource_limits: { listener: { l: { connection_limit: 3 } } } } }
  const config = bootstrap([listener(port, echoFilter)], [], {
    layered_runtime: { layers: [{ name: 'static', static_layer: runtime }] },
  })
  await using proxy = await ProxyProcess.start(config, { concurrency: 2 })
  const inside = await Promise.all(Array.from({ length: 3 }, () => RawClient.connect(port)))
  await Promise.all(inside.map(client => exchange(client, 'x')))
  const outside = await Promise.all(Array.from({ length: 8 }, () => RawClient.connect(port)))
  await Promise.all(outside.map(client => client.untilEnd()))
  for (const client of outside) assert.equal(client.received, '')
  assert.equal((await proxy.stats('cx_overflow')).get(`listener.127.0.0.1_${port}.downstream_cx_overflow`), 8)
  await Promise.all(inside.map(client => exchange(client, 'y')))
  for (const client of inside) client.socket.destroy()
})

/** CPU time of a process in clock ticks (10 ms). */
function cpuTicks(pid: number): number {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ')
  return Number(fields[11]) + Number(fields[12])
}

const noPrlimit = spawnSync('prlimit', ['--version']).error !== undefined && 'there is no prlimit here'

test('when descriptors run out, traffic goes on, nothing spins, and accepting resumes', {
  skip: noPrlimit,
}, async () => {
  const [port] = (await freePorts(1)) as [number]
  await using proxy = await ProxyProcess.start(bootstrap([listener(port, echoFilter)], []))
  const pid = proxy.process.pid!
  const first = await RawClient.connect(port)
  await exchange(first, 'x')
  const open = fs.readdirSync(`/proc/${pid}/fd`).length
  execFileSync('prlimit', ['--pid', String(pid), `--nofile=${open + 10}`])
  const crowd = await Promise.all(Array.from({ length: 40 }, () => RawClient.connect(port)))
  // Those beyond the limit are closed at once; the others are served.
  let served = 0
  for (const client of crowd) {
    client.send('y')
    if ((await client.until(received => received === 'y').catch(() => '')) === 'y') served++
  }
  assert.ok(served > 0 && served < crowd.length / 2, `${served} served`)
  const ticks = cpuTicks(pid)
  await exchange(first, 'still here')
  await new Promise(resolve => setTimeout(resolve, 300))
  assert.ok(cpuTicks(pid) - ticks < 15, `${cpuTicks(pid) - ticks} ticks in 300 ms`)
  for (const client of crowd) client.socket.destroy()
  // The proxy needs a moment to hear of 40 ends; until then it may still turn a client away.
  let again = await RawClient.connect(port)
  for (let tries = 0; tries < 50; tries++) {
    again.send('again')
    if ((await again.until(received => received === 'again').catch(() => '')) === 'again') break
    again = await RawClient.connect(port)
  }
  assert.equal(again.received, 'again')
  for (const client of [first, again]) client.socket.destroy()
})
