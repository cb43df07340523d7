import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { TCP_STATS } from '../../../src/extensions/network-filters/tcp_proxy/stats.ts'
import { FailedActiveHealthCheck } from '../../../src/upstream/index.ts'
import { type L4Options, L4Worker, listener, staticCluster, tcpProxy, typed } from './kit.ts'
import { client, deadPort, Origin } from './peers.ts'

const cleanups: (() => void)[] = []
after(() => {
  for (const cleanup of cleanups) cleanup()
})

function worker(options: L4Options): L4Worker {
  const made = new L4Worker(options)
  cleanups.push(() => made.close())
  return made
}

async function origin(): Promise<{ origin: Origin; port: number }> {
  const made = new Origin()
  cleanups.push(() => made.close())
  return { origin: made, port: await made.listen() }
}

interface Proxy {
  worker: L4Worker
  origin: Origin
  port: number
}

async function proxy(config: object = {}, cluster: object = {}, more: object = {}): Promise<Proxy> {
  const upstream = await origin()
  const made = worker({ clusters: [staticCluster('c', [upstream.port], cluster)] })
  const port = await made.listen(listener([tcpProxy({ cluster: 'c', ...config })], more))
  return { worker: made, origin: upstream.origin, port }
}

const tcpStat = (from: L4Worker, name: string): number => from.stat('tcp.t.', TCP_STATS, name)

/** An access log on a file of its own, and how to read its lines once `count` are there. */
function logTo(format: string): { config: object; lines: (from: L4Worker, count: number) => Promise<string[]> } {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'l4-log-'))
  const file = path.join(folder, 'log')
  cleanups.push(() => fs.rmSync(folder, { recursive: true }))
  return {
    config: {
      accessLog: [
        typed('file', 'access_loggers.file.v3.FileAccessLog', {
          path: file,
          logFormat: { textFormatSource: { inlineString: `${format}\n` } },
        }),
      ],
    },
    lines: async (from, count) => {
      for (;;) {
        await from.flushLogs()
        const lines = fs.existsSync(file) ? fs.readFileSync(file, 'latin1').split('\n').slice(0, -1) : []
        if (lines.length >= count) return lines
        await new Promise(resolve => setImmediate(resolve))
      }
    },
  }
}

/** Waits until a stat says so; every change happens in this process, so turns of the loop are enough. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(resolve => setImmediate(resolve))
}

test('bytes pass both ways and are counted', async () => {
  const log = logTo(
    '%RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %UPSTREAM_CLUSTER% %UPSTREAM_REQUEST_ATTEMPT_COUNT% %ACCESS_LOG_TYPE%',
  )
  const { worker: made, origin: upstream, port } = await proxy(log.config)
  const peer = await client(port)
  const server = await upstream.accept()
  peer.send('ping')
  await server.expect('ping')
  server.send('0:ping')
  await peer.expect('0:ping')
  assert.equal(tcpStat(made, 'downstream_cx_total'), 1)
  assert.equal(tcpStat(made, 'downstream_cx_rx_bytes_total'), 4)
  assert.equal(tcpStat(made, 'downstream_cx_tx_bytes_total'), 6)
  assert.equal(made.clusterStat('c', 'upstream_cx_total'), 1)
  assert.equal(made.clusterStat('c', 'upstream_rq_total'), 1)
  assert.equal(made.clusterStat('c', 'upstream_cx_tx_bytes_total'), 4)
  assert.equal(made.clusterStat('c', 'upstream_cx_rx_bytes_total'), 6)
  peer.socket.end()
  await server.end()
  server.socket.end()
  await peer.end()
  assert.deepEqual(await log.lines(made, 1), ['- 4 6 c 1 TcpConnectionEnd'])
  await until(() => made.clusterStat('c', 'upstream_cx_active') === 0)
  assert.equal(made.clusterStat('c', 'upstream_rq_active'), 0)
  assert.equal(made.clusterStat('c', 'upstream_cx_destroy_remote_with_active_rq'), 1)
})

test('the origin may speak first', async () => {
  const { origin: upstream, port } = await proxy()
  const peer = await client(port)
  const server = await upstream.accept()
  server.send('greeting')
  await peer.expect('greeting')
})

test('a half-close by the client leaves the way back open', async () => {
  const { origin: upstream, port } = await proxy()
  const peer = await client(port)
  const server = await upstream.accept()
  peer.send('all')
  peer.socket.end()
  await server.end()
  assert.equal(server.received.toString(), 'all')
  server.send('late answer')
  await peer.expect('late answer')
  server.socket.end()
  await peer.end()
})

test('a half-close by the origin leaves the way there open', async () => {
  const { worker: made, origin: upstream, port } = await proxy()
  const peer = await client(port)
  const server = await upstream.accept()
  server.send('done')
  server.socket.end()
  await peer.end()
  assert.equal(peer.received.toString(), 'done')
  peer.send('still here')
  await server.expect('still here')
  peer.socket.end()
  await server.end()
  await until(() => made.clusterStat('c', 'upstream_cx_active') === 0)
  assert.equal(made.clusterStat('c', 'upstream_cx_destroy_local'), 1)
})

test('resets pass through in both directions', async () => {
  const log = logTo('%RESPONSE_FLAGS%')
  const { worker: made, origin: upstream, port } = await proxy(log.config)
  const first = await client(port)
  const server = await upstream.accept()
  first.send('x')
  await server.expect('x')
  first.socket.resetAndDestroy()
  await server.gone()
  assert.equal(server.errno, 'ECONNRESET')

  const second = await client(port)
  const other = await upstream.accept()
  second.send('x')
  await other.expect('x')
  other.socket.resetAndDestroy()
  await second.gone()
  assert.equal(second.errno, 'ECONNRESET')
  assert.deepEqual(await log.lines(made, 2), ['-', 'UR'])
  await until(() => made.clusterStat('c', 'upstream_cx_active') === 0)
})

test('connect attempts are limited, and each is counted', async () => {
  const log = logTo('%RESPONSE_FLAGS% %UPSTREAM_REQUEST_ATTEMPT_COUNT% %UPSTREAM_TRANSPORT_FAILURE_REASON%')
  const made = worker({ clusters: [staticCluster('dead', [await deadPort()])] })
  const port = await made.listen(listener([tcpProxy({ cluster: 'dead', maxConnectAttempts: 3, ...log.config })]))
  const peer = await client(port)
  await peer.gone()
  assert.equal(made.clusterStat('dead', 'upstream_cx_connect_fail'), 3)
  assert.equal(made.clusterStat('dead', 'upstream_cx_total'), 3)
  assert.equal(made.clusterStat('dead', 'upstream_cx_connect_attempts_exceeded'), 1)
  assert.equal(made.clusterStat('dead', 'upstream_rq_pending_failure_eject'), 3)
  assert.equal(made.clusterStat('dead', 'upstream_cx_active'), 0)
  assert.deepEqual(await log.lines(made, 1), ['UF,URX 3 delayed_connect_error:_Connection_refused'])
})

test('a failed attempt is followed by one to another host', async () => {
  const upstream = await origin()
  const made = worker({ clusters: [staticCluster('c', [await deadPort(), upstream.port])] })
  const backoffOptions = { baseInterval: '0.01s', maxInterval: '0.02s' }
  const port = await made.listen(listener([tcpProxy({ cluster: 'c', maxConnectAttempts: 3, backoffOptions })]))
  for (let i = 0; i < 4; i++) {
    const peer = await client(port)
    peer.send('x')
    const server = await upstream.origin.accept()
    await server.expect('x')
    peer.socket.destroy()
  }
  assert.ok(made.clusterStat('c', 'upstream_cx_connect_fail') >= 1)
})

test('no host, no cluster, and a full circuit breaker close the connection with their flag', async () => {
  const log = logTo('%RESPONSE_FLAGS%')
  const upstream = await origin()
  const circuitBreakers = { thresholds: [{ maxConnections: 1 }] }
  const made = worker({
    clusters: [staticCluster('empty', []), staticCluster('full', [upstream.port], { circuitBreakers })],
  })
  const ports: Record<string, number> = {}
  for (const cluster of ['empty', 'missing', 'full']) {
    ports[cluster] = await made.listen(listener([tcpProxy({ cluster, ...log.config })], { name: cluster }))
  }
  await (await client(ports['empty']!)).gone()
  await (await client(ports['missing']!)).gone()
  const first = await client(ports['full']!)
  first.send('x')
  await (await upstream.origin.accept()).expect('x')
  await (await client(ports['full']!)).gone()
  assert.deepEqual(await log.lines(made, 3), ['UH', 'NC', 'UO'])
  assert.equal(made.clusterStat('empty', 'upstream_cx_none_healthy'), 1)
  assert.equal(made.clusterStat('full', 'upstream_cx_overflow'), 1)
  assert.equal(tcpStat(made, 'downstream_cx_no_route'), 1)
})

test('idle and over-long connections are closed on both sides', async () => {
  const log = logTo('%RESPONSE_FLAGS%')
  const idle = await proxy({ idleTimeout: '0.05s', ...log.config })
  const peer = await client(idle.port)
  const server = await idle.origin.accept()
  peer.send('x')
  await server.expect('x')
  await Promise.all([peer.gone(), server.gone()])
  assert.equal(tcpStat(idle.worker, 'idle_timeout'), 1)
  assert.deepEqual(await log.lines(idle.worker, 1), ['-'])

  const bounded = await proxy({ maxDownstreamConnectionDuration: '0.05s', ...log.config })
  const other = await client(bounded.port)
  await Promise.all([other.gone(), (await bounded.origin.accept()).gone()])
  assert.equal(tcpStat(bounded.worker, 'max_downstream_connection_duration'), 1)
  assert.deepEqual((await log.lines(bounded.worker, 2))[1], 'DT')
})

test('clusters are chosen by weight', async () => {
  const a = await origin()
  const b = await origin()
  const made = worker({ clusters: [staticCluster('a', [a.port]), staticCluster('b', [b.port])] })
  const weightedClusters = {
    clusters: [
      { name: 'a', weight: 1 },
      { name: 'b', weight: 3 },
    ],
  }
  const port = await made.listen(listener([tcpProxy({ weightedClusters })]))
  let random = 0
  Object.defineProperty(made.thread, 'random', { value: () => random })
  for (const [value, expected] of [
    [0, a],
    [0.24, a],
    [0.26, b],
    [0.99, b],
  ] as const) {
    random = value
    const peer = await client(port)
    await expected.origin.accept()
    peer.socket.destroy()
  }
})

test('with ON_DOWNSTREAM_DATA the upstream connection waits for the first bytes', async () => {
  const {
    worker: made,
    origin: upstream,
    port,
  } = await proxy({ upstreamConnectMode: 'ON_DOWNSTREAM_DATA', maxEarlyDataBytes: 1024 })
  const peer = await client(port)
  await until(() => tcpStat(made, 'downstream_cx_total') === 1)
  assert.equal(made.clusterStat('c', 'upstream_cx_total'), 0)
  peer.send('hello')
  await (await upstream.accept()).expect('hello')
  assert.equal(tcpStat(made, 'early_data_received_count_total'), 1)
})

test('access logs tell the start, the upstream connection, periods and the end', async () => {
  const log = logTo('%ACCESS_LOG_TYPE%')
  const accessLogOptions = {
    flushAccessLogOnStart: true,
    flushAccessLogOnConnected: true,
    accessLogFlushInterval: '0.02s',
  }
  const { worker: made, origin: upstream, port } = await proxy({ ...log.config, accessLogOptions })
  const peer = await client(port)
  const server = await upstream.accept()
  const lines = await log.lines(made, 4)
  peer.socket.end()
  server.socket.end()
  assert.deepEqual(lines.slice(0, 3), ['TcpConnectionStart', 'TcpUpstreamConnected', 'TcpPeriodic'])
  await until(() => made.clusterStat('c', 'upstream_cx_active') === 0)
  assert.equal((await log.lines(made, 5)).at(-1), 'TcpConnectionEnd')
})

const MEBIBYTES_10 = 10 << 20

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

/** The hash of all that comes until the other side's FIN; reading starts now. */
async function readAll(socket: net.Socket): Promise<string> {
  const hash = createHash('sha256')
  socket.on('data', chunk => hash.update(chunk))
  socket.resume()
  await once(socket, 'end')
  return hash.digest('hex')
}

test('10 MiB both ways at once through limits of 1 KiB and readers that start late: identical bytes', async () => {
  const there = randomBytes(MEBIBYTES_10)
  const back = randomBytes(MEBIBYTES_10)
  const connected = Promise.withResolvers<net.Socket>()
  const upstream = new Origin(connected.resolve)
  cleanups.push(() => upstream.close())
  const upstreamPort = await upstream.listen()
  const made = worker({ clusters: [staticCluster('c', [upstreamPort], { perConnectionBufferLimitBytes: 1024 })] })
  const port = await made.listen(listener([tcpProxy({ cluster: 'c' })], { perConnectionBufferLimitBytes: 1024 }))
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.pause()
  socket.end(there)
  const server = await connected.promise
  server.end(back)
  await until(() => tcpStat(made, 'downstream_flow_control_paused_reading_total') > 0)
  await until(() => made.clusterStat('c', 'upstream_flow_control_paused_reading_total') > 0)
  const [received, served] = await Promise.all([readAll(socket), readAll(server)])
  assert.equal(received, sha256(back))
  assert.equal(served, sha256(there))
  await until(() => made.clusterStat('c', 'upstream_cx_active') === 0)
  assert.equal(
    tcpStat(made, 'downstream_flow_control_paused_reading_total'),
    tcpStat(made, 'downstream_flow_control_resumed_reading_total'),
  )
  assert.equal(
    made.clusterStat('c', 'upstream_flow_control_paused_reading_total'),
    made.clusterStat('c', 'upstream_flow_control_resumed_reading_total'),
  )
})

test('a client that does not read holds the origin back; then it gets every byte', async () => {
  const total = 64 << 20
  const chunk = Buffer.alloc(1 << 20, 'b')
  let written = 0
  const upstream = new Origin(socket => {
    const more = (): void => {
      while (written < total) {
        written += chunk.length
        if (!socket.write(chunk)) return
      }
      socket.end()
    }
    socket.on('drain', more)
    more()
  })
  cleanups.push(() => upstream.close())
  const made = worker({ clusters: [staticCluster('c', [await upstream.listen()])] })
  const port = await made.listen(listener([tcpProxy({ cluster: 'c' })]))
  const socket = net.connect({ port, host: '127.0.0.1' })
  await once(socket, 'connect')
  socket.pause()
  await until(() => made.clusterStat('c', 'upstream_flow_control_paused_reading_total') === 1)
  const held = made.clusterStat('c', 'upstream_cx_rx_bytes_total') - tcpStat(made, 'downstream_cx_tx_bytes_total')
  assert.ok(held <= 2 << 20, `${held} bytes held`)
  assert.ok(made.clusterStat('c', 'upstream_cx_rx_bytes_total') < total / 2)
  let got = 0
  socket.on('data', data => {
    got += data.length
  })
  socket.resume()
  await once(socket, 'end')
  assert.equal(got, total)
})

test('what a client sent before it left still reaches a slow origin', async () => {
  const { worker: made, origin: upstream, port } = await proxy()
  const peer = await client(port)
  const server = await upstream.accept()
  server.socket.pause()
  const bytes = Buffer.alloc(8 << 20, 'c')
  peer.socket.end(bytes)
  await until(() => made.clusterStat('c', 'upstream_cx_tx_bytes_total') > 1 << 20)
  server.socket.resume()
  await server.end()
  assert.equal(server.received.length, bytes.length)
})

test('connections to a host that fails its checks go on, unless they are to be closed', async () => {
  for (const closes of [false, true]) {
    const { worker: made, origin: upstream, port } = await proxy({}, { closeConnectionsOnHostHealthFailure: closes })
    const peer = await client(port)
    peer.send('hello')
    const other = await upstream.accept()
    await other.expect('hello')
    const [host] = made.thread.clusters.get('c')?.hosts() ?? []
    made.main.setHealth('c', host?.key ?? '', FailedActiveHealthCheck)
    if (closes) await peer.gone()
    else {
      other.send('still here')
      await peer.expect('still here')
      peer.socket.destroy()
      other.socket.destroy()
    }
    await until(() => made.clusterStat('c', 'upstream_cx_active') === 0)
    assert.equal(host?.tunnels?.size ?? 0, 0)
  }
})
