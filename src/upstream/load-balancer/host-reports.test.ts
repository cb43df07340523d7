// What hosts tell of themselves: load reports, response times, and requests that name their host.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HeaderMap, HeaderName } from '../../http/index.ts'
import { FailedActiveHealthCheck } from '../health.ts'
import type { Host } from '../host.ts'
import { ROW_CLIENT_WEIGHT_AT, ROW_CLIENT_WEIGHT_SINCE } from '../host-rows.ts'
import { HOST_RQ_ACTIVE } from '../stats.ts'
import { endpointJson } from '../testing.ts'
import { parseBinary, parseLoadMetrics } from './orca-report.ts'
import { policy, TestWorker, Wishes } from './testing.ts'

const assignment = (count: number) => ({
  endpoints: [{ lbEndpoints: Array.from({ length: count }, (_, index) => endpointJson(index + 1)) }],
})
const CLIENT_SIDE = 'client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin'

function worker(hosts: number, loadBalancingPolicy: object): { worker: TestWorker; hosts: readonly Host[] } {
  const made = new TestWorker()
  const cluster = made.add({ name: 'c', loadAssignment: assignment(hosts), loadBalancingPolicy })
  return { worker: made, hosts: cluster.hosts() }
}

function respond(to: TestWorker, host: Host, headers: Readonly<Record<string, string>>, ms = 1): void {
  const head = new HeaderMap()
  for (const [name, value] of Object.entries(headers)) head.append(HeaderName.of(name), value)
  to.manager.get('c')?.responses?.onResponseHeaders(host, head, ms, to.nowMs)
}

test('reports as text, JSON and protobuf say the same', () => {
  // cpu_utilization 0.5, rps_fractional 100, eps 1, named_metrics {"a": 0.25}
  const message = Buffer.concat([
    Buffer.from([0x09]),
    double(0.5),
    Buffer.from([0x18, 0xff, 0x01]),
    Buffer.from([0x31]),
    double(100),
    Buffer.from([0x39]),
    double(1),
    Buffer.from([0x42, 12, 0x0a, 1, 0x61, 0x11]),
    double(0.25),
  ])
  for (const report of [
    parseLoadMetrics('TEXT cpu_utilization=0.5, rps_fractional=100, eps=1, named_metrics.a=0.25'),
    parseLoadMetrics('JSON {"cpu_utilization":0.5,"rpsFractional":100,"eps":1,"named_metrics":{"a":0.25}}'),
    parseLoadMetrics(`BIN ${message.toString('base64')}`),
    parseBinary(message.toString('base64')),
  ]) {
    assert.deepEqual([report?.cpuUtilization, report?.rps, report?.eps], [0.5, 100, 1])
    assert.deepEqual([report?.metric('named_metrics.a'), report?.metric('named_metrics.*')], [0.25, 0.25])
    assert.equal(report?.metric('cpu_utilization'), 0.5)
    assert.equal(report?.metric('utilization.x'), 0)
  }
})

function double(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value)
  return bytes
}

test('what is no report is none', () => {
  for (const value of ['', 'cpu_utilization=1', 'TEXT cpu', 'TEXT x=1', 'TEXT eps=a', 'JSON [1', 'JSON {"eps":"a"}']) {
    assert.equal(parseLoadMetrics(value), null, value)
  }
  for (const bytes of [[0x09, 1], [0x0b], [0xff, 0xff], [0x42, 200, 1]]) {
    assert.equal(parseBinary(Buffer.from(bytes).toString('base64')), null)
  }
  const many = Array.from({ length: 200 }, (_, index) => `named_metrics.m${index}=1`).join(',')
  assert.equal(parseLoadMetrics(`TEXT ${many}`), null)
})

test('weights are requests by utilization; who does not report gets the median', () => {
  const config = { blackoutPeriod: '0s', errorUtilizationPenalty: 1 }
  const { worker: made, hosts } = worker(4, policy(CLIENT_SIDE, config))
  assert.deepEqual(made.tally('c', 400), { 1: 100, 2: 100, 3: 100, 4: 100 })
  // 100, 200 and, with its errors, 200 / (0.5 + 50 / 200); the fourth is silent.
  respond(made, hosts[0]!, { 'endpoint-load-metrics': 'TEXT application_utilization=1,rps_fractional=100' })
  respond(made, hosts[1]!, { 'endpoint-load-metrics': 'TEXT cpu_utilization=0.5,rps_fractional=100' })
  respond(made, hosts[2]!, { 'endpoint-load-metrics': 'TEXT cpu_utilization=0.5,rps_fractional=200,eps=50' })
  respond(made, hosts[3]!, {})
  made.pass(1000)
  const picks = made.tally('c', 7660)
  const expected = { 1: 1000, 2: 2000, 3: 2660, 4: 2000 }
  for (const [port, count] of Object.entries(expected)) assert.ok(Math.abs((picks[port] as number) - count) <= 2, port)
})

test('weights wait for the blackout to end, and expire', () => {
  const { worker: made, hosts } = worker(2, policy(CLIENT_SIDE))
  const report = { 'endpoint-load-metrics': 'TEXT cpu_utilization=0.1,rps_fractional=10' }
  respond(made, hosts[0]!, { 'endpoint-load-metrics': 'TEXT cpu_utilization=0.5,rps_fractional=10' })
  respond(made, hosts[1]!, report)
  made.pass(1000)
  assert.deepEqual(made.tally('c', 120), { 1: 60, 2: 60 })
  for (const host of hosts) host.row[ROW_CLIENT_WEIGHT_SINCE]! -= 10_001
  made.pass(1000)
  assert.deepEqual(made.tally('c', 120), { 1: 20, 2: 100 })
  for (const host of hosts) host.row[ROW_CLIENT_WEIGHT_AT]! -= 180_002
  made.pass(1000)
  assert.deepEqual(made.tally('c', 120), { 1: 60, 2: 60 })
  respond(made, hosts[1]!, report)
  made.pass(1000)
  assert.deepEqual(made.tally('c', 120), { 1: 60, 2: 60 }, 'who reports again is new')
})

test('peak EWMA: a slow host is left alone, and tried again after a while', () => {
  const { worker: made, hosts } = worker(2, policy('peak_ewma.v3alpha.PeakEwma', { decayTime: '10s' }))
  const [fast, slow] = hosts as [Host, Host]
  for (const host of hosts) respond(made, host, {}, 10)
  assert.equal(made.tally('c', 100)[2] !== 100, true)
  respond(made, slow, {}, 500)
  assert.deepEqual(made.tally('c', 100), { 1: 100 })
  fast.cells[HOST_RQ_ACTIVE] = 60
  assert.deepEqual(made.tally('c', 100), { 2: 100 }, 'but not when the fast one has more than its part to do')
  fast.cells[HOST_RQ_ACTIVE] = 0
  made.pass(60_000)
  respond(made, fast, {}, 10)
  assert.deepEqual(made.tally('c', 100), { 2: 100 })
})

test('peak EWMA: a host that has requests and never answered comes last', () => {
  const { worker: made, hosts } = worker(2, policy('peak_ewma.v3alpha.PeakEwma'))
  hosts[0]!.cells[HOST_RQ_ACTIVE] = 1
  respond(made, hosts[1]!, {}, 5000)
  assert.deepEqual(made.tally('c', 50), { 2: 50 })
})

test('override_host: the first host of header or metadata that is there, else the policy', () => {
  const sources = [{ header: 'X-To' }, { metadata: { key: 'ns', path: [{ key: 'to' }] } }]
  const fallbackPolicy = policy('round_robin.v3.RoundRobin')
  const config = { overrideHostSources: sources, fallbackPolicy }
  const { worker: made } = worker(3, policy('override_host.v3.OverrideHost', config))
  const to = (headers: Record<string, string>, metadata = {}) => made.tally('c', 30, new Wishes({ headers, metadata }))
  assert.deepEqual(to({ 'x-to': '127.0.0.1:2' }), { 2: 30 })
  assert.deepEqual(to({ 'x-to': '10.0.0.1:9, 127.0.0.1:3' }), { 3: 30 })
  assert.deepEqual(to({}, { 'ns.to': '127.0.0.1:1' }), { 1: 30 })
  assert.deepEqual(to({ 'x-to': 'nobody' }), { 1: 10, 2: 10, 3: 10 })
  made.main.setHealth('c', '127.0.0.1:2', FailedActiveHealthCheck)
  assert.deepEqual(to({ 'x-to': '127.0.0.1:2' }), { 2: 30 }, 'whatever its health')
})

test('the host that a session asks for: by its health, strictly or not', () => {
  const made = new TestWorker()
  const statuses = ['HEALTHY', 'UNHEALTHY']
  made.add({ name: 'c', loadAssignment: assignment(2), commonLbConfig: { overrideHostStatus: { statuses } } })
  made.add({ name: 'd', loadAssignment: assignment(2) })
  const asked = (name: string, overrideHost: string, strict: boolean) =>
    made.tally(name, 10, new Wishes({ overrideHost, strict }))
  assert.deepEqual(asked('d', '127.0.0.1:2', false), { 2: 10 })
  assert.deepEqual(asked('d', '127.0.0.9:2', false), { 1: 5, 2: 5 })
  assert.deepEqual(asked('d', '127.0.0.9:2', true), { none: 10 })
  for (const name of ['c', 'd']) made.main.setHealth(name, '127.0.0.1:2', FailedActiveHealthCheck)
  assert.deepEqual(asked('d', '127.0.0.1:2', true), { none: 10 })
  assert.deepEqual(asked('c', '127.0.0.1:2', true), { 2: 10 })
})
