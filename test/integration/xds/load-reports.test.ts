// Load reports (LRS) to a server made with @grpc/grpc-js. PROXY_UNDER_TEST holds the same against a real Envoy.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  answering,
  bootstrap,
  exchange,
  freePorts,
  httpListener,
  type JsonMessage,
  ProxyProcess,
  ScriptedGrpc,
  ScriptedOrigin,
  socketAddress,
  staticCluster,
} from '../../harness/index.ts'

const HTTP2 = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
}
const PLACES = [
  { region: 'r', zone: 'a' },
  { region: 'r', zone: 'b' },
]

type Json = Readonly<Record<string, unknown>>

const reports: JsonMessage[] = []
let onReport: (() => void) | null = null
let server: ScriptedGrpc
let origins: readonly ScriptedOrigin[]
let proxy: ProxyProcess
let port: number

/** Waits for the next report of which `holds` is true; those before it are gone. */
async function report(holds: (report: JsonMessage) => boolean = () => true): Promise<JsonMessage> {
  for (;;) {
    const next = reports.shift()
    if (next === undefined) {
      await new Promise<void>(resolve => {
        onReport = resolve
      })
    } else if (holds(next)) return next
  }
}

const statsOf = (message: JsonMessage, cluster: string): Json | undefined =>
  ((message['cluster_stats'] ?? []) as Json[]).find(({ cluster_name }) => cluster_name === cluster)

/** What the next report says of a cluster for which `holds`; without the time that it is about. */
async function nextOf(cluster: string, holds: (stats: Json) => boolean): Promise<Json> {
  const found = await report(message => {
    const stats = statsOf(message, cluster)
    return stats !== undefined && holds(stats)
  })
  const { load_report_interval, ...rest } = statsOf(found, cluster)!
  assert.match(String(load_report_interval), /^\d+(\.\d+)?s$/)
  return rest
}

const hasTraffic = (stats: Json): boolean => stats['upstream_locality_stats'] !== undefined
const get = (path: string): Promise<string> =>
  exchange(port, `GET ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`)
const ask = (message: JsonMessage): void => server.streams.at(-1)!.send(message)
/** Byte by byte as text, so that two localities come in one order. */
const sorted = (list: unknown): readonly unknown[] =>
  (list as unknown[]).toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))

before(async () => {
  server = await ScriptedGrpc.start(
    {
      path: '/envoy.service.load_stats.v3.LoadReportingService/StreamLoadStats',
      request: 'envoy.service.load_stats.v3.LoadStatsRequest',
      response: 'envoy.service.load_stats.v3.LoadStatsResponse',
    },
    {
      onMessage: message => {
        reports.push(message)
        onReport?.()
      },
    },
  )
  origins = await Promise.all(
    [0, 1].map(() =>
      ScriptedOrigin.start(
        answering(({ target }) => {
          const status = target === '/503' ? 503 : target === '/404' ? 404 : 200
          return `HTTP/1.1 ${status} X\r\ncontent-length: 1\r\n\r\nx`
        }),
      ),
    ),
  )
  const [listen] = await freePorts(1)
  port = listen!
  const endpoint = (i: number): object => ({ endpoint: { address: socketAddress(origins[i]!.port) } })
  const clusters = [
    staticCluster('two', 0, {
      load_assignment: {
        cluster_name: 'two',
        endpoints: PLACES.map((locality, i) => ({ locality, lb_endpoints: [endpoint(i)], priority: i })),
      },
    }),
    staticCluster('dropping', 0, {
      load_assignment: {
        cluster_name: 'dropping',
        endpoints: [{ lb_endpoints: [endpoint(0)] }],
        policy: { drop_overloads: [{ category: 'throttle', drop_percentage: { numerator: 100 } }] },
      },
    }),
    staticCluster('full', origins[0]!.port, { circuit_breakers: { thresholds: [{ max_requests: 0 }] } }),
    staticCluster('unused', origins[0]!.port),
    staticCluster('lrs', server.port, HTTP2),
  ]
  const routes = ['dropping', 'full', 'two'].map(cluster => ({
    match: { prefix: cluster === 'two' ? '/' : `/${cluster}` },
    route: { cluster },
  }))
  proxy = await ProxyProcess.start({
    ...bootstrap([httpListener({ port, routes })], clusters, {
      cluster_manager: {
        load_stats_config: {
          api_type: 'GRPC',
          transport_api_version: 'V3',
          grpc_services: [{ envoy_grpc: { cluster_name: 'lrs' } }],
        },
      },
    }),
    node: { id: 'me', cluster: 'mine', locality: { region: 'here' }, metadata: { a: 'b' } },
  })
})

after(async () => {
  await proxy?.stop()
  server?.close()
  await Promise.all((origins ?? []).map(origin => origin.close()))
})

test('the first message says who is there, and nothing more', async () => {
  const { node, ...rest } = await report()
  assert.deepEqual(rest, {})
  const { id, cluster, locality, metadata, client_features } = node as Record<string, unknown>
  assert.deepEqual(
    { id, cluster, locality, metadata },
    {
      id: 'me',
      cluster: 'mine',
      locality: { region: 'here' },
      metadata: { a: 'b' },
    },
  )
  assert.ok((client_features as string[]).includes('envoy.lrs.supports_send_all_clusters'))
})

test('what clusters did since they were named, by locality and priority; what was before is not told', async () => {
  await get('/')
  ask({ clusters: ['two', 'dropping', 'full', 'absent'], load_reporting_interval: '0.2s' })
  const first = await report()
  assert.deepEqual(((first['cluster_stats'] ?? []) as Json[]).map(({ cluster_name }) => cluster_name).toSorted(), [
    'dropping',
    'full',
    'two',
  ])
  assert.equal(hasTraffic(statsOf(first, 'two')!), false)
  await Promise.all([get('/'), get('/'), get('/503'), get('/404'), get('/dropping'), get('/full'), get('/full')])
  const totals = { issued: 0, successful: 0, error: 0 }
  while (totals.issued < 4) {
    const { upstream_locality_stats: list, ...rest } = await nextOf('two', hasTraffic)
    assert.deepEqual(rest, { cluster_name: 'two' })
    for (const { locality, ...counts } of list as Json[]) {
      assert.deepEqual(locality, PLACES[0])
      for (const name of Object.keys(totals) as (keyof typeof totals)[]) {
        totals[name] += Number(counts[`total_${name}_requests`] ?? 0)
      }
    }
  }
  assert.deepEqual(totals, { issued: 4, successful: 3, error: 1 })
})

test('requests that nobody took', async () => {
  await get('/dropping')
  const dropping = await nextOf('dropping', ({ total_dropped_requests }) => total_dropped_requests === '1')
  assert.deepEqual(dropping, {
    cluster_name: 'dropping',
    total_dropped_requests: '1',
    dropped_requests: [{ category: 'throttle', dropped_count: '1' }],
  })
  await Promise.all([get('/full'), get('/full')])
  let full = 0
  while (full < 2) {
    const stats = await nextOf('full', ({ total_dropped_requests }) => total_dropped_requests !== undefined)
    full += Number(stats['total_dropped_requests'])
  }
  assert.equal(full, 2)
})

test('host by host where that is wanted', async () => {
  ask({ clusters: ['two'], load_reporting_interval: '0.2s', report_endpoint_granularity: true })
  await report(message => statsOf(message, 'full') === undefined)
  await get('/')
  const { upstream_locality_stats: list } = await nextOf('two', hasTraffic)
  const counts = { total_successful_requests: '1', total_issued_requests: '1' }
  assert.deepEqual(list, [
    {
      locality: PLACES[0],
      ...counts,
      upstream_endpoint_stats: [
        { address: { socket_address: { address: '127.0.0.1', port_value: origins[0]!.port } }, ...counts },
      ],
    },
  ])
})

test('all clusters, whatever they are called', async () => {
  ask({ send_all_clusters: true, load_reporting_interval: '0.2s' })
  const all = await report(message => statsOf(message, 'unused') !== undefined)
  assert.deepEqual(sorted((all['cluster_stats'] as Json[]).map(({ cluster_name }) => cluster_name)), [
    'dropping',
    'full',
    'lrs',
    'two',
    'unused',
  ])
  assert.deepEqual(statsOf(all, 'lrs')!['upstream_locality_stats'], [{ locality: {}, total_requests_in_progress: '1' }])
})

test('a stream that breaks is opened again, and nothing is lost meanwhile', async () => {
  ask({ clusters: ['two'], load_reporting_interval: '0.2s' })
  await report(message => statsOf(message, 'unused') === undefined)
  server.streams.at(-1)!.end(14, 'away')
  await proxy.untilStat('load_reporter.errors', 1)
  reports.length = 0
  await get('/')
  const { upstream_locality_stats: list } = await nextOf('two', hasTraffic)
  assert.deepEqual(list, [{ locality: PLACES[0], total_successful_requests: '1', total_issued_requests: '1' }])
  assert.equal(server.streams.length, 2)
  const stats = await proxy.stats('^load_reporter')
  assert.equal(stats.get('load_reporter.retries'), 1)
  assert.equal(stats.get('load_reporter.requests'), 4)
})
