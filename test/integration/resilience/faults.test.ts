// How a request fails and what is retried (E2, E4, E7), what the runtime decides, and what a storm of retries may cost.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import {
  bootstrap,
  exchange,
  freePorts,
  httpListener,
  ProxyProcess,
  RawClient,
  ScriptedOrigin,
  socketAddress,
  staticCluster,
} from '../../harness/index.ts'
import { ask, PlannedOrigin } from './kit.ts'

const HTTP2 = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
}
const RETRY = { retry_policy: { retry_on: '5xx', num_retries: 2 } }
const OURS = { skip: process.env['PROXY_UNDER_TEST'] === undefined ? false : 'only Outrider' }
const WAITING = {
  retry_on: '5xx',
  rate_limited_retry_back_off: { reset_headers: [{ name: 'x-wait', format: 'SECONDS' }], max_interval: '36000s' },
}
const to = (prefix: string, cluster: string, action: object = {}) => ({
  match: { prefix },
  route: { cluster, ...action },
})

const planned = await PlannedOrigin.start()
/** Closes or resets every connection at the first byte. */
const rude = await ScriptedOrigin.start(({ socket, received }) => {
  if (received.startsWith('GET /rst')) socket.resetAndDestroy()
  else socket.end()
})
/** Refuses as soon as it hears of a request, and does not want to hear of it again for an hour. */
const busy = await ScriptedOrigin.start(({ socket }) => {
  socket.write('HTTP/1.1 503 Busy\r\nx-wait: 3600\r\ncontent-length: 0\r\n\r\n')
})
/** Says something in advance, then fails: each piece of a request gets both. */
const early = await ScriptedOrigin.start(({ socket }, piece) => {
  socket.write('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n', () => {
    if (piece.includes('/early/503')) socket.write('HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n')
    else socket.end()
  })
})
/** Refuses every stream. */
const refusing = createServer()
refusing.on('stream', stream => stream.on('error', () => {}).close(2))
await new Promise<void>(resolve => refusing.listen(0, '127.0.0.1', resolve))
const folder = await mkdtemp(join(tmpdir(), 'faults-'))
const file = join(folder, 'access.log')
let port = 0
let proxy: ProxyProcess

before(async () => {
  const [own, closed] = (await freePorts(2)) as [number, number]
  port = own
  const endpoints = [{ lb_endpoints: [{ endpoint: { address: socketAddress(planned.port) } }] }]
  const dropping = {
    cluster_name: 'dropping',
    endpoints,
    policy: { drop_overloads: [{ category: 'all', drop_percentage: { numerator: 40 } }] },
  }
  const clusters = [
    staticCluster('origin', planned.port),
    staticCluster('rude', rude.port),
    staticCluster('busy', busy.port),
    staticCluster('early', early.port),
    staticCluster('refusing', (refusing.address() as AddressInfo).port, HTTP2),
    staticCluster('empty', 0, { load_assignment: { cluster_name: 'empty' } }),
    staticCluster('closed', closed),
    staticCluster('resting', planned.port),
    staticCluster('dropping', 0, { load_assignment: dropping }),
    staticCluster('storm', planned.port, {
      circuit_breakers: { thresholds: [{ retry_budget: { budget_percent: { value: 20 }, min_retry_concurrency: 3 } }] },
    }),
  ]
  const routes: object[] = [
    to('/fin', 'rude'),
    to('/rst', 'rude'),
    to('/h2', 'refusing'),
    to('/closed/gateway', 'closed', { retry_policy: { retry_on: 'gateway-error', num_retries: 2 } }),
    to('/closed/4xx', 'closed', { retry_policy: { retry_on: 'retriable-4xx', num_retries: 2 } }),
    to('/early', 'early', RETRY),
    to('/empty', 'empty'),
    to('/resting', 'resting'),
    to('/dropping', 'dropping'),
    to('/storm', 'storm', { retry_policy: { retry_on: '5xx', num_retries: 5 } }),
    { match: { prefix: '/by-header' }, route: { cluster_header: 'x-cluster' } },
    to('/retried', 'origin', RETRY),
    { ...to('/small', 'origin', RETRY), per_request_buffer_limit_bytes: 100 },
    { ...to('/busy', 'busy', { timeout: '0s', retry_policy: WAITING }), per_request_buffer_limit_bytes: 100 },
    to('/plain', 'origin'),
  ]
  const text_format_source = {
    inline_string: '%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n',
  }
  const typed_config = {
    '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
    path: file,
    log_format: { text_format_source },
  }
  const listener = httpListener({ port, routes, hcm: { access_log: [{ name: 'file', typed_config }] } })
  const layers = [
    { name: 'static', static_layer: { 'upstream.maintenance_mode.resting': 100 } },
    { name: 'admin', admin_layer: {} },
  ]
  proxy = await ProxyProcess.start(bootstrap([listener], clusters, { layered_runtime: { layers } }), {
    args: ['--file-flush-interval-msec', '10'],
  })
})
after(async () => {
  await proxy.stop()
  await Promise.all([planned[Symbol.asyncDispose](), rude.close(), busy.close(), early.close()])
  refusing.close()
  await rm(folder, { recursive: true })
})

/** Status, and the log line without the path. */
async function outcome(path: string, headers: Record<string, string> = {}): Promise<string> {
  await ask(port, path, headers)
  return await logLine(path)
}

async function logLine(path: string): Promise<string> {
  for (;;) {
    const line = (await readFile(file, 'utf8')).split('\n').findLast(text => text.startsWith(`${path} `))
    if (line !== undefined) return line.slice(path.length + 1)
  }
}

const RESET = 'upstream_reset_before_response_started'

test('E2: an origin that ends before it answers', async () => {
  assert.equal(await outcome('/fin'), `503 UC ${RESET}{connection_termination}`)
  assert.equal(await outcome('/rst'), `503 UC ${RESET}{connection_termination}`)
  assert.equal(await outcome('/h2'), `503 UR ${RESET}{remote_reset}`)
})

test('E4: nobody to ask', async () => {
  assert.equal(await outcome('/empty'), '503 UH no_healthy_upstream')
  assert.equal(await outcome('/nowhere'), '404 NR route_not_found')
  assert.equal(await outcome('/by-header', { 'x-cluster': 'nosuch' }), '503 NC cluster_not_found')
})

test('E4: maintenance mode and dropped load: turned away before a host is chosen', async () => {
  const answer = await ask(port, '/resting')
  assert.deepEqual([answer.status, answer.body], [503, 'maintenance mode'])
  assert.equal(answer.headers['x-envoy-overloaded'], 'true')
  assert.equal(await outcome('/resting/2'), '503 UO maintenance_mode')
  const modify = (value: string) =>
    proxy.admin(`/runtime_modify?upstream.maintenance_mode.resting=${value}`, { method: 'POST' })
  await modify('0')
  assert.equal((await ask(port, '/resting')).status, 200)
  await modify('100')
  await proxy.untilStat('cluster.resting.upstream_rq_maintenance_mode', 2)
  let dropped = 0
  for (let i = 0; i < 300; i++) if ((await ask(port, '/dropping')).status === 503) dropped++
  assert.ok(Math.abs(dropped - 120) < 45, `${dropped} of 300 dropped, 120 expected`)
  assert.match(await readFile(file, 'utf8'), /\/dropping 503 DO drop_overload\n/)
})

test('E7: what is retried, and what is not', async () => {
  assert.equal(await outcome('/retried/1', { 'x-plan': '0:503,0:200' }), '200 - via_upstream')
  assert.equal(await outcome('/retried/2', { 'x-plan': '0:503' }), '503 URX via_upstream')
  assert.equal(await outcome('/plain', { 'x-plan': '0:503,0:200' }), '503 - via_upstream')
  const refused = `${RESET}{remote_connection_failure|delayed_connect_error:_Connection_refused}`
  assert.equal(await outcome('/closed/gateway'), `503 URX,UF ${refused}`)
  assert.equal(await outcome('/closed/4xx'), `503 UF ${refused}`)
  const before = planned.asked.length
  const body = 'x'.repeat(200)
  const post = `POST /small HTTP/1.1\r\nhost: a\r\nx-plan: 0:503,0:200\r\nconnection: close\r\ncontent-length: 200\r\n\r\n${body}`
  assert.match(await exchange(port, post), /^HTTP\/1.1 503 /)
  assert.equal(planned.asked.length - before, 1)
  await proxy.untilStat('cluster.origin.retry_or_shadow_abandoned', 1)
  // A POST that is lost is nobody's to repeat.
  const lost = 'POST /fin HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 1\r\n\r\nx'
  const seen = rude.requests.length
  assert.match(await exchange(port, lost), /^HTTP\/1.1 503 /)
  assert.equal(rude.requests.length - seen, 1)
})

// Envoy hears no answer before the request has ended, so nothing of this can be seen there.
test('E7: a body that grows over the limit while its retry waits ends the request', OURS, async () => {
  const client = await RawClient.connect(port)
  client.send('POST /busy HTTP/1.1\r\nhost: a\r\ncontent-length: 300\r\n\r\n0123456789')
  await proxy.untilStat('cluster.busy.upstream_rq_retry_backoff_ratelimited', 1)
  client.send('x'.repeat(200))
  const text = await client.until(received => received.endsWith('while retrying upstream'))
  assert.match(text, /^HTTP\/1\.1 507 /)
  client.close()
  assert.match(await logLine('/busy'), /507 - request_payload_exceeded_retry_buffer_limit/)
  assert.equal(busy.requests.length, 0)
  assert.deepEqual(await proxy.gaugesLeft(), [])
})

test('E8: after an interim answer nothing is tried again, and an end without another is charged to nobody', async () => {
  assert.equal(await outcome('/early/503'), '503 - via_upstream')
  assert.equal(await outcome('/early/fin'), '503 UC upstream_reset_after_response_started{connection_termination}')
  assert.equal(early.requests.length, 2)
  const stats = await proxy.stats('cluster.early.upstream_rq')
  const seen = ['upstream_rq_103', 'upstream_rq_503', 'upstream_rq_retry'].map(name =>
    stats.get(`cluster.early.${name}`),
  )
  assert.deepEqual(seen, [2, 1, 0])
})

test('the runtime switches retries off, and says how long they wait', async () => {
  const modify = (query: string) => proxy.admin(`/runtime_modify?${query}`, { method: 'POST' })
  await modify('upstream.use_retry=0')
  assert.equal(await outcome('/retried/off', { 'x-plan': '0:503,0:200' }), '503 - via_upstream')
  await modify('upstream.use_retry=100&upstream.base_retry_backoff_ms=2000')
  let longest = 0
  const waits = Array.from({ length: 8 }, () => ask(port, '/retried/slow', { 'x-plan': '0:503,0:200' }))
  for (const { ms } of await Promise.all(waits)) longest = Math.max(longest, ms)
  assert.ok(longest > 300, `${longest}`)
  await modify('upstream.base_retry_backoff_ms=')
})

test('a storm: with every answer a failure, the load on origins stays within the budget', async () => {
  const before = planned.asked.length
  const requests = 1000
  let left = requests
  const client = async (): Promise<void> => {
    while (left-- > 0) assert.equal((await ask(port, '/storm', { 'x-plan': '5:503' })).status, 503)
  }
  await Promise.all(Array.from({ length: 40 }, client))
  const attempts = planned.asked.length - before
  assert.ok(attempts > requests, 'some are retried')
  // A fifth of what is under way may be retries: a quarter on top of the rest, and three where little is under way.
  assert.ok(attempts <= requests * 1.3, `${attempts} attempts for ${requests} requests`)
  const stats = await proxy.stats('cluster.storm')
  assert.ok((stats.get('cluster.storm.upstream_rq_retry_overflow') ?? 0) > 0)
  for (const gauge of ['upstream_rq_active', 'upstream_rq_pending_active', 'circuit_breakers.default.rq_retry_open']) {
    await proxy.untilStat(`cluster.storm.${gauge}`, 0)
  }
})
