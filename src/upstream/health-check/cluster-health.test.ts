import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import net, { type AddressInfo, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import {
  ActiveHealthCheckTimeout,
  DegradedActiveHealthCheck,
  ExcludedViaImmediateHealthCheckFail,
  FailedActiveHealthCheck,
  PendingActiveHealthCheck,
} from '../health.ts'
import { endpointJson } from '../testing.ts'
import { HEALTH_CHECK_STATS } from './stats.ts'
import { TestTime, type WatchedCluster, watchedCluster } from './testing.ts'

const TIMES = { timeout: '0.5s', interval: '1s', unhealthyThreshold: 2, healthyThreshold: 2 }

async function listening(t: TestContext, server: net.Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return (server.address() as AddressInfo).port
}

interface HttpOrigin {
  readonly port: number
  readonly requests: IncomingMessage[]
  sockets: number
  answer: (response: ServerResponse) => void
}

async function httpOrigin(t: TestContext): Promise<HttpOrigin> {
  const origin = { port: 0, requests: [] as IncomingMessage[], sockets: 0, answer: (r: ServerResponse) => void r.end() }
  const server = createServer({ keepAlive: true }, (request, response) => {
    origin.requests.push(request)
    origin.answer(response)
  })
  server.on('connection', () => origin.sockets++)
  t.after(() => server.closeAllConnections())
  return Object.assign(origin, { port: await listening(t, server) })
}

function setUp(t: TestContext, ports: readonly number[], check: object, cluster: object = {}) {
  const time = new TestTime()
  const watched = watchedCluster({ name: 'c', healthChecks: [{ ...TIMES, ...check }], ...cluster }, time.thread())
  t.after(() => watched.health.close())
  const stats = watched.thread.stats.block('cluster.c.health_check.', HEALTH_CHECK_STATS).cells
  const stat = (name: string): number => stats[HEALTH_CHECK_STATS.slot(name)] as number
  watched.update([{ lbEndpoints: ports.map(port => endpointJson(port)) }])
  return { time, watched, stat, flags: () => [...watched.flags.values()] }
}

/** Lets the interval pass and waits for the answer. */
async function nextCheck(time: TestTime, watched: WatchedCluster, ms = 1000): Promise<void> {
  const answer = watched.nextAnswer()
  time.advance(ms)
  await answer
}

test('HTTP: hosts start failed, the first 200 makes them healthy; the request is Envoys own', async t => {
  const origin = await httpOrigin(t)
  const { watched, stat, flags } = setUp(t, [origin.port], {
    httpHealthCheck: {
      path: '/up?x',
      requestHeadersToAdd: [{ header: { key: 'x-a', value: 'b' } }],
      requestHeadersToRemove: ['user-agent'],
    },
  })
  assert.deepEqual([flags(), watched.rounds], [[FailedActiveHealthCheck], 0])
  await watched.nextAnswer()
  assert.deepEqual([flags(), watched.rounds, stat('healthy')], [[0], 1, 1])
  const [request] = origin.requests
  assert.equal(`${request?.method} ${request?.url}`, 'GET /up?x')
  assert.deepEqual(request?.rawHeaders, ['host', 'c', 'x-a', 'b'])
  assert.deepEqual([stat('attempt'), stat('success'), stat('failure')], [1, 1, 0])
})

test('HTTP: a definite answer fails at once, a retriable one by threshold, over one connection', async t => {
  const origin = await httpOrigin(t)
  const check = { httpHealthCheck: { path: '/', retriableStatuses: [{ start: '500', end: '504' }] } }
  const { time, watched, flags, stat } = setUp(t, [origin.port], check)
  await watched.nextAnswer()
  origin.answer = response => void response.writeHead(503).end('no')
  await nextCheck(time, watched)
  assert.deepEqual(flags(), [0])
  await nextCheck(time, watched)
  assert.deepEqual([flags(), stat('network_failure')], [[FailedActiveHealthCheck], 0])
  origin.answer = response => void response.end('yes')
  await nextCheck(time, watched)
  await nextCheck(time, watched)
  assert.deepEqual(flags(), [0])
  origin.answer = response => void response.writeHead(404).end()
  await nextCheck(time, watched)
  assert.deepEqual([flags(), origin.sockets], [[FailedActiveHealthCheck], 1])
})

test('HTTP: body, cluster name, degraded and the exclusion header', async t => {
  const origin = await httpOrigin(t)
  origin.answer = response =>
    void response.writeHead(200, { 'x-envoy-upstream-healthchecked-cluster': 'web-1' }).end('one two three')
  const { time, watched, flags, stat } = setUp(t, [origin.port], {
    httpHealthCheck: {
      path: '/',
      receive: [{ text: Buffer.from('one').toString('hex') }, { text: Buffer.from('two').toString('hex') }],
      serviceNameMatcher: { prefix: 'web' },
    },
  })
  await watched.nextAnswer()
  assert.deepEqual([flags(), stat('verify_cluster')], [[0], 1])
  origin.answer = response =>
    void response
      .writeHead(200, { 'x-envoy-upstream-healthchecked-cluster': 'web', 'x-envoy-degraded': '1' })
      .end('one two')
  await nextCheck(time, watched)
  assert.deepEqual([flags(), stat('degraded')], [[DegradedActiveHealthCheck], 1])
  origin.answer = response =>
    void response.writeHead(200, { 'x-envoy-immediate-health-check-fail': '1' }).end('two one')
  await nextCheck(time, watched)
  const excluded = FailedActiveHealthCheck | DegradedActiveHealthCheck | ExcludedViaImmediateHealthCheckFail
  assert.deepEqual(flags(), [excluded])
})

test('a host that asks to be left out while it still counts as healthy stays so until it has failed and come back', async t => {
  const origin = await httpOrigin(t)
  const { time, watched, flags } = setUp(t, [origin.port], {
    unhealthyThreshold: 2,
    healthyThreshold: 1,
    httpHealthCheck: { path: '/', retriableStatuses: [{ start: '500', end: '504' }] },
  })
  await watched.nextAnswer()
  const say = async (status: number, headers: Record<string, string> = {}) => {
    origin.answer = response => void response.writeHead(status, headers).end()
    await nextCheck(time, watched)
    return flags()
  }
  const asked = { 'x-envoy-immediate-health-check-fail': '1' }
  assert.deepEqual(await say(503, asked), [ExcludedViaImmediateHealthCheckFail])
  assert.deepEqual(await say(200), [ExcludedViaImmediateHealthCheckFail])
  assert.deepEqual(await say(503), [ExcludedViaImmediateHealthCheckFail])
  assert.deepEqual(await say(503), [FailedActiveHealthCheck | ExcludedViaImmediateHealthCheckFail])
  assert.deepEqual(await say(200), [0])
})

test('HTTP: a body is sent, and only the first bytes of the answer are looked at', async t => {
  const origin = await httpOrigin(t)
  origin.answer = response => void response.end('0123456789')
  const { watched, flags } = setUp(t, [origin.port], {
    httpHealthCheck: {
      path: '/',
      method: 'POST',
      send: { text: '6162' },
      receive: [{ text: Buffer.from('89').toString('hex') }],
      responseBufferSize: '9',
    },
  })
  await watched.nextAnswer()
  assert.deepEqual(flags(), [FailedActiveHealthCheck])
  assert.equal(origin.requests[0]?.headers['content-length'], '2')
})

test('a hung host times out, and is failed after the threshold', async t => {
  const origin = await httpOrigin(t)
  const { time, watched, flags, stat } = setUp(t, [origin.port], { httpHealthCheck: { path: '/' } })
  await watched.nextAnswer()
  origin.answer = () => undefined
  time.advance(1000)
  time.advance(500)
  assert.deepEqual([flags(), stat('network_failure')], [[0], 1])
  time.advance(1500)
  assert.deepEqual(flags(), [FailedActiveHealthCheck | ActiveHealthCheckTimeout])
  assert.deepEqual([stat('attempt'), stat('failure')], [3, 2])
})

test('no reuse: every check has its own connection', async t => {
  const origin = await httpOrigin(t)
  const { time, watched } = setUp(t, [origin.port], { httpHealthCheck: { path: '/' }, reuseConnection: false })
  await watched.nextAnswer()
  await nextCheck(time, watched)
  await nextCheck(time, watched)
  assert.equal(origin.sockets, 3)
})

test('before any traffic checks come at the slow interval', async t => {
  const origin = await httpOrigin(t)
  const { time, watched, stat } = setUp(t, [origin.port], { httpHealthCheck: { path: '/' }, noTrafficInterval: '7s' })
  watched.traffic = false
  await watched.nextAnswer()
  time.advance(6999)
  assert.equal(stat('attempt'), 1)
  await nextCheck(time, watched, 1)
  assert.equal(stat('attempt'), 2)
})

test('TCP: bytes are exchanged; refusal and a close in between are network failures', async t => {
  const sockets: Socket[] = []
  const received: string[] = []
  const server = net.createServer(socket => {
    sockets.push(socket)
    socket.on('data', data => {
      received.push(data.toString('latin1'))
      socket.write('xxAByyCD')
    })
  })
  const port = await listening(t, server)
  const check = { tcpHealthCheck: { send: { text: '7069' }, receive: [{ text: '4142' }, { text: '4344' }] } }
  const { time, watched, flags, stat } = setUp(t, [port], { ...check, unhealthyThreshold: 1 })
  await watched.nextAnswer()
  await nextCheck(time, watched)
  assert.deepEqual([flags(), received, sockets.length], [[0], ['pi', 'pi'], 1])
  const closed = watched.nextAnswer()
  sockets[0]?.destroy()
  await closed
  assert.deepEqual([flags(), stat('network_failure')], [[FailedActiveHealthCheck], 1])
})

test('TCP: a PROXY header goes before the first bytes of a connection, as Envoy fills it in', async t => {
  const received: Buffer[] = []
  const server = net.createServer(socket => {
    socket.on('data', data => {
      received.push(Buffer.from(data))
      socket.write('A')
    })
  })
  const port = await listening(t, server)
  const send = { send: { text: '7069' }, receive: [{ text: '41' }] }
  for (const [proxyProtocolConfig, header] of [
    [{}, /^PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 \d+ \d+\r\npi$/],
    // Nobody stands behind a check: LOCAL, and no more.
    [{ version: 'V2' }, /^\r\n\r\n\0\r\nQUIT\n \0\0\0pi$/],
  ] as const) {
    const { time, watched } = setUp(t, [port], { tcpHealthCheck: { ...send, proxyProtocolConfig } })
    await watched.nextAnswer()
    await nextCheck(time, watched)
    const [first, second] = received.splice(0).map(bytes => bytes.toString('latin1'))
    assert.match(String(first), header)
    assert.equal(second, 'pi', 'once per connection')
  }
})

test('TCP without payload passes on connect', async t => {
  const port = await listening(
    t,
    net.createServer(socket => void socket.resume()),
  )
  const dead = net.createServer()
  const deadPort = await listening(t, dead)
  dead.close()
  await once(dead, 'close')
  const { watched, flags } = setUp(t, [port, deadPort], { tcpHealthCheck: {} })
  while (watched.rounds === 0) await watched.nextAnswer()
  assert.deepEqual(flags(), [0, FailedActiveHealthCheck])
})

test('hosts come and go: their checks with them; gauges return to 0', async t => {
  const [a, b] = [await httpOrigin(t), await httpOrigin(t)]
  const { time, watched, stat } = setUp(t, [a.port], { httpHealthCheck: { path: '/' } })
  await watched.nextAnswer()
  watched.update([{ lbEndpoints: [endpointJson(a.port), endpointJson(b.port)] }])
  await watched.nextAnswer()
  assert.deepEqual([stat('healthy'), stat('attempt')], [2, 2])
  watched.update([{ lbEndpoints: [endpointJson(b.port)] }])
  assert.equal(stat('healthy'), 1)
  await nextCheck(time, watched)
  assert.equal(a.requests.length, 1)
  watched.health.close()
  assert.deepEqual([stat('healthy'), watched.thread.timers.armedCount], [0, 0])
})

test('endpoints may have another address for checks, another host name, or no checks at all', async t => {
  const [traffic, checks] = [await httpOrigin(t), await httpOrigin(t)]
  const healthCheckConfig = { portValue: checks.port, hostname: 'own.test' }
  const endpoint = (config: object) => ({ ...endpointOf(traffic.port), healthCheckConfig: config })
  const time = new TestTime()
  const check = { ...TIMES, httpHealthCheck: { path: '/', host: 'all.test' } }
  const watched = watchedCluster({ name: 'c', healthChecks: [check] }, time.thread())
  t.after(() => watched.health.close())
  watched.update([{ lbEndpoints: [{ endpoint: endpoint(healthCheckConfig) }] }])
  await watched.nextAnswer()
  assert.deepEqual([checks.requests[0]?.headers.host, traffic.requests.length], ['own.test', 0])
  watched.update([{ lbEndpoints: [{ endpoint: endpoint({ disableActiveHealthCheck: true }) }] }])
  assert.equal(watched.thread.timers.armedCount, 0)
})

function endpointOf(port: number): object {
  return (endpointJson(port) as { endpoint: object }).endpoint
}

test('several checks: all of them must pass, each counts below its name', async t => {
  const [origin, other] = [await httpOrigin(t), await httpOrigin(t)]
  origin.answer = response => {
    if (origin.requests.at(-1)?.url === '/b') response.statusCode = 500
    response.end()
  }
  const time = new TestTime()
  const checks = ['a', 'b'].map(name => ({ ...TIMES, name, httpHealthCheck: { path: `/${name}` } }))
  const watched = watchedCluster({ name: 'c', healthChecks: checks }, time.thread())
  t.after(() => watched.health.close())
  watched.update([{ lbEndpoints: [endpointJson(origin.port), endpointJson(other.port)] }])
  while (watched.rounds === 0) await watched.nextAnswer()
  assert.equal(watched.flags.get(`127.0.0.1:${origin.port}`), FailedActiveHealthCheck)
  const { cells } = watched.thread.stats.block('cluster.c.health_check.name.b.', HEALTH_CHECK_STATS)
  assert.equal(cells[HEALTH_CHECK_STATS.slot('attempt')], 2)
})

test('a host that asks to be left alone is out at once, until it passes again', async t => {
  const origin = await httpOrigin(t)
  const { time, watched, flags, stat } = setUp(t, [origin.port], {
    httpHealthCheck: { path: '/' },
    healthyThreshold: 1,
  })
  await watched.nextAnswer()
  watched.health.failImmediately(`127.0.0.1:${origin.port}`)
  assert.deepEqual(flags(), [FailedActiveHealthCheck | ExcludedViaImmediateHealthCheckFail])
  assert.deepEqual([stat('passive_failure'), stat('failure'), stat('healthy')], [1, 1, 0])
  await nextCheck(time, watched)
  assert.deepEqual(flags(), [0])
})

test('new hosts may be left out until they have been asked', async t => {
  const origin = await httpOrigin(t)
  const cluster = { commonLbConfig: { ignoreNewHostsUntilFirstHc: true } }
  const { watched, flags } = setUp(t, [origin.port], { httpHealthCheck: { path: '/' } }, cluster)
  assert.deepEqual(flags(), [FailedActiveHealthCheck | PendingActiveHealthCheck])
  await watched.nextAnswer()
  assert.deepEqual(flags(), [0])
})

test('a cluster without hosts is ready at once', t => {
  assert.equal(setUp(t, [], { tcpHealthCheck: {} }).watched.rounds, 1)
})
