// Circuit breakers of hosts, across workers, and which limit it was.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { bootstrap, freePorts, httpListener, ProxyProcess, socketAddress, staticCluster } from '../../harness/index.ts'
import { type Answer, ask, GatedOrigin, PlannedOrigin } from './kit.ts'

const folder = await mkdtemp(join(tmpdir(), 'breakers-'))
after(() => rm(folder, { recursive: true }))

const logged = (path: string) => ({
  access_log: [
    {
      name: 'file',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
        path,
        log_format: { json_format: { details: '%RESPONSE_CODE_DETAILS%', cause: '%RESPONSE_CAUSE%' } },
      },
    },
  ],
})
const endpoint = (port: number, address: string) => ({ endpoint: { address: socketAddress(port, address) } })

const burst = (port: number, count: number): Promise<Answer>[] => Array.from({ length: count }, () => ask(port, '/'))

async function statuses(answers: readonly Promise<Answer>[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const { status } of await Promise.all(answers)) counts[status] = (counts[status] ?? 0) + 1
  return counts
}

/** The reasons in the log, counted. */
async function reasons(proxy: ProxyProcess, file: string): Promise<Record<string, number>> {
  await proxy.stop()
  const counts: Record<string, number> = {}
  for (const line of (await readFile(file, 'utf8')).trim().split('\n')) {
    const { details, cause } = JSON.parse(line)
    if (cause === null) continue
    const text = `${details} ${cause.reason}`
    counts[text] = (counts[text] ?? 0) + 1
  }
  return counts
}

const OVERFLOW = 'upstream_reset_before_response_started{overflow}'

test('per_host_thresholds: each host has its own connections, whatever worker holds them', async () => {
  await using origin = await GatedOrigin.start()
  const [port] = (await freePorts(1)) as [number]
  const lb_endpoints = [endpoint(origin.port, '127.0.6.1'), endpoint(origin.port, '127.0.6.2')]
  const cluster = staticCluster('origin', 0, {
    load_assignment: { cluster_name: 'origin', endpoints: [{ lb_endpoints }] },
    circuit_breakers: { per_host_thresholds: [{ max_connections: 3 }] },
  })
  await using proxy = await ProxyProcess.start(bootstrap([httpListener({ port })], [cluster]), { concurrency: 2 })
  const answers = burst(port, 16)
  // A worker without a connection to a host may always have one: the kernel spreads the burst, so up to one more per host.
  const total = async (): Promise<number> =>
    (await proxy.stats('cluster.origin.upstream_cx_total')).get('cluster.origin.upstream_cx_total') ?? 0
  while ((await total()) < 6);
  const explained = await (await proxy.admin('/explain/cluster?name=origin')).text()
  assert.equal(explained.match(/max_connections [34] of 3, 0 left/g)?.length, 2, explained)
  // Who finds no room waits, as in Envoy.
  origin.open()
  assert.deepEqual(await statuses(answers), { 200: 16 })
  const stats = await proxy.stats('cluster.origin.upstream_cx')
  assert.ok((await total()) <= 8)
  assert.ok((stats.get('cluster.origin.upstream_cx_overflow') ?? 0) > 0)
})

test('max_requests per host refuses; the log says which limit it was', async () => {
  await using origin = await GatedOrigin.start()
  const [port] = (await freePorts(1)) as [number]
  const file = join(folder, 'host.log')
  const cluster = staticCluster('origin', origin.port, {
    circuit_breakers: { per_host_thresholds: [{ max_requests: 3 }] },
  })
  const config = bootstrap([httpListener({ port, hcm: logged(file) })], [cluster])
  await using proxy = await ProxyProcess.start(config, { concurrency: 2 })
  const answers = burst(port, 10)
  await proxy.untilStat('cluster.origin.upstream_rq_active_overflow', 7)
  origin.open()
  assert.deepEqual(await statuses(answers), { 200: 3, 503: 7 })
  assert.deepEqual(await statuses(burst(port, 3)), { 200: 3 })
  assert.deepEqual(await reasons(proxy, file), { [`${OVERFLOW} overflow{per_host.default.max_requests}`]: 7 })
})

test('each limit of a cluster is named when it refuses', async () => {
  await using origin = await GatedOrigin.start()
  await using failing = await PlannedOrigin.start()
  const [port] = (await freePorts(1)) as [number]
  const file = join(folder, 'cluster.log')
  const thresholds = [
    { max_connections: 1, max_pending_requests: 2 },
    { priority: 'HIGH', max_requests: 1 },
  ]
  const retry_policy = { retry_on: '5xx', num_retries: 1 }
  const routes = [
    { match: { prefix: '/high' }, route: { cluster: 'origin', priority: 'HIGH' } },
    { match: { prefix: '/retry' }, route: { cluster: 'failing', retry_policy } },
    { match: { prefix: '/' }, route: { cluster: 'origin' } },
  ]
  const budget = { budget_percent: { value: 0 }, min_retry_concurrency: 0 }
  const clusters = [
    staticCluster('origin', origin.port, { circuit_breakers: { thresholds } }),
    staticCluster('failing', failing.port, { circuit_breakers: { thresholds: [{ retry_budget: budget }] } }),
  ]
  await using proxy = await ProxyProcess.start(bootstrap([httpListener({ port, routes, hcm: logged(file) })], clusters))
  const high = [ask(port, '/high'), ask(port, '/high')]
  await proxy.untilStat('cluster.origin.upstream_rq_active_overflow', 1)
  origin.open()
  assert.deepEqual(await statuses(high), { 200: 1, 503: 1 })
  origin.shut()
  // One is under way; of those that come then two may wait.
  const plain = burst(port, 1)
  await proxy.untilStat('cluster.origin.upstream_rq_active', 1)
  plain.push(...burst(port, 3))
  await proxy.untilStat('cluster.origin.upstream_rq_pending_overflow', 1)
  origin.open()
  assert.deepEqual(await statuses(plain), { 200: 3, 503: 1 })
  assert.equal((await ask(port, '/retry', { 'x-plan': '0:500' })).status, 500)
  assert.deepEqual(await reasons(proxy, file), {
    [`${OVERFLOW} overflow{high.max_requests}`]: 1,
    [`${OVERFLOW} overflow{default.max_pending_requests}`]: 1,
    'via_upstream via_upstream, retry: overflow{default.retry_budget}': 1,
  })
})
