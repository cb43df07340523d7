import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HeaderMap, HeaderName } from '../http/index.ts'
import { testThread } from '../net/testing.ts'
import { FailedOutlierCheck } from './health.ts'
import { type HostEvent, HostMonitors } from './host-monitor.ts'
import { HOST_ROW_CELLS } from './host-rows.ts'
import { OD_SUCCESS, OD_TOTAL } from './outlier-detection/cells.ts'
import { compileForTest } from './testing.ts'

function setUp(json: object) {
  const { plan, problems } = compileForTest({ name: 'c', ...json })
  assert.deepEqual(problems, [])
  const events: HostEvent['event'][] = []
  let counted: Int32Array = new Int32Array()
  const monitors = new HostMonitors(testThread(), {
    onHostEvent: ({ event }) => void events.push(event),
    onDnsCacheRequest: () => undefined,
    onOutlierCells: ({ cells }) => {
      counted = cells
    },
  })
  const row = new Int32Array(HOST_ROW_CELLS)
  const monitor = monitors.create(plan, 'a', row)
  const answer = (status: number, headers: Record<string, string> = {}): void => {
    const map = HeaderMap.acquire()
    map.status = status
    for (const [name, value] of Object.entries(headers)) map.append(HeaderName.of(name), value)
    monitor?.onResponse(map)
    HeaderMap.release(map)
  }
  const failures = (): number => (counted[OD_TOTAL] as number) - (counted[OD_SUCCESS] as number)
  return { monitor, answer, events, failures, row }
}

const CHECKS = [{ timeout: '1s', interval: '1s', unhealthyThreshold: 1, healthyThreshold: 1, tcpHealthCheck: {} }]

test('a host that nobody watches has no monitor', () => {
  assert.equal(setUp({}).monitor, null)
})

test('answers that ask for immediate failure are reported where hosts are checked', () => {
  const { answer, events } = setUp({ healthChecks: CHECKS })
  answer(200)
  answer(200, { 'x-envoy-immediate-health-check-fail': 'x' })
  assert.deepEqual(events, ['IMMEDIATE_HEALTH_CHECK_FAIL'])
  const unchecked = setUp({ outlierDetection: {} })
  unchecked.answer(200, { 'x-envoy-immediate-health-check-fail': 'x' })
  assert.deepEqual(unchecked.events, [])
})

test('gRPC answers without a body count by their own status', () => {
  const { answer, failures } = setUp({ outlierDetection: {} })
  for (const status of ['0', '3', '5', '16']) answer(200, { 'grpc-status': status })
  assert.equal(failures(), 0)
  for (const status of ['2', '4', '14', 'junk']) answer(200, { 'grpc-status': status })
  assert.equal(failures(), 4)
})

test('a matcher of errors replaces the status', () => {
  const matcher = {
    orMatch: {
      rules: [
        { httpResponseHeadersMatch: { headers: [{ name: ':status', stringMatch: { exact: '429' } }] } },
        { notMatch: { httpResponseHeadersMatch: { headers: [{ name: 'x-fine', presentMatch: true }] } } },
      ],
    },
  }
  const { answer, failures, events } = setUp({
    outlierDetection: { consecutive5xx: 2 },
    typedExtensionProtocolOptions: {
      http: {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        explicitHttpConfig: { httpProtocolOptions: {} },
        outlierDetection: { errorMatcher: matcher },
      },
    },
  })
  answer(503, { 'x-fine': '1' })
  assert.equal(failures(), 0)
  answer(429, { 'x-fine': '1' })
  answer(200)
  assert.deepEqual([failures(), events], [2, ['CONSECUTIVE_5XX']])
})

test('degraded answers are reported once, as long as main has not heard', () => {
  const { answer, events, row } = setUp({ outlierDetection: { detectDegradedHosts: true } })
  answer(200, { 'x-envoy-degraded': '1' })
  row[0] = 1024 | FailedOutlierCheck
  answer(200, { 'x-envoy-degraded': '1' })
  assert.deepEqual(events, ['DEGRADED'])
})
