// Attempts of one request: their timeouts, hedges, control headers and what they count. Passes against a real Envoy too.
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { after, before, test } from 'node:test'
import { bootstrap, freePorts, httpListener, ProxyProcess, staticCluster } from '../../harness/index.ts'
import { ask, PlannedOrigin, seenBy } from './kit.ts'

const TLS = {
  name: 'tls',
  typed_config: { '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext' },
}
const ROUTER = { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' }
const INTERNAL = {
  use_remote_address: true,
  internal_address_config: { cidr_ranges: [{ address_prefix: '127.0.0.0', prefix_len: 8 }] },
}
const POLICY = { retry_on: '5xx', num_retries: 2 }
const route = (prefix: string, action: object) => ({
  match: { prefix },
  route: { cluster: 'origin', timeout: '3s', ...action },
})

let origin: PlannedOrigin
let proxy: ProxyProcess
let [loose, strict] = [0, 0]
/** Accepts connections and never says a word. */
const silent = createServer()

before(async () => {
  origin = await PlannedOrigin.start()
  await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve))
  ;[loose, strict] = (await freePorts(2)) as [number, number]
  const routes = [
    route('/hedge', {
      retry_policy: { ...POLICY, per_try_timeout: '0.1s' },
      hedge_policy: { hedge_on_per_try_timeout: true },
    }),
    route('/per-try', { retry_policy: { ...POLICY, per_try_timeout: '0.1s' } }),
    route('/codes', {
      retry_policy: {
        retry_on: 'retriable-status-codes',
        retriable_status_codes: [503],
        num_retries: 2,
        per_try_timeout: '0.1s',
      },
    }),
    route('/idle', { retry_policy: { ...POLICY, per_try_idle_timeout: '0.1s' } }),
    route('/silent', {
      cluster: 'silent',
      timeout: '0.4s',
      retry_policy: { ...POLICY, per_try_timeout: '0.1s', per_try_idle_timeout: '0.1s' },
    }),
    route('/', {}),
  ]
  const virtual_hosts = [
    {
      name: 'all',
      domains: ['*'],
      routes,
      include_request_attempt_count: true,
      include_is_timeout_retry_header: true,
    },
  ]
  const checking = { ...ROUTER, respect_expected_rq_timeout: true, strict_check_headers: STRICT }
  const listeners = [
    httpListener({ port: loose, hcm: { ...INTERNAL, route_config: { virtual_hosts } } }),
    httpListener({
      port: strict,
      hcm: { ...INTERNAL, http_filters: [{ name: 'envoy.filters.http.router', typed_config: checking }] },
    }),
  ]
  const { port } = silent.address() as { port: number }
  const clusters = [staticCluster('origin', origin.port), staticCluster('silent', port, { transport_socket: TLS })]
  proxy = await ProxyProcess.start(bootstrap(listeners, clusters))
})
after(async () => {
  await proxy.stop()
  await origin[Symbol.asyncDispose]()
  silent.close()
})

const STRICT = [
  'x-envoy-upstream-rq-timeout-ms',
  'x-envoy-upstream-rq-per-try-timeout-ms',
  'x-envoy-max-retries',
  'x-envoy-retry-on',
  'x-envoy-retry-grpc-on',
]

test('a hedged attempt may take all of the time there is; a retry is told why it is one', async () => {
  const first = seenBy(await ask(loose, '/hedge', { 'x-plan': '150:200,900:200' }))
  assert.equal(first['x-envoy-expected-rq-timeout-ms'], '3000')
  assert.equal(first['x-envoy-is-timeout-retry'], undefined)
  const second = seenBy(await ask(loose, '/hedge', { 'x-plan': '900:200,0:200' }))
  const leftMs = Number(second['x-envoy-expected-rq-timeout-ms'])
  assert.ok(leftMs > 2700 && leftMs <= 2900, String(leftMs))
  assert.equal(second['x-envoy-is-timeout-retry'], 'true')
  const plain = seenBy(await ask(loose, '/per-try', { 'x-plan': '900:200,0:200' }))
  assert.equal(plain['x-envoy-expected-rq-timeout-ms'], '100')
  assert.equal(plain['x-envoy-is-timeout-retry'], 'true')
  const failed = seenBy(await ask(loose, '/per-try', { 'x-plan': '0:503,0:200' }))
  assert.equal(failed['x-envoy-is-timeout-retry'], 'false')
})

test('a bad answer of a hedged attempt waits for the one beside it, and is not retried a second time', async () => {
  const before = origin.asked.length
  const answer = await ask(loose, '/hedge', { 'x-plan': '150:503,400:200' })
  assert.equal(answer.status, 200)
  const attempts = String(seenBy(answer)['x-envoy-attempt-count'])
  // The second is slow as well: a third goes beside it.
  assert.ok(['2', '3'].includes(attempts), attempts)
  assert.ok(origin.asked.length - before <= 3)
})

test('per_try_idle_timeout: an attempt on which nothing moves', async () => {
  const stat = async () => (await proxy.stats('cluster.origin')).get('cluster.origin.upstream_rq_per_try_idle_timeout')
  const before = (await stat()) ?? 0
  const retried = await ask(loose, '/idle', { 'x-plan': '900:200,0:200' })
  assert.equal(retried.status, 200)
  assert.equal(seenBy(retried)['x-envoy-attempt-count'], '2')
  const given = await ask(loose, '/idle', { 'x-plan': '900:200' })
  assert.deepEqual([given.status, given.body], [504, 'upstream request timeout'])
  const cut = await ask(loose, '/idle', { 'x-plan': '0:200:900' })
  assert.deepEqual([cut.status, cut.cut], [200, true])
  assert.equal(((await stat()) ?? 0) - before, 1 + 3 + 1)
})

test('the time of a try begins when there is a connection', async () => {
  const answer = await ask(loose, '/silent')
  assert.equal(answer.status, 504)
  assert.ok(answer.ms >= 390, `${answer.ms}`)
  const stats = await proxy.stats('cluster.silent.upstream_rq')
  assert.equal(stats.get('cluster.silent.upstream_rq_per_try_timeout'), 0)
  assert.equal(stats.get('cluster.silent.upstream_rq_timeout'), 1)
})

test('a retry whose end is no case for another one has succeeded, even when it took too long', async () => {
  const stat = async () => (await proxy.stats('cluster.origin')).get('cluster.origin.upstream_rq_retry_success') ?? 0
  const before = await stat()
  const answer = await ask(loose, '/codes', { 'x-plan': '0:503,900:200' })
  assert.deepEqual([answer.status, answer.body], [504, 'upstream request timeout'])
  assert.equal((await stat()) - before, 1)
})

test('x-envoy-upstream-alt-stat-name: counted under that name too, and not sent on', async () => {
  const asked = seenBy(await ask(loose, '/', { 'x-envoy-upstream-alt-stat-name': 'team.a', 'x-plan': '0:404' }))
  assert.equal(asked['x-envoy-upstream-alt-stat-name'], undefined)
  await proxy.untilStat('cluster.origin.team.a.upstream_rq_404', 1)
  const stats = await proxy.stats('team.a')
  assert.equal(stats.get('cluster.origin.team.a.upstream_rq_4xx'), 1)
  assert.equal(stats.get('cluster.origin.team.a.upstream_rq_completed'), 1)
  assert.equal(stats.get('cluster.origin.team.a.internal.upstream_rq_404'), 1)
})

test('strict_check_headers: control headers that say nothing sensible are refused', async () => {
  const bad = {
    'x-envoy-upstream-rq-timeout-ms': 'abc',
    'x-envoy-upstream-rq-per-try-timeout-ms': '1.5',
    'x-envoy-max-retries': '-1',
    'x-envoy-retry-on': '5xx,foo',
    'x-envoy-retry-grpc-on': 'internal,foo',
  }
  for (const [name, value] of Object.entries(bad)) {
    const { status, body } = await ask(strict, '/', { [name]: value })
    assert.deepEqual([status, body], [400, `invalid header '${name}' with value '${value}'`])
    assert.equal((await ask(loose, '/', { [name]: value })).status, 200)
  }
  assert.equal((await ask(strict, '/', { 'x-envoy-retry-on': '5xx, reset', 'x-envoy-max-retries': '3' })).status, 200)
})

test('respect_expected_rq_timeout: what the proxy before expects is the deadline', async () => {
  const expected = { 'x-envoy-expected-rq-timeout-ms': '200', 'x-plan': '900:200' }
  const late = await ask(strict, '/', { ...expected, 'x-envoy-upstream-rq-timeout-ms': '600' })
  assert.equal(late.status, 504)
  assert.ok(late.ms < 500, String(late.ms))
  const inTime = seenBy(await ask(strict, '/', { 'x-envoy-expected-rq-timeout-ms': '700' }))
  assert.equal(inTime['x-envoy-expected-rq-timeout-ms'], '700')
  const other = seenBy(await ask(loose, '/', { 'x-envoy-expected-rq-timeout-ms': '700' }))
  assert.equal(other['x-envoy-expected-rq-timeout-ms'], '3000')
})
