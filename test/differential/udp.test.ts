// udp_proxy: what clients and hosts get, stats and log lines. PROXY_UNDER_TEST holds the same against a real Envoy.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { bootstrap, freePorts, ProxyProcess, staticCluster, UdpPeer } from '../harness/index.ts'

const typed = (type: string, config: object): object => ({
  name: type,
  typed_config: { '@type': `type.googleapis.com/envoy.extensions.${type}`, ...config },
})
const input = (name: string): object => typed(`matching.common_inputs.network.v3.${name}`, {})
const route = (cluster: string): object => ({ action: typed('filters.udp.udp_proxy.v3.Route', { cluster }) })

const LISTENERS: Readonly<Record<string, object>> = {
  plain: { cluster: 'one', idle_timeout: '60s' },
  idle: { cluster: 'idle', idle_timeout: '0.3s' },
  packets: { cluster: 'three', use_per_packet_load_balancing: true },
  key: { cluster: 'ring', hash_policies: [{ key: 'k1' }] },
  strict: { cluster: 'strict', upstream_socket_config: { prefer_gro: false } },
  limited: { cluster: 'limited' },
  empty: { cluster: 'empty' },
  dead: { cluster: 'dead' },
  routed: {
    matcher: {
      matcher_list: {
        matchers: [
          {
            predicate: { single_predicate: { input: input('SourceIPInput'), value_match: { exact: '127.0.0.9' } } },
            on_match: route('absent'),
          },
        ],
      },
      on_no_match: {
        matcher: {
          matcher_tree: { input: input('DestinationIPInput'), exact_match_map: { map: { '127.0.0.1': route('one') } } },
        },
      },
    },
  },
}
const SESSION_LOG = [
  '%ACCESS_LOG_TYPE% %DYNAMIC_METADATA(udp.proxy.session)% %BYTES_RECEIVED% %BYTES_SENT% %RESPONSE_FLAGS%',
  '%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %UPSTREAM_HOST% %UPSTREAM_REMOTE_ADDRESS% %UPSTREAM_HOST_NAME%',
  '%UPSTREAM_CLUSTER% %PROTOCOL% %RESPONSE_CODE_DETAILS%',
].join(' ')

const NAMES = Object.keys(LISTENERS)
const opened: UdpPeer[] = []
let folder: string
let proxy: ProxyProcess
let ports: ReadonlyMap<string, number>
let hosts: readonly UdpPeer[]
let deadPort: number

async function open(peer: Promise<UdpPeer>): Promise<UdpPeer> {
  opened.push(await peer)
  return peer
}

function clusterOf(name: string, to: readonly number[], extra: object = {}): object {
  const lb_endpoints = to.map(port_value => ({
    endpoint: { address: { socket_address: { address: '127.0.0.1', port_value } } },
  }))
  return staticCluster(name, 0, { load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints }] }, ...extra })
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'udp-'))
  const free = await freePorts(NAMES.length + 1)
  ports = new Map(NAMES.map((name, i) => [name, free[i]!]))
  deadPort = free.at(-1)!
  hosts = await Promise.all(['a', 'b', 'c'].map(name => open(UdpPeer.echo(name))))
  // The ring is made of addresses, so a choice that can be foretold needs ones that are known.
  const ring = await Promise.all([25010, 25011, 25012].map(port => open(UdpPeer.echo(`${port}`, '127.0.0.1', port))))
  const logTo = (file: string, format: string): object[] => [
    typed('access_loggers.file.v3.FileAccessLog', {
      path: join(folder, file),
      log_format: { text_format_source: { inline_string: `${format}\n` } },
    }),
  ]
  const listeners = NAMES.map(name => ({
    name,
    address: { socket_address: { protocol: 'UDP', address: '127.0.0.1', port_value: ports.get(name)! } },
    listener_filters: [
      typed('filters.udp.udp_proxy.v3.UdpProxyConfig', {
        stat_prefix: name,
        access_log: logTo(`${name}.log`, SESSION_LOG),
        proxy_access_log: logTo(`${name}.proxy.log`, '%ACCESS_LOG_TYPE% %DYNAMIC_METADATA(udp.proxy.proxy)%'),
        ...LISTENERS[name],
      }),
    ],
  }))
  const one = [hosts[0]!.port]
  const clusters = [
    ...['one', 'idle', 'strict'].map(name => clusterOf(name, one)),
    clusterOf(
      'three',
      hosts.map(({ port }) => port),
    ),
    clusterOf(
      'ring',
      ring.map(({ port }) => port),
      { lb_policy: 'RING_HASH' },
    ),
    clusterOf('limited', one, { circuit_breakers: { thresholds: [{ max_connections: 1 }] } }),
    clusterOf('empty', []),
    clusterOf('dead', [deadPort]),
  ]
  proxy = await ProxyProcess.start(bootstrap(listeners, clusters))
})

after(async () => {
  await proxy?.stop()
  for (const peer of opened) peer.close()
  await rm(folder, { recursive: true, force: true })
})

const client = (address?: string): Promise<UdpPeer> => open(UdpPeer.open(address))
const portOf = (name: string): number => ports.get(name)!
const statsOf = async (filter: string): Promise<object> =>
  Object.fromEntries([...(await proxy.stats(filter))].filter(([, value]) => value !== 0).sort())

test('sessions: stats of both sides, and every name there is', async () => {
  const [a, b] = [await client(), await client()]
  assert.equal(await a.ask('hello', portOf('plain')), 'a:hello')
  assert.equal(await a.ask('', portOf('plain')), 'a:')
  assert.equal(await b.ask('x'.repeat(1500), portOf('plain')), `a:${'x'.repeat(1500)}`)
  b.send('x'.repeat(1501), portOf('plain'))
  const dropped = `listener.127.0.0.1_${portOf('plain')}.udp.downstream_rx_datagram_dropped`
  await proxy.untilStat(dropped, 1)
  const stats = await proxy.stats('^udp.plain|^cluster.one.udp')
  assert.deepEqual(Object.fromEntries([...stats].sort()), {
    'cluster.one.udp.sess_rx_datagrams': 3,
    'cluster.one.udp.sess_rx_datagrams_dropped': 0,
    'cluster.one.udp.sess_rx_errors': 0,
    'cluster.one.udp.sess_tunnel_buffer_overflow': 0,
    'cluster.one.udp.sess_tunnel_failure': 0,
    'cluster.one.udp.sess_tunnel_success': 0,
    'cluster.one.udp.sess_tx_datagrams': 3,
    'cluster.one.udp.sess_tx_errors': 0,
    'udp.plain.downstream_sess_active': 2,
    'udp.plain.downstream_sess_no_route': 0,
    'udp.plain.downstream_sess_rx_bytes': 1505,
    'udp.plain.downstream_sess_rx_datagrams': 3,
    'udp.plain.downstream_sess_rx_errors': 0,
    'udp.plain.downstream_sess_total': 2,
    'udp.plain.downstream_sess_tx_bytes': 1511,
    'udp.plain.downstream_sess_tx_datagrams': 3,
    'udp.plain.downstream_sess_tx_errors': 0,
    'udp.plain.idle_timeout': 0,
    'udp.plain.session_filter_config_missing': 0,
  })
  assert.deepEqual(await statsOf('^cluster.one.upstream_cx'), {
    'cluster.one.upstream_cx_rx_bytes_total': 1511,
    'cluster.one.upstream_cx_tx_bytes_total': 1505,
  })
})

test('an idle session ends; the next datagram begins another from another port', async () => {
  const a = await client()
  const host = hosts[0]!
  await a.ask('1', portOf('idle'))
  const first = host.from!.port
  await proxy.untilStat('udp.idle.downstream_sess_active', 0)
  await a.ask('2', portOf('idle'))
  assert.notEqual(host.from!.port, first)
  assert.deepEqual(await statsOf('^udp.idle.(idle|.*total)'), {
    'udp.idle.downstream_sess_total': 2,
    'udp.idle.idle_timeout': 1,
  })
})

test('a host per datagram, and a host by a key', async () => {
  const a = await client()
  const answers: string[] = []
  for (let i = 0; i < 9; i++) answers.push((await a.ask('', portOf('packets')))[0]!)
  assert.deepEqual(answers.toSorted(), [...'aaabbbccc'])
  assert.equal((await proxy.stats('udp.packets')).get('udp.packets.downstream_sess_total'), 3)
  for (let i = 2; i < 6; i++) assert.equal(await (await client(`127.0.0.${i}`)).ask('', portOf('key')), '25011:')
})

test('long answers: none where they may not arrive merged', async () => {
  const a = await client()
  a.send('x'.repeat(1499), portOf('strict'))
  await proxy.untilStat('cluster.strict.udp.sess_rx_datagrams_dropped', 1)
  assert.equal((await a.ask('x'.repeat(1498), portOf('strict'))).length, 1500)
})

test('routes, limits, and hosts that are not there', async () => {
  const [a, other] = [await client(), await client('127.0.0.9')]
  assert.equal(await a.ask('', portOf('routed')), 'a:')
  other.send('', portOf('routed'))
  await proxy.untilStat('udp.routed.downstream_sess_no_route', 1)
  await a.ask('', portOf('limited'))
  other.send('', portOf('limited'))
  await proxy.untilStat('cluster.limited.upstream_cx_overflow', 1)
  a.send('', portOf('empty'))
  await proxy.untilStat('cluster.empty.upstream_cx_none_healthy', 1)
  a.send('1', portOf('dead'))
  await proxy.untilStat('cluster.dead.udp.sess_rx_errors', 1)
  a.send('2', portOf('dead'))
  await proxy.untilStat('cluster.dead.udp.sess_rx_errors', 2)
  assert.deepEqual(
    await statsOf('^(udp|cluster).(routed|limited|empty|dead).(udp|downstream|upstream_cx|circuit.*default.cx_o)'),
    {
      'cluster.dead.udp.sess_rx_errors': 2,
      'cluster.dead.udp.sess_tx_datagrams': 2,
      'cluster.dead.upstream_cx_tx_bytes_total': 2,
      'cluster.empty.upstream_cx_none_healthy': 1,
      'cluster.limited.circuit_breakers.default.cx_open': 1,
      'cluster.limited.udp.sess_rx_datagrams': 1,
      'cluster.limited.udp.sess_tx_datagrams': 1,
      'cluster.limited.upstream_cx_overflow': 1,
      'cluster.limited.upstream_cx_rx_bytes_total': 2,
      'udp.dead.downstream_sess_active': 1,
      'udp.dead.downstream_sess_rx_bytes': 2,
      'udp.dead.downstream_sess_rx_datagrams': 2,
      'udp.dead.downstream_sess_total': 1,
      'udp.limited.downstream_sess_active': 1,
      'udp.limited.downstream_sess_rx_datagrams': 1,
      'udp.limited.downstream_sess_total': 2,
      'udp.limited.downstream_sess_tx_bytes': 2,
      'udp.limited.downstream_sess_tx_datagrams': 1,
      'udp.routed.downstream_sess_active': 1,
      'udp.routed.downstream_sess_no_route': 1,
      'udp.routed.downstream_sess_rx_datagrams': 1,
      'udp.routed.downstream_sess_total': 1,
      'udp.routed.downstream_sess_tx_bytes': 2,
      'udp.routed.downstream_sess_tx_datagrams': 1,
    },
  )
})

test('what logs say of sessions and of the filter', async () => {
  await proxy.stop()
  const linesOf = async (name: string): Promise<readonly string[]> =>
    (await readFile(join(folder, name), 'utf8'))
      .trim()
      .replaceAll(/127\.0\.0\.(\d):\d+/g, '$1')
      .split('\n')
      .sort()
  const session = (cluster: string, received: number, sent: number, rx: number, tx: number): string =>
    `{"bytes_received":${received},"bytes_sent":${sent},"cluster_name":"${cluster}","datagrams_received":${rx},"datagrams_sent":${tx},"errors_sent":0} ${received} ${sent}`
  assert.deepEqual(await linesOf('plain.log'), [
    `UdpSessionEnd ${session('one', 1500, 1502, 1, 1)} - 1 1 1 1 1 - - -`,
    `UdpSessionEnd ${session('one', 5, 9, 2, 2)} - 1 1 1 1 1 - - -`,
  ])
  assert.deepEqual(await linesOf('limited.log'), [
    `UdpSessionEnd ${session('limited', 0, 0, 0, 0)} UO 9 1 - - - - - -`,
    `UdpSessionEnd ${session('limited', 0, 2, 1, 1)} - 1 1 1 1 1 - - -`,
  ])
  assert.deepEqual(await linesOf('dead.log'), [`UdpSessionEnd ${session('dead', 2, 0, 2, 0)} - 1 1 1 1 1 - - -`])
  assert.deepEqual(await linesOf('plain.proxy.log'), [
    'NotSet {"bytes_received":1505,"bytes_sent":1511,"datagrams_received":3,"datagrams_sent":3,"errors_received":0,"errors_sent":0,"idle_timeout":0,"no_route":0,"session_total":2}',
  ])
})
