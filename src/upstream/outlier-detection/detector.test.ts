import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OutlierDetectionJson } from '#api/envoy/config/cluster/v3/outlier_detection_pb.ts'
import { ConfigPath, runtimeSnapshot } from '../../config/index.ts'
import { FailedOutlierCheck } from '../health.ts'
import { TestTime } from '../health-check/testing.ts'
import { HOST_ROW_CELLS, ROW_CONSECUTIVE_5XX } from '../host-rows.ts'
import { testContext } from '../testing.ts'
import { outlierCells } from './cells.ts'
import { compileOutlierDetection } from './compile.ts'
import { OutlierDetector } from './detector.ts'
import { HostRecorder } from './host-recorder.ts'
import type { OutlierPlan } from './outlier-plan.ts'
import { OUTLIER_STATS } from './stats.ts'

function compiled(json: OutlierDetectionJson): OutlierPlan {
  const context = testContext()
  const plan = compileOutlierDetection(json, null, context, ConfigPath.root)
  assert.deepEqual(
    context.diagnostics.list.map(({ message }) => message),
    [],
  )
  return plan as OutlierPlan
}

/** A cluster of hosts 'a', 'b', ..., each with a recorder on two workers. */
function setUp(count: number, json: OutlierDetectionJson, runtime: object = {}) {
  const time = new TestTime()
  const thread = time.thread({ runtime: { snapshot: runtimeSnapshot([runtime]) }, random: () => 0.5 })
  const plan = compiled({ interval: '10s', maxEjectionPercent: 100, ...json })
  const flags = new Map<string, number>()
  const lines: Record<string, unknown>[] = []
  const detector = new OutlierDetector(plan, {
    thread,
    clusterName: 'c',
    statPrefix: 'cluster.c.',
    log: { write: line => void lines.push(JSON.parse(line)) },
    setHealth: (key, set, clear) => void flags.set(key, ((flags.get(key) ?? 0) & ~clear) | set),
    resetConsecutive: key => rows.get(key)?.fill(0),
  })
  const keys = Array.from({ length: count }, (_, i) => String.fromCharCode(97 + i))
  const rows = new Map(keys.map(key => [key, new Int32Array(new SharedArrayBuffer(HOST_ROW_CELLS * 4))]))
  detector.update(new Map(keys.map(key => [key, `${key}:80`])))
  const workers = [0, 1].map(
    workerIndex =>
      new Map(
        keys.map(key => {
          const cells = new Int32Array(outlierCells(plan.latency !== null))
          detector.addCells({ cluster: 'c', key, workerIndex, cells })
          const row = rows.get(key) as Int32Array
          const recorder = new HostRecorder(plan, thread.runtime, row, cells, kind => detector.onConsecutive(key, kind))
          return [key, recorder]
        }),
      ),
  )
  const recorder = (key: string, worker = 0): HostRecorder => workers[worker]?.get(key) as HostRecorder
  const { cells } = thread.stats.block('cluster.c.outlier_detection.', OUTLIER_STATS)
  const stat = (name: string): number => cells[OUTLIER_STATS.slot(`ejections_${name}`)] as number
  const out = (): string => keys.filter(key => ((flags.get(key) ?? 0) & FailedOutlierCheck) !== 0).join('')
  const put = (key: string, ...statuses: number[]): void => {
    for (const status of statuses) recorder(key).putStatus(status)
  }
  return { time, detector, recorder, put, stat, out, rows, lines, thread, keys }
}

const times = (count: number, status: number): number[] => new Array(count).fill(status)

test('failures in a row are counted over all workers; a success of any begins anew', () => {
  const { recorder, out, stat, put } = setUp(3, { consecutive5xx: 3 })
  put('b', 500)
  recorder('b', 1).putStatus(503)
  recorder('b', 1).putStatus(200)
  put('b', 500, 500)
  assert.equal(out(), '')
  recorder('b', 1).putStatus(501)
  assert.deepEqual([out(), stat('active'), stat('enforced_total'), stat('enforced_consecutive_5xx')], ['b', 1, 1, 1])
  assert.deepEqual([stat('detected_consecutive_5xx'), stat('consecutive_5xx'), stat('total')], [1, 1, 1])
  put('b', ...times(9, 500))
  assert.equal(stat('detected_consecutive_5xx'), 1)
})

test('gateway failures are 502 to 504 and break on 500; not enforced by default', () => {
  const { out, stat, put } = setUp(2, { consecutiveGatewayFailure: 3, consecutive5xx: 100 })
  put('a', 502, 503, 500, 504, 502, 501, 503, 503, 503)
  assert.deepEqual([out(), stat('detected_consecutive_gateway_failure'), stat('enforced_total')], ['', 1, 0])
})

test('local failures are apart only where that is asked for', () => {
  const apart = setUp(2, { splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailure: 2, consecutive5xx: 1 })
  apart.recorder('a').putConnectFailure()
  apart.recorder('a').putConnected(false)
  apart.recorder('a').putTimeout(504)
  assert.equal(apart.out(), '')
  apart.recorder('a').putConnectFailure()
  assert.deepEqual([apart.out(), apart.stat('enforced_consecutive_local_origin_failure')], ['a', 1])
  const together = setUp(2, { consecutive5xx: 2 })
  together.recorder('a').putConnectFailure()
  together.recorder('a').putConnected(false)
  together.recorder('a').putTimeout(504)
  assert.deepEqual([together.out(), together.stat('enforced_consecutive_5xx')], ['a', 1])
  const tcp = setUp(2, { consecutive5xx: 2 })
  tcp.recorder('a').putConnectFailure()
  tcp.recorder('a').putConnected(true)
  tcp.recorder('a').putConnectFailure()
  assert.equal(tcp.out(), '')
})

test('the limit of ejections holds, and one host may always go where that is configured', () => {
  const limited = setUp(4, { consecutive5xx: 1, maxEjectionPercent: 50 })
  for (const key of limited.keys) limited.put(key, 500)
  assert.deepEqual([limited.out(), limited.stat('overflow')], ['ab', 2])
  const none = setUp(4, { consecutive5xx: 1, maxEjectionPercent: 10 })
  none.put('a', 500)
  assert.deepEqual([none.out(), none.stat('overflow')], ['', 1])
  const one = setUp(4, { consecutive5xx: 1, maxEjectionPercent: 10, alwaysEjectOneHost: true })
  one.put('a', 500)
  one.put('b', 500)
  assert.deepEqual([one.out(), one.stat('overflow')], ['a', 1])
})

test('time out grows with each ejection, is bounded, and shrinks while the host is well', () => {
  const { time, put, out } = setUp(2, {
    consecutive5xx: 1,
    interval: '1s',
    baseEjectionTime: '2.5s',
    maxEjectionTime: '6s',
  })
  const outForMs = (): number => {
    put('a', 500)
    for (let ms = 0; ; ms += 1000, time.advance(1000)) if (out() === '') return ms
  }
  assert.deepEqual([outForMs(), outForMs(), outForMs(), outForMs()], [3000, 5000, 6000, 6000])
  time.advance(60_000)
  assert.equal(outForMs(), 3000)
})

test('success rate: below the mean by so many deviations; figures stay for /clusters', () => {
  const { time, put, out, detector, lines, keys } = setUp(5, { successRateRequestVolume: 20, consecutive5xx: 1000 })
  for (const key of keys) put(key, ...(key === 'c' ? [...times(10, 500), ...times(10, 200)] : times(20, 200)))
  time.advance(10_000)
  assert.equal(out(), 'c')
  assert.deepEqual(detector.rates.external, { average: 90, threshold: 52 })
  assert.deepEqual([detector.hosts.get('c')?.rates.external, detector.hosts.get('a')?.rates.external], [50, 100])
  assert.deepEqual(lines[0]?.['eject_success_rate_event'], {
    host_success_rate: 50,
    cluster_average_success_rate: 90,
    cluster_success_rate_ejection_threshold: 52,
  })
  time.advance(10_000)
  assert.deepEqual([detector.rates.external.average, detector.hosts.get('a')?.rates.external], [-1, -1])
})

test('too few hosts or requests: nobody is judged', () => {
  const few = setUp(4, { successRateRequestVolume: 10, consecutive5xx: 1000 })
  for (const key of few.keys) few.put(key, ...times(20, key === 'a' ? 500 : 200))
  few.time.advance(10_000)
  const quiet = setUp(6, { successRateRequestVolume: 21, consecutive5xx: 1000 })
  for (const key of quiet.keys) quiet.put(key, ...times(20, key === 'a' ? 500 : 200))
  quiet.time.advance(10_000)
  assert.deepEqual([few.stat('detected_success_rate'), quiet.stat('detected_success_rate')], [0, 0])
})

test('failure percentage: detected each interval, enforced only when asked', () => {
  const json = { failurePercentageRequestVolume: 10, failurePercentageMinimumHosts: 2, consecutive5xx: 1000 }
  const shadow = setUp(2, json)
  for (const _ of [1, 2]) {
    shadow.put('a', ...times(20, 500))
    shadow.put('b', ...times(20, 200))
    shadow.time.advance(10_000)
  }
  assert.deepEqual([shadow.stat('detected_failure_percentage'), shadow.out()], [2, ''])
  const strict = setUp(2, { ...json, enforcingFailurePercentage: 100 })
  strict.put('a', ...times(20, 500))
  strict.put('b', ...times(20, 200))
  strict.time.advance(10_000)
  assert.deepEqual([strict.stat('enforced_failure_percentage'), strict.out()], [1, 'a'])
})

test('local origin rates are judged apart, and one host is put out once', () => {
  const { time, recorder, keys, stat, out } = setUp(5, {
    splitExternalLocalOriginErrors: true,
    consecutiveLocalOriginFailure: 1000,
    successRateRequestVolume: 10,
    failurePercentageRequestVolume: 10,
    enforcingFailurePercentageLocalOrigin: 100,
  })
  for (const key of keys) {
    for (let i = 0; i < 10; i++) {
      if (key === 'e') recorder(key).putConnectFailure()
      else recorder(key).putConnected(false)
    }
  }
  time.advance(10_000)
  assert.deepEqual([out(), stat('enforced_local_origin_success_rate'), stat('active')], ['e', 1, 1])
  assert.equal(stat('detected_success_rate'), 0)
})

test('events are those of Envoy, field by field', () => {
  const { time, put, lines } = setUp(2, { consecutive5xx: 2, baseEjectionTime: '1s', interval: '1s' })
  put('a', 500, 500)
  time.advance(3000)
  assert.deepEqual(Object.keys(lines[0] ?? {}), [
    'type',
    'timestamp',
    'cluster_name',
    'upstream_url',
    'action',
    'num_ejections',
    'enforced',
    'eject_consecutive_event',
  ])
  assert.deepEqual(lines[1], {
    type: 'CONSECUTIVE_5XX',
    timestamp: '2026-01-01T00:00:02Z',
    secs_since_last_action: '1',
    cluster_name: 'c',
    upstream_url: 'a:80',
    action: 'UNEJECT',
    num_ejections: 1,
    enforced: false,
  })
})

test('the runtime overrides what is configured', () => {
  const { put, out } = setUp(2, { consecutive5xx: 2 }, { outlier_detection: { consecutive_5xx: 4 } })
  put('a', 500, 500, 500)
  assert.equal(out(), '')
  put('a', 500)
  assert.equal(out(), 'a')
  const off = setUp(2, { consecutive5xx: 1 }, { outlier_detection: { enforcing_consecutive_5xx: 50 } })
  off.put('a', 500)
  assert.deepEqual([off.out(), off.stat('detected_consecutive_5xx')], ['', 1])
})

test('a passing health check brings a host back, unless that is switched off', () => {
  const { put, out, detector, rows } = setUp(2, { consecutive5xx: 1 })
  put('a', 500)
  rows.get('a')?.fill(3, ROW_CONSECUTIVE_5XX, ROW_CONSECUTIVE_5XX + 1)
  detector.onHealthCheckPassed('a')
  assert.deepEqual([out(), rows.get('a')?.[ROW_CONSECUTIVE_5XX]], ['', 0])
  const off = setUp(2, { consecutive5xx: 1, successfulActiveHealthCheckUnejectHost: false })
  off.put('a', 500)
  off.detector.onHealthCheckPassed('a')
  assert.equal(off.out(), 'a')
})

test('hosts that go take their ejection with them; gauges and timers end at 0', () => {
  const { put, detector, stat, thread, out } = setUp(3, { consecutive5xx: 1 })
  put('a', 500)
  put('b', 500)
  detector.update(new Map([['b', 'b:80']]))
  assert.deepEqual([stat('active'), detector.hosts.size, out()], [1, 1, 'ab'])
  detector.close()
  assert.deepEqual([stat('active'), detector.hosts.size, thread.timers.armedCount], [0, 0, 0])
})

test('a worker that died and its successor are counted once each', () => {
  const { time, detector, put, keys, stat } = setUp(5, { successRateRequestVolume: 10, consecutive5xx: 1000 })
  for (const key of keys) put(key, ...times(9, 500))
  detector.onWorkerGone(0)
  for (const key of keys) detector.addCells({ cluster: 'c', key, workerIndex: 0, cells: new Int32Array(4) })
  time.advance(10_000)
  assert.equal(stat('detected_success_rate'), 0)
  assert.equal(detector.hosts.get('a')?.interval('external').total, 0)
})

test('max_ejection_time below base_ejection_time is an error', () => {
  const context = testContext()
  compileOutlierDetection({ baseEjectionTime: '40s', maxEjectionTime: '10s' }, null, context, ConfigPath.root)
  assert.match(context.diagnostics.list.map(({ message }) => message).join(), /shorter than the first/)
})
