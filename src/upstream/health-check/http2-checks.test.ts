import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { FailedActiveHealthCheck } from '../health.ts'
import { endpointJson } from '../testing.ts'
import { HEALTH_CHECK_STATS } from './stats.ts'
import { TestTime, watchedCluster } from './testing.ts'

interface Call {
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** A cleartext HTTP/2 origin. */
async function origin(t: TestContext, answer: (stream: ServerHttp2Stream) => void) {
  const calls: Call[] = []
  const sessions: ServerHttp2Session[] = []
  const server = createServer()
  const state = { answer }
  server.on('session', session => sessions.push(session))
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    const body: Buffer[] = []
    stream.on('error', () => undefined)
    stream.on('data', (piece: Buffer) => body.push(piece))
    stream.on('end', () => {
      calls.push({ headers, body: Buffer.concat(body) })
      state.answer(stream)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const session of sessions) session.destroy()
    server.close()
  })
  return Object.assign(state, { calls, sessions, port: (server.address() as AddressInfo).port })
}

/** One check per call; says whether the host is healthy then. */
function checks(t: TestContext, port: number, check: object) {
  const time = new TestTime()
  const times = { timeout: '0.5s', interval: '1s', unhealthyThreshold: 2, healthyThreshold: 1 }
  const watched = watchedCluster({ name: 'c', healthChecks: [{ ...times, ...check }] }, time.thread())
  t.after(() => watched.health.close())
  const { cells } = watched.thread.stats.block('cluster.c.health_check.', HEALTH_CHECK_STATS)
  let started = false
  const next = async (): Promise<boolean> => {
    const answer = watched.nextAnswer()
    if (started) time.advance(1000)
    else watched.update([{ lbEndpoints: [endpointJson(port)] }])
    started = true
    await answer
    return ((watched.flags.get(`127.0.0.1:${port}`) ?? 0) & FailedActiveHealthCheck) === 0
  }
  return { time, next, stat: (name: string) => cells[HEALTH_CHECK_STATS.slot(name)] as number, watched }
}

test('HTTP/2: one connection carries all checks, until the peer says goodbye', async t => {
  const server = await origin(t, stream => {
    stream.respond({ ':status': 200 })
    stream.end('fine')
  })
  const { next } = checks(t, server.port, {
    httpHealthCheck: { path: '/up', codecClientType: 'HTTP2', receive: [{ text: '6669' }] },
  })
  assert.deepEqual([await next(), await next(), server.sessions.length], [true, true, 1])
  assert.deepEqual(
    [':method', ':path', ':authority', 'user-agent'].map(name => server.calls[0]?.headers[name]),
    ['GET', '/up', 'c', 'Envoy/HC'],
  )
  const [first] = server.sessions
  const closed = once(first as ServerHttp2Session, 'close')
  first?.close()
  await closed
  assert.deepEqual([await next(), server.sessions.length], [true, 2])
})

const response = (status: number): Buffer => Buffer.from([0, 0, 0, 0, 2, 8, status])

function respond(stream: ServerHttp2Stream, body: Buffer, grpcStatus = '0'): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': grpcStatus }))
  stream.end(body)
}

test('gRPC: the call is Envoys own', async t => {
  const server = await origin(t, stream => respond(stream, response(1)))
  const { next } = checks(t, server.port, {
    grpcHealthCheck: {
      serviceName: 'svc',
      authority: 'all.test',
      initialMetadata: [{ header: { key: 'x-m', value: 'v' } }],
    },
  })
  assert.equal(await next(), true)
  const { headers, body } = server.calls[0] as Call
  assert.deepEqual(Object.fromEntries(Object.entries(headers)), {
    ':method': 'POST',
    ':path': '/grpc.health.v1.Health/Check',
    ':authority': 'all.test',
    ':scheme': 'http',
    te: 'trailers',
    'content-type': 'application/grpc',
    'user-agent': 'Envoy/HC',
    'x-m': 'v',
    'grpc-timeout': '500m',
  })
  assert.equal(body.toString('hex'), '00000000050a03737663')
})

test('gRPC: whatever is not SERVING fails the host at once, and is no network failure', async t => {
  const server = await origin(t, stream => respond(stream, response(1)))
  const { next, stat } = checks(t, server.port, { grpcHealthCheck: {} })
  const bad: ((stream: ServerHttp2Stream) => void)[] = [
    stream => respond(stream, response(2)),
    stream => respond(stream, response(1), '14'),
    stream => stream.respond({ ':status': 200, 'grpc-status': '5' }, { endStream: true }),
    stream => stream.respond({ ':status': 503 }, { endStream: true }),
    stream => respond(stream, Buffer.alloc(0)),
    stream => respond(stream, Buffer.concat([response(1), response(1)])),
    stream => respond(stream, Buffer.from([0, 0, 1, 0, 0])),
    stream => respond(stream, Buffer.from([1, 0, 0, 0, 2, 8, 1])),
  ]
  for (const answer of bad) {
    server.answer = stream => respond(stream, response(1))
    assert.equal(await next(), true)
    server.answer = answer
    assert.equal(await next(), false)
  }
  assert.deepEqual([stat('failure'), stat('network_failure'), server.sessions.length], [bad.length, 0, 1])
  assert.equal(server.calls[0]?.body.length, 5)
})

test('gRPC: a reset and a time-out are network failures', async t => {
  const server = await origin(t, stream => stream.close(2))
  const { next, stat, time, watched } = checks(t, server.port, { grpcHealthCheck: {} })
  assert.equal(await next(), false)
  server.answer = () => undefined
  time.advance(1000)
  time.advance(500)
  assert.equal(stat('network_failure'), 2)
  server.answer = stream => respond(stream, response(1))
  assert.deepEqual([await next(), server.sessions.length], [true, 1])
  watched.health.close()
  assert.equal(watched.thread.timers.armedCount, 0)
})
