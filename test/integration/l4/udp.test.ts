// UDP listeners and udp_proxy over real sockets.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import type { ListenerJson } from '#api/envoy/config/listener/v3/listener_pb.ts'
import { UDP_CLUSTER_STATS, UDP_STATS } from '../../../src/extensions/udp-listener-filters/udp_proxy/stats.ts'
import { FailedActiveHealthCheck } from '../../../src/upstream/index.ts'
import { UdpPeer } from '../../harness/index.ts'
import { echo, type L4Options, L4Worker, listener, staticCluster, typed } from './kit.ts'

const cleanups: (() => void)[] = []
after(() => {
  for (const cleanup of cleanups) cleanup()
})

const LOCAL = { socketAddress: { protocol: 'UDP', address: '127.0.0.1', portValue: 0 } }
const udpProxy = (config: object = {}) =>
  typed('udp', 'filters.udp.udp_proxy.v3.UdpProxyConfig', { statPrefix: 's', cluster: 'c', ...config })
const udpListener = (config: object = {}, more: object = {}): ListenerJson =>
  ({ name: 'u', address: LOCAL, listenerFilters: [udpProxy(config)], ...more }) as ListenerJson

function worker(options: L4Options): L4Worker {
  const made = new L4Worker(options)
  cleanups.push(() => made.close())
  return made
}

async function peer(open: Promise<UdpPeer>): Promise<UdpPeer> {
  const made = await open
  cleanups.push(() => made.close())
  return made
}

const client = (address?: string): Promise<UdpPeer> => peer(UdpPeer.open(address))
const hosts = (names: string): Promise<UdpPeer[]> => Promise.all([...names].map(name => peer(UdpPeer.echo(name))))

async function proxy(names: string, config: object = {}, cluster: object = {}, more: object = {}) {
  const upstream = await hosts(names)
  const made = worker({
    clusters: [
      staticCluster(
        'c',
        upstream.map(({ port }) => port),
        cluster,
      ),
    ],
  })
  return { worker: made, hosts: upstream, port: await made.listen(udpListener(config, more)) }
}

const sessions = (from: L4Worker, name: string): number => from.stat('udp.s.', UDP_STATS, name)
const upstreamStat = (from: L4Worker, name: string): number => from.stat('cluster.c.udp.', UDP_CLUSTER_STATS, name)

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(resolve => setTimeout(resolve, 5))
}

test('each client has a session: a port of its own upstream, stats of both sides', async () => {
  const {
    worker: made,
    hosts: [host],
    port,
  } = await proxy('h')
  const [a, b] = [await client(), await client()]
  assert.equal(await a.ask('one', port), 'h:one')
  assert.equal(await a.ask('', port), 'h:')
  assert.equal(await b.ask('two', port), 'h:two')
  assert.equal(host!.ports.size, 2)
  const names = ['total', 'active', 'rx_datagrams', 'tx_datagrams', 'rx_bytes', 'tx_bytes']
  assert.deepEqual(
    names.map(name => sessions(made, `downstream_sess_${name}`)),
    [2, 2, 3, 3, 6, 12],
  )
  assert.equal(upstreamStat(made, 'sess_rx_datagrams'), 3)
  assert.equal(upstreamStat(made, 'sess_tx_datagrams'), 3)
  assert.equal(made.clusterStat('c', 'upstream_cx_rx_bytes_total'), 12)
  assert.equal(made.clusterStat('c', 'upstream_cx_tx_bytes_total'), 6)
  assert.equal(made.clusterStat('c', 'upstream_cx_total'), 0)
})

test('a session ends when nothing has come for the idle timeout', async () => {
  const {
    worker: made,
    hosts: [host],
    port,
  } = await proxy('h', { idleTimeout: '0.05s' })
  const a = await client()
  await a.ask('one', port)
  await until(() => sessions(made, 'downstream_sess_active') === 0)
  assert.equal(sessions(made, 'idle_timeout'), 1)
  await a.ask('two', port)
  assert.equal(host!.ports.size, 2)
})

test('a host per datagram: a session with each', async () => {
  const { worker: made, port } = await proxy('xyz', { usePerPacketLoadBalancing: true })
  const a = await client()
  const answers = new Map<string, number>()
  for (let i = 0; i < 9; i++) {
    const [name] = await a.ask('d', port)
    answers.set(name!, (answers.get(name!) ?? 0) + 1)
  }
  assert.deepEqual([...answers.values()], [3, 3, 3])
  assert.equal(sessions(made, 'downstream_sess_total'), 3)
})

test('hashing: by a key all clients share a host, by their address those of one address', async () => {
  const lbPolicy = { lbPolicy: 'RING_HASH' }
  const key = await proxy('vwxyz', { hashPolicies: [{ key: 'k1' }] }, lbPolicy)
  const byKey = new Set<string>()
  for (let i = 2; i < 10; i++) byKey.add((await (await client(`127.0.0.${i}`)).ask('', key.port))[0]!)
  assert.equal(byKey.size, 1)
  const source = await proxy('vwxyz', { hashPolicies: [{ sourceIp: true }] }, lbPolicy)
  const bySource = new Set<string>()
  for (let i = 2; i < 26; i++) {
    const answers = [await client(`127.0.0.${i}`), await client(`127.0.0.${i}`)].map(each => each.ask('', source.port))
    const [first, second] = await Promise.all(answers)
    assert.equal(first, second)
    bySource.add(first!)
  }
  assert.ok(bySource.size > 1)
})

const route = (cluster: string) => ({ action: typed('r', 'filters.udp.udp_proxy.v3.Route', { cluster }) })
const input = (name: string) => typed('i', `matching.common_inputs.network.v3.${name}`)

test('the matcher chooses a cluster by addresses; without one the datagram is dropped', async () => {
  const [one, two] = await hosts('12')
  const made = worker({ clusters: [staticCluster('one', [one!.port]), staticCluster('two', [two!.port])] })
  const [a, b, c, d] = await Promise.all(['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5'].map(client))
  const matcher = {
    matcherTree: {
      input: input('SourceIPInput'),
      exactMatchMap: { map: { '127.0.0.2': route('one'), '127.0.0.3': route('two'), '127.0.0.4': route('absent') } },
    },
  }
  const config = { cluster: undefined, matcher }
  const port = await made.listen(udpListener(config))
  assert.equal(await a!.ask('', port), '1:')
  assert.equal(await b!.ask('', port), '2:')
  c!.send('', port)
  d!.send('', port)
  await until(() => sessions(made, 'downstream_sess_no_route') === 2)
  assert.equal(sessions(made, 'downstream_sess_total'), 2)
})

test('however many clients come, sessions stay within max_connections', async () => {
  const limit = { circuitBreakers: { thresholds: [{ maxConnections: 3 }] } }
  const { worker: made, port } = await proxy('h', {}, limit)
  for (let i = 0; i < 20; i++) (await client()).send('x', port)
  await until(() => sessions(made, 'downstream_sess_total') === 20)
  assert.equal(sessions(made, 'downstream_sess_active'), 3)
  assert.equal(made.clusterStat('c', 'upstream_cx_overflow'), 17)
  assert.equal(made.thread.clusters.get('c')!.limits(0).count(0), 3)
})

test('no healthy host, and one where nobody listens', async () => {
  const gone = await UdpPeer.open()
  const deadPort = gone.port
  gone.close()
  const made = worker({ clusters: [staticCluster('c', [deadPort]), staticCluster('empty', [])] })
  const dead = await made.listen(udpListener())
  const empty = await made.listen(udpListener({ cluster: 'empty' }, { name: 'e' }))
  const a = await client()
  a.send('x', dead)
  a.send('x', empty)
  await until(() => upstreamStat(made, 'sess_rx_errors') === 1)
  await until(() => made.clusterStat('empty', 'upstream_cx_none_healthy') === 1)
  assert.equal(sessions(made, 'downstream_sess_total'), 1)
})

test('long datagrams: dropped from clients, and from hosts where they cannot arrive merged', async () => {
  const {
    worker: made,
    hosts: [host],
    port,
  } = await proxy('h')
  const a = await client()
  assert.equal((await a.ask('x'.repeat(1500), port)).length, 1502)
  a.send('x'.repeat(1501), port)
  await a.ask('', port)
  assert.equal(host!.received.length, 2)
  host!.answer = () => 'y'.repeat(9000)
  assert.equal((await a.ask('', port)).length, 9000)

  const strict = { upstreamSocketConfig: { preferGro: false, maxRxDatagramSize: 20 } }
  const wide = { udpListenerConfig: { downstreamSocketConfig: { maxRxDatagramSize: 9000 } } }
  const next = await made.listen(udpListener(strict, wide))
  host!.answer = text => text.slice(0, 21)
  a.send('z'.repeat(9000), next)
  await until(() => upstreamStat(made, 'sess_rx_datagrams_dropped') === 1)
  assert.equal((await a.ask('z'.repeat(20), next)).length, 20)
})

test('a session leaves a host that fails or goes; it stays where there is no better one', async () => {
  const { worker: made, hosts: all, port } = await proxy('xy')
  const a = await client()
  const first = (await a.ask('', port))[0]
  const cluster = made.thread.clusters.get('c')!
  const keyOf = (name: string) => cluster.hosts().find(({ address }) => address.port === all['xy'.indexOf(name)]!.port)!
  const x = keyOf(first!)
  made.main.setHealth('c', x.key, FailedActiveHealthCheck)
  const second = (await a.ask('', port))[0]
  assert.notEqual(second, first)
  assert.equal(sessions(made, 'downstream_sess_active'), 1)
  made.main.setHealth('c', keyOf(second!).key, FailedActiveHealthCheck)
  assert.equal((await a.ask('', port))[0], second)
  made.main.addCluster(staticCluster('c', [all['xy'.indexOf(first!)]!.port]))
  assert.equal(sessions(made, 'downstream_sess_active'), 0)
  assert.equal((await a.ask('', port))[0], first)
  assert.equal(sessions(made, 'downstream_sess_total'), 3)
})

test('a session ends with its host, and gives its place back', async () => {
  const [x, y] = await hosts('xy')
  const made = worker({ clusters: [staticCluster('c', [], { type: 'EDS' })] })
  const assignment = (at: UdpPeer) => staticCluster('c', [at.port]).loadAssignment!
  await made.main.setHosts('c', assignment(x!))
  const port = await made.listen(udpListener())
  const a = await client()
  assert.equal(await a.ask('', port), 'x:')
  await made.main.setHosts('c', assignment(y!))
  assert.equal(sessions(made, 'downstream_sess_active'), 0)
  assert.equal(made.thread.clusters.get('c')!.limits(0).count(0), 0)
  assert.equal(await a.ask('', port), 'y:')
})

test('a listener that is replaced keeps its socket, and no session; one that is removed keeps nothing', async () => {
  const {
    worker: made,
    hosts: [host],
    port,
  } = await proxy('h')
  const a = await client()
  await a.ask('one', port)
  assert.equal(await made.listen(udpListener({ idleTimeout: '1s' })), port)
  assert.equal(sessions(made, 'downstream_sess_active'), 0)
  await a.ask('two', port)
  await made.listen(listener([echo], { name: 'u' }))
  assert.equal(sessions(made, 'downstream_sess_active'), 0)
  await a.ask('three', await made.listen(udpListener()))
  assert.equal(host!.ports.size, 3)
  await made.listeners.remove('u')
  assert.equal(sessions(made, 'downstream_sess_active'), 0)
  assert.deepEqual(made.listeners.status(), [])
  await assert.rejects(
    made.listen(udpListener({}, { address: { socketAddress: { ...LOCAL.socketAddress, address: '192.0.2.1' } } })),
    /EADDRNOTAVAIL 192\.0\.2\.1:0/,
  )
})

test('nobody but the host can answer in its place', async () => {
  const {
    worker: made,
    hosts: [host],
    port,
  } = await proxy('h')
  const [a, stranger] = [await client(), await client()]
  await a.ask('one', port)
  stranger.send('forged', host!.from!.port)
  assert.equal(await a.ask('two', port), 'h:two')
  assert.equal(upstreamStat(made, 'sess_rx_datagrams'), 2)
})

test('IPv6', async () => {
  const host = await peer(UdpPeer.echo('six', '::1'))
  const cluster = staticCluster('c', [host.port])
  cluster.loadAssignment!.endpoints![0]!.lbEndpoints![0]!.endpoint!.address = {
    socketAddress: { address: '::1', portValue: host.port },
  }
  const made = worker({ clusters: [cluster] })
  const address = { socketAddress: { protocol: 'UDP', address: '::1', portValue: 0 } }
  const port = await made.listen(udpListener({}, { address }))
  assert.equal(await (await client('::1')).ask('hi', port), 'six:hi')
})

test('access logs: a line while a session lasts, one at its end, one of the filter', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'udp-log-'))
  cleanups.push(() => fs.rmSync(folder, { recursive: true }))
  const file = path.join(folder, 'log')
  const logTo = (format: string) => [
    typed('file', 'access_loggers.file.v3.FileAccessLog', {
      path: file,
      logFormat: { textFormatSource: { inlineString: `${format}\n` } },
    }),
  ]
  const count = (name: string, key: string) => `%DYNAMIC_METADATA(udp.proxy.${name}:${key})%`
  const {
    worker: made,
    hosts: [host],
    port,
  } = await proxy('h', {
    accessLog: logTo(
      `%ACCESS_LOG_TYPE% %UPSTREAM_HOST% %BYTES_RECEIVED% %BYTES_SENT% ${count('session', 'datagrams_sent')}`,
    ),
    proxyAccessLog: logTo(`%ACCESS_LOG_TYPE% ${count('proxy', 'session_total')} %DOWNSTREAM_REMOTE_ADDRESS%`),
    accessLogOptions: { accessLogFlushInterval: '0.02s' },
  })
  const a = await client()
  await a.ask('one', port)
  const lines = async (): Promise<string[]> => {
    await made.flushLogs()
    return fs.readFileSync(file, 'utf8').split('\n').slice(0, -1)
  }
  const address = `127.0.0.1:${host!.port}`
  while ((await lines()).length < 2) await new Promise(resolve => setTimeout(resolve, 5))
  await made.listeners.remove('u')
  const all = await lines()
  assert.equal(all[0], `UdpPeriodic ${address} 3 5 1`)
  assert.deepEqual(all.slice(-2), [`UdpSessionEnd ${address} 3 5 1`, 'NotSet 1 -'])
})

test('what cannot be is refused', () => {
  const made = worker({})
  const tcp = { address: { socketAddress: { address: '127.0.0.1', portValue: 0 } } }
  const errors = (json: object) => made.errorsOf(json as ListenerJson)
  assert.deepEqual(errors(udpListener({}, { filterChains: [{ filters: [echo] }] })), [
    'filter_chains: a UDP listener has no connections that could have a filter chain; use listener_filters',
  ])
  assert.deepEqual(errors(udpListener({}, { additionalAddresses: [tcp] })), [
    'additional_addresses[0].address: the addresses of a listener are all of UDP or all of connections',
  ])
  assert.deepEqual(errors(listener([echo], { udpListenerConfig: {} })), [
    'udp_listener_config: has no effect: the address is not one of UDP',
  ])
  const matcher = (name: string) => ({
    cluster: undefined,
    matcher: { matcherTree: { input: input(name), exactMatchMap: { map: { x: route('c') } } } },
  })
  assert.deepEqual(errors(udpListener(matcher('SourcePortInput'))), [])
  assert.match(errors(udpListener(matcher('ServerNameInput')))[0]!, /ServerNameInput cannot be looked at here$/)
  const action = { onNoMatch: { action: { name: 'a', typedConfig: { '@type': 't/x.Y' } } } }
  assert.match(errors(udpListener({ cluster: undefined, matcher: action }))[0]!, /does not name a cluster$/)
})
