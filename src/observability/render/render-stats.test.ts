import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StatReader } from '../stat-reader.ts'
import { StatStore } from '../stat-store.ts'
import { statTemplate } from '../stat-template.ts'
import { bucketSettings, DEFAULT_STATS_SETTINGS } from '../tags/stats-settings.ts'
import { TagExtractor } from '../tags/tag-extractor.ts'
import { renderStats } from './render-stats.ts'
import type { StatsSettings, StatsView } from './stats-view.ts'

const VIEW: StatsView = {
  format: 'text',
  type: 'All',
  usedOnly: false,
  hidden: 'exclude',
  histogramBuckets: 'unset',
  matches: null,
}

/** cluster.c: two response codes, an untouched and a touched gauge, four 8s and a 9, one empty histogram. */
function sample(): StatReader {
  const reader = new StatReader()
  const store = new StatStore(definitions => reader.define('main', definitions))
  for (const [name, value] of [
    ['cluster.c.upstream_rq_200', 5],
    ['cluster.c.upstream_rq_2xx', 5],
    ['cluster.c.bind_errors', 0],
    ['cluster.c.x.upstream_rq_200', 1],
    ['server.live', 0],
  ] as const) {
    const cell = store.counter(name)
    cell.cells[cell.slot] = value
  }
  store.gauge('cluster.c.version')
  const gauge = store.gauge('cluster.c.upstream_cx_active')
  gauge.cells[gauge.slot] = 0
  const histogram = store.histogram('cluster.c.upstream_rq_time')
  for (const value of [8, 8, 8, 8, 9]) histogram.record(value)
  store.block('http.in.', EMPTY_HISTOGRAM)
  store.flush()
  return reader
}

const EMPTY_HISTOGRAM = statTemplate({ counters: [], gauges: [], histograms: ['rq_time'] })

function rendered(view: Partial<StatsView>, settings: Partial<StatsSettings> = {}, reader = sample()): string {
  return [...renderStats(reader, { ...VIEW, ...view }, { ...DEFAULT_STATS_SETTINGS, ...settings })].join('')
}

test('text: counters and gauges by name, then histograms', () => {
  assert.equal(
    rendered({}),
    [
      'cluster.c.bind_errors: 0',
      'cluster.c.upstream_cx_active: 0',
      'cluster.c.upstream_rq_200: 5',
      'cluster.c.upstream_rq_2xx: 5',
      'cluster.c.version: 0',
      'cluster.c.x.upstream_rq_200: 1',
      'server.live: 0',
      'cluster.c.upstream_rq_time: P0(nan,8.002) P25(nan,8.004) P50(nan,8.006) P75(nan,8.008) P90(nan,9.005) P95(nan,9.005) P99(nan,9.005) P99.5(nan,9.005) P99.9(nan,9.005) P100(nan,9.005)',
      'http.in.rq_time: No recorded values',
      '',
    ].join('\n'),
  )
})

test('text: what is chosen by use, type and name', () => {
  const names = (view: Partial<StatsView>, settings?: Partial<StatsSettings>) =>
    [...rendered(view, settings).matchAll(/^(\S+):/gm)].map(([, name]) => name)
  assert.deepEqual(names({ usedOnly: true }), [
    'cluster.c.upstream_cx_active',
    'cluster.c.upstream_rq_200',
    'cluster.c.upstream_rq_2xx',
    'cluster.c.x.upstream_rq_200',
    'cluster.c.upstream_rq_time',
  ])
  assert.deepEqual(names({ type: 'Gauges' }), ['cluster.c.upstream_cx_active', 'cluster.c.version'])
  assert.deepEqual(names({ type: 'Histograms' }), ['cluster.c.upstream_rq_time', 'http.in.rq_time'])
  assert.deepEqual(names({ type: 'Counters', matches: name => name.startsWith('s') }), ['server.live'])
  assert.deepEqual(names({ type: 'TextReadouts' }), [])
  assert.deepEqual(names({ hidden: 'only' }), [])
  assert.deepEqual(names({}, { keeps: name => name.endsWith('live') }), ['server.live'])
  assert.equal(rendered({}, { keeps: () => false }), '')
})

test('text: the bucket modes', () => {
  const reader = sample()
  reader.flushHistograms()
  const bucketsOf = bucketSettings([{ matches: name => name.startsWith('cluster.'), buckets: [1, 8, 8.5, 1e6, 3.6e6] }])
  const lines = (histogramBuckets: StatsView['histogramBuckets']) =>
    rendered({ histogramBuckets, matches: name => name === 'cluster.c.upstream_rq_time' }, { bucketsOf }, reader)
  const name = 'cluster.c.upstream_rq_time:'
  assert.equal(lines('cumulative'), `${name} B1(0,0) B8(4,4) B8.5(4,4) B1e+06(5,5) B3.6e+06(5,5)\n`)
  assert.equal(lines('disjoint'), `${name} B1(0,0) B8(4,4) B8.5(0,0) B1e+06(1,1) B3.6e+06(0,0)\n`)
  assert.match(
    lines('detailed'),
    /^cluster\.c\.upstream_rq_time:\n {2}totals=8,0\.01:4, 9,0\.01:1\n {2}intervals=8,0\.01:4, 9,0\.01:1\n {2}summary=P0\(8\.002,8\.002\) /,
  )
})

test('JSON: one list, histograms last in the form that was asked for', () => {
  const read = (view: Partial<StatsView>) => JSON.parse(rendered({ format: 'json', ...view })).stats
  const all = read({})
  assert.deepEqual(all[2], { name: 'cluster.c.upstream_rq_200', value: 5 })
  assert.deepEqual(all.at(-1).histograms.supported_quantiles, [0, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 100])
  const [time, empty] = all.at(-1).histograms.computed_quantiles
  assert.equal(time.name, 'cluster.c.upstream_rq_time')
  assert.deepEqual(time.values[0], { cumulative: 8.002, interval: null })
  assert.deepEqual(empty.values[9], { cumulative: null, interval: null })
  const details = read({ histogramBuckets: 'detailed', usedOnly: true }).at(-1).histograms.details
  assert.deepEqual(details[0].totals[1], { lower_bound: 9, width: 0.01, count: 1 })
  const buckets = read({ histogramBuckets: 'cumulative' }).at(-1).histograms
  assert.deepEqual(buckets[0].buckets[3], { upper_bound: 10, interval: 0, cumulative: 5 })
  assert.equal(buckets[1].buckets.length, 19)
  assert.equal(rendered({ format: 'json', matches: () => false }), '{"stats":[]}')
  assert.equal(read({ type: 'Histograms' }).length, 1)
  assert.equal(read({ type: 'Gauges' }).length, 2)
})

test('Prometheus: by metric, tags as labels, histograms in buckets', () => {
  const settings = { bucketsOf: () => [1, 8.5], tags: new TagExtractor([], [{ tag: 'my.zone', value: 'a"b\\c\n' }]) }
  const zone = 'my_zone="a\\"b\\\\c\\n"'
  const cluster = `${zone},envoy_cluster_name="c"`
  assert.equal(
    rendered({ format: 'prometheus', usedOnly: true }, settings),
    [
      '# TYPE envoy_cluster_upstream_rq counter',
      `envoy_cluster_upstream_rq{${zone},envoy_response_code="200",envoy_cluster_name="c"} 5`,
      '# TYPE envoy_cluster_upstream_rq_xx counter',
      `envoy_cluster_upstream_rq_xx{${zone},envoy_response_code_class="2",envoy_cluster_name="c"} 5`,
      '# TYPE envoy_cluster_x_upstream_rq counter',
      `envoy_cluster_x_upstream_rq{${zone},envoy_response_code="200",envoy_cluster_name="c"} 1`,
      '# TYPE envoy_cluster_upstream_cx_active gauge',
      `envoy_cluster_upstream_cx_active{${cluster}} 0`,
      '# TYPE envoy_cluster_upstream_rq_time histogram',
      `envoy_cluster_upstream_rq_time_bucket{${cluster},le="1"} 0`,
      `envoy_cluster_upstream_rq_time_bucket{${cluster},le="8.5"} 4`,
      `envoy_cluster_upstream_rq_time_bucket{${cluster},le="+Inf"} 5`,
      `envoy_cluster_upstream_rq_time_sum{${cluster}} 41.025000000000006`,
      `envoy_cluster_upstream_rq_time_count{${cluster}} 5`,
      '',
    ].join('\n'),
  )
  assert.ok(rendered({ format: 'prometheus' }).includes('\nenvoy_server_live{} 0\n'))
  const summary = rendered({ format: 'prometheus', histogramBuckets: 'summary', type: 'Histograms' })
  assert.ok(summary.includes('\nenvoy_cluster_upstream_rq_time{envoy_cluster_name="c",quantile="0.995"} 9.005\n'))
  assert.ok(summary.includes('\nenvoy_http_rq_time{envoy_http_conn_manager_prefix="in",quantile="0"} NaN\n'))
  assert.equal(
    rendered({ format: 'prometheus', histogramBuckets: 'disjoint' }),
    'unsupported prometheus histogram bucket mode',
  )
})

test('a hundred thousand stats come in pieces of about 64 Ki', () => {
  const reader = new StatReader()
  const store = new StatStore(definitions => reader.define('main', definitions))
  const counters = Array.from({ length: 100 }, (_, i) => `upstream_rq_number_${i}`)
  const template = statTemplate({ counters, gauges: [], histograms: [] })
  for (let i = 0; i < 1000; i++) store.block(`cluster.c${i}.`, template)
  store.flush()
  for (const format of ['text', 'json', 'prometheus'] as const) {
    const pieces = [...renderStats(reader, { ...VIEW, format }, DEFAULT_STATS_SETTINGS)]
    assert.ok(
      pieces.every(piece => piece.length < 70_000),
      format,
    )
    // The TYPE line of Prometheus text names the metric once more.
    const names = pieces.join('').match(/upstream_rq_number_57\b/g)?.length
    assert.equal(names, format === 'prometheus' ? 1001 : 1000, format)
  }
})
