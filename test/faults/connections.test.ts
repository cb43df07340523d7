// Clients that connect and say nothing (D5), and far more of them than there is room for (D6).
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { bootstrap, freePorts, httpListener, ProxyProcess, parseResponses, RawClient } from '../harness/index.ts'

const INSPECTOR = 'type.googleapis.com/envoy.extensions.filters.listener.http_inspector.v3.HttpInspector'
const GET = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'
const LISTENER_LIMIT = 100
const GLOBAL_LIMIT = 150
const BURSTS = 5
const BURST = 400

const ROUTES = [{ match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'ok' } } }]
let proxy: ProxyProcess
let [inspected, idle, limited, open] = [0, 0, 0, 0]

before(async () => {
  ;[inspected, idle, limited, open] = (await freePorts(4)) as [number, number, number, number]
  const listeners = [
    {
      ...httpListener({ port: inspected, routes: ROUTES }),
      listener_filters: [{ name: 'http_inspector', typed_config: { '@type': INSPECTOR } }],
      listener_filters_timeout: '0.2s',
    },
    httpListener({
      port: idle,
      routes: ROUTES,
      hcm: { common_http_protocol_options: { idle_timeout: '0.2s' }, request_headers_timeout: '0.2s' },
    }),
    httpListener({ port: limited, routes: ROUTES }),
    httpListener({ port: open, routes: ROUTES }),
  ]
  const limits = {
    envoy: { resource_limits: { listener: { [`http_${limited}`]: { connection_limit: LISTENER_LIMIT } } } },
    overload: { global_downstream_max_connections: GLOBAL_LIMIT },
  }
  proxy = await ProxyProcess.start(
    bootstrap(listeners, [], { layered_runtime: { layers: [{ name: 'static', static_layer: limits }] } }),
    { concurrency: 2 },
  )
})
after(() => proxy?.stop())

const stat = (port: number, name: string): string => `listener.127.0.0.1_${port}.${name}`

test('a client that says nothing is let go: by the listener filters, or as an idle connection', async () => {
  for (const port of [inspected, idle]) {
    const started = performance.now()
    const silent = await Promise.all(Array.from({ length: 20 }, () => RawClient.connect(port)))
    using talking = await RawClient.connect(port)
    talking.send(GET)
    assert.match(await talking.until(text => text.endsWith('ok')), /^HTTP\/1\.1 200 /)
    for (const client of silent) assert.equal(await client.untilEnd(), '')
    // Who spoke is idle since its answer, a little later than those who never did.
    if (port === idle) await talking.untilEnd()
    assert.ok(performance.now() - started > 150)
  }
  await proxy.untilStat(stat(inspected, 'downstream_pre_cx_timeout'), 20)
  await proxy.untilStat(`http.in_${idle}.downstream_cx_idle_timeout`, 21)
  await proxy.untilStat(stat(idle, 'downstream_cx_active'), 0)
})

/** Connects and says whether it was let in: its request is answered, or the connection ends without a word. */
function visit(port: number): Promise<RawClient | null> {
  const client = RawClient.over(connect({ port, host: '127.0.0.1', noDelay: true }))
  client.send(GET)
  return client
    .until(text => text.endsWith('ok'))
    .then(text => {
      if (text === '') return null
      assert.equal(parseResponses(text)[0]?.status, 200)
      return client
    })
}

async function storm(port: number): Promise<RawClient[]> {
  const inside: RawClient[] = []
  for (let i = 0; i < BURSTS; i++) {
    const visits = Promise.all(Array.from({ length: BURST }, () => visit(port)))
    // The admin interface is not one of the listeners that are limited.
    assert.equal((await proxy.admin('/ready')).status, 200)
    for (const client of await visits) if (client !== null) inside.push(client)
  }
  return inside
}

test('a storm on a listener with a limit: so many are let in, the others are closed at once', async () => {
  const inside = await storm(limited)
  assert.equal(inside.length, LISTENER_LIMIT)
  await proxy.untilStat(stat(limited, 'downstream_cx_active'), LISTENER_LIMIT)
  await proxy.untilStat(stat(limited, 'downstream_cx_overflow'), BURSTS * BURST - LISTENER_LIMIT)
  for (const client of inside) {
    client.received = ''
    client.send(GET)
  }
  for (const client of inside) assert.match(await client.until(text => text.endsWith('ok')), /^HTTP\/1\.1 200 /)

  const others = await storm(open)
  assert.equal(others.length, GLOBAL_LIMIT - LISTENER_LIMIT)
  await proxy.untilStat(stat(open, 'downstream_global_cx_overflow'), BURSTS * BURST - others.length)
  for (const client of [...inside, ...others]) client.close()
  await proxy.untilStat(stat(limited, 'downstream_cx_active'), 0)
  await proxy.untilStat(stat(open, 'downstream_cx_active'), 0)
  const late = await visit(limited)
  assert.ok(late !== null, 'there is room again, and nobody is let in')
  late.close()
})
