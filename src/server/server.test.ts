import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import net from 'node:net'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { loadConfiguration } from './configuration.ts'
import { DynamicResources, type DynamicUpdate } from './dynamic-resources.ts'
import { configureMainLogging } from './logging.ts'
import type { ServerOptions } from './options.ts'
import { Server } from './server.ts'

const HCM = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'
const ROUTER = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router'
const WORKERS = 2

const OPTIONS: ServerOptions = {
  configPaths: [],
  configYaml: '',
  concurrency: WORKERS,
  allowUnknownStaticFields: false,
  rejectUnknownDynamicFields: false,
  ignoreUnknownDynamicFields: false,
  serviceCluster: null,
  serviceNode: null,
  serviceZone: null,
  adminAddressPath: null,
  restartEpoch: 0,
  baseId: 0,
  drainTimeMs: 1000,
  drainDelayMs: 0,
  drainDelayIsExact: true,
  drainStrategy: 'immediate',
  fileFlushIntervalMs: 1000,
  findingsFormat: 'text',
  logging: { level: 'off', componentLevels: new Map(), path: null, format: null, json: false, escape: false },
  withoutEffect: [],
}

const address = (port: number) => ({ socketAddress: { address: '127.0.0.1', portValue: port } })
const cluster = (name: string, port: number) => ({
  name,
  loadAssignment: { clusterName: name, endpoints: [{ lbEndpoints: [{ endpoint: { address: address(port) } }] }] },
})
const routes = (name: string, target: string) => ({
  name,
  virtualHosts: [{ name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: target } }] }],
})
const listener = (name: string, port: number, target: string) => ({
  name,
  address: address(port),
  filterChains: [
    {
      filters: [
        {
          name: 'hcm',
          typedConfig: {
            '@type': HCM,
            statPrefix: name,
            routeConfig: routes(`routes of ${name}`, target),
            httpFilters: [{ name: 'envoy.filters.http.router', typedConfig: { '@type': ROUTER } }],
          },
        },
      ],
    },
  ],
})

let lastPort = 21_000 + (process.pid % 4000)
/** Outside the range from which the system takes client ports, so that the test's own traffic cannot take it first. */
async function freePort(): Promise<number> {
  for (;;) {
    const candidate = ++lastPort
    const server = net.createServer()
    const free = await new Promise<boolean>(resolve => {
      server.once('error', () => resolve(false)).listen(candidate, '127.0.0.1', () => resolve(true))
    })
    await new Promise(resolve => server.close(resolve))
    if (free) return candidate
  }
}

function get(port: number, agent?: http.Agent): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    http
      .get({ host: '127.0.0.1', port, ...(agent === undefined ? { agent: false } : { agent }) }, response => {
        let body = ''
        response.setEncoding('latin1').on('data', piece => {
          body += piece
        })
        response.on('end', () => resolve({ status: response.statusCode!, body }))
      })
      .on('error', reject)
  })
}

const origins: http.Server[] = []
async function origin(text: string): Promise<number> {
  const server = http.createServer((_, response) => response.end(text))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  origins.push(server)
  return (server.address() as AddressInfo).port
}

let server: Server
let dynamic: DynamicResources
let port: number

async function apply(...updates: readonly DynamicUpdate[]): Promise<void> {
  assert.deepEqual(await dynamic.apply(updates), { rejected: [], failures: [] })
}

before(async () => {
  port = await freePort()
  const [a, b] = [await origin('a'), await origin('b')]
  const resources = { listeners: [listener('in', port, 'a')], clusters: [cluster('a', a), cluster('b', b)] }
  const options = { ...OPTIONS, configYaml: JSON.stringify({ staticResources: resources }) }
  configureMainLogging(options.logging)
  server = new Server(options)
  const { configuration, report } = loadConfiguration(options)
  assert.ok(configuration !== undefined, report)
  assert.equal(await server.start(configuration), null)
  dynamic = new DynamicResources(server)
})

after(async () => {
  server.quit()
  await server.stopped
  for (const one of origins) one.close()
})

test('a route table is replaced under an open connection', async () => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  assert.equal((await get(port, agent)).body, 'a')
  await apply({ kind: 'route_configuration', name: 'routes of in', resource: routes('routes of in', 'b') })
  assert.equal((await get(port, agent)).body, 'b')
  await apply({ kind: 'route_configuration', name: 'routes of in', resource: routes('routes of in', 'a') })
  assert.equal((await get(port, agent)).body, 'a')
  agent.destroy()
})

test('listener and cluster come, change and go while traffic runs, and no request is lost', async () => {
  let running = true
  const failures: string[] = []
  let served = 0
  const traffic = Array.from({ length: 4 }, async () => {
    while (running) {
      const { status, body } = await get(port).catch(error => ({ status: 0, body: error.message }))
      if (status === 200) served++
      else failures.push(`${status} ${body}`)
    }
  })
  const [other, c, d] = [await freePort(), await origin('c'), await origin('d')]
  await apply(
    { kind: 'cluster', name: 'c', resource: cluster('c', c) },
    { kind: 'listener', name: 'other', resource: listener('other', other, 'c') },
  )
  assert.equal((await get(other)).body, 'c')
  await apply({ kind: 'cluster', name: 'c', resource: cluster('c', d) })
  assert.equal((await get(other)).body, 'd')
  await apply({ kind: 'listener', name: 'in', resource: listener('in', port, 'b') })
  await apply({ kind: 'listener', name: 'in', resource: listener('in', port, 'a') })
  await apply({ kind: 'listener', name: 'other', resource: null }, { kind: 'cluster', name: 'c', resource: null })
  await assert.rejects(get(other), { code: 'ECONNREFUSED' })
  assert.equal(server.reader.value('cluster_manager.active_clusters'), 2)
  running = false
  await Promise.all(traffic)
  assert.deepEqual(failures, [])
  assert.ok(served > 0)
})

test('a batch with any mistake changes nothing', async () => {
  const other = await freePort()
  const outcome = await dynamic.apply([
    { kind: 'cluster', name: 'e', resource: cluster('e', 1) },
    { kind: 'listener', name: 'other', resource: listener('other', other, 'nobody') },
    { kind: 'cluster', name: 'f', resource: { nmae: 'f' } },
  ])
  const messages = outcome.rejected.map(({ message }) => message).join('\n')
  assert.match(messages, /nmae/)
  assert.match(messages, /nobody/)
  assert.equal(server.clusters.has('e'), false)
  await assert.rejects(get(other), { code: 'ECONNREFUSED' })
})

test('an address that is taken is a failure with its name, and the rest stands', async () => {
  const holder = net.createServer()
  await new Promise<void>(resolve => holder.listen(0, '127.0.0.1', resolve))
  const taken = (holder.address() as AddressInfo).port
  const resource = listener('taken', taken, 'a')
  const { failures } = await dynamic.apply([{ kind: 'listener', name: 'taken', resource }])
  assert.equal(failures.length, WORKERS)
  assert.match(failures[0]!.message, new RegExp(`EADDRINUSE.*${taken}`))
  assert.equal((await get(port)).body, 'a')
  await apply({ kind: 'listener', name: 'taken', resource: null })
  holder.close()
})

test('a worker that fails is replaced with everything in force; its gauges vanish, its counters stay', async () => {
  await apply({ kind: 'route_configuration', name: 'routes of in', resource: routes('routes of in', 'b') })
  const agents = Array.from({ length: 24 }, () => new http.Agent({ keepAlive: true, maxSockets: 1 }))
  await Promise.all(agents.map(agent => get(port, agent)))
  const active = () => server.reader.value('http.in.downstream_cx_active')!
  const total = () => server.reader.value('http.in.downstream_cx_total')!
  const before = total()
  const open = active()
  assert.ok(open >= 24)
  const replaced = server.pool.nextReplacement()
  // What no worker can read is an exception in it, like any bug would be.
  server.pool.postTo(0, { type: 'apply', id: -1, updates: null as never })
  await replaced
  assert.equal(server.reader.value('server.worker_restarts'), 1)
  assert.ok(active() < open)
  assert.ok(total() >= before)
  const bodies = await Promise.all(Array.from({ length: 20 }, async () => (await get(port)).body))
  assert.deepEqual(new Set(bodies), new Set(['b']))
  for (const agent of agents) agent.destroy()
})

test('nobody on the other worker notices that one dies, and its place is taken within a second or so', async t => {
  const before = server.reader.value('server.worker_restarts')!
  const clients = await Promise.all(Array.from({ length: 24 }, () => keptClient()))
  for (const client of clients) assert.match(await client.ask(), /^HTTP\/1\.1 200 /)
  const replaced = server.pool.nextReplacement()
  const startMs = performance.now()
  server.pool.postTo(0, { type: 'apply', id: -1, updates: null as never })
  // Requests go on all the while; whoever was on worker 0 is cut, the others are answered every time.
  let answered = 0
  let done = false
  const load = clients.map(async client => {
    while (!done && !client.socket.destroyed) {
      if ((await client.ask()) !== '') answered++
      await sleep(10)
    }
  })
  await replaced
  const tookMs = performance.now() - startMs
  done = true
  await Promise.all(load)
  const cut = clients.filter(({ socket }) => socket.destroyed).length
  t.diagnostic(
    `replaced after ${Math.round(tookMs)} ms; ${cut} of 24 connections cut; ${answered} requests answered meanwhile`,
  )
  assert.ok(cut > 0 && cut < 24, `${cut} of 24 cut`)
  assert.ok(answered > 24)
  // A machine that is busy with other tests takes its time: alone it is about half a second.
  assert.ok(tookMs < 10_000, `${tookMs} ms`)
  assert.equal(server.reader.value('server.worker_restarts'), before + 1)
  for (const client of clients) client.socket.destroy()
})

test('what a dead worker held of limits and gauges is given back', async () => {
  const silent = http.createServer(() => {})
  await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve))
  const held = {
    ...cluster('held', (silent.address() as AddressInfo).port),
    circuitBreakers: { thresholds: [{ maxRequests: 100, trackRemaining: true }] },
  }
  await apply(
    { kind: 'cluster', name: 'held', resource: held },
    { kind: 'route_configuration', name: 'routes of in', resource: routes('routes of in', 'held') },
  )
  const gauge = (name: string): number => {
    server.clusters.refreshGauges()
    return server.reader.value(`cluster.held.${name}`)!
  }
  const clients = Array.from({ length: 24 }, () => net.connect(port, '127.0.0.1').on('error', () => {}))
  for (const client of clients) client.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
  while (gauge('upstream_rq_active') < clients.length) await sleep(1)
  const replaced = server.pool.nextReplacement()
  server.pool.postTo(0, { type: 'apply', id: -1, updates: null as never })
  await replaced
  const others = gauge('upstream_rq_active')
  assert.ok(others > 0 && others < clients.length, `${others} of ${clients.length}`)
  assert.equal(gauge('circuit_breakers.default.remaining_rq'), 100 - others)
  assert.equal(gauge('upstream_cx_active'), others)
  for (const client of clients) client.destroy()
  while (gauge('upstream_rq_active') > 0 || gauge('upstream_cx_active') > 0) await sleep(1)
  assert.equal(gauge('circuit_breakers.default.remaining_rq'), 100)
  assert.equal(gauge('circuit_breakers.default.remaining_cx'), 1024)
  await apply({ kind: 'route_configuration', name: 'routes of in', resource: routes('routes of in', 'b') })
  silent.closeAllConnections()
  silent.close()
})

/** A connection that asks again and again; '' once it is cut. */
async function keptClient() {
  const socket = net.connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.on('error', () => socket.destroy())
  const ask = async (): Promise<string> => {
    socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
    return await new Promise(resolve => {
      const onData = (piece: Buffer) => finish(piece.toString('latin1'))
      const onClose = () => finish('')
      const finish = (text: string) => {
        socket.off('data', onData).off('close', onClose)
        resolve(text)
      }
      socket.on('data', onData).on('close', onClose)
      if (socket.destroyed) finish('')
    })
  }
  return { socket, ask }
}
