import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { createSecureServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import {
  bootstrap,
  freePorts,
  httpListener,
  ProxyProcess,
  socketAddress,
  staticCluster,
  TestAuthority,
} from '../harness/index.ts'

interface Origin {
  readonly port: number
  readonly server: Server
  hits: number
  answer: (response: ServerResponse) => void
  check: (response: ServerResponse) => void
}

const ok = (response: ServerResponse): void => void response.end('ok')

async function origins(t: TestContext, count: number): Promise<readonly Origin[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer((request, response) => {
        if (request.url === '/hc') {
          origin.check(response)
          return
        }
        origin.hits++
        origin.answer(response)
      })
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      const origin: Origin = { port: (server.address() as AddressInfo).port, server, hits: 0, answer: ok, check: ok }
      t.after(() => {
        server.closeAllConnections()
        server.close()
      })
      return origin
    }),
  )
}

async function start(t: TestContext, hosts: readonly Origin[], cluster: object, workers = 1) {
  const [port] = await freePorts(1)
  const endpoints = hosts.map(host => ({ endpoint: { address: socketAddress(host.port) } }))
  const origin = {
    name: 'origin',
    type: 'STATIC',
    connect_timeout: '1s',
    common_lb_config: { healthy_panic_threshold: { value: 0 }, update_merge_window: '0s' },
    load_assignment: { cluster_name: 'origin', endpoints: [{ lb_endpoints: endpoints }] },
    ...cluster,
  }
  const config = bootstrap([httpListener({ port: port as number })], [origin])
  const proxy = await ProxyProcess.start(config, { concurrency: workers })
  t.after(() => proxy[Symbol.asyncDispose]())
  const get = async (): Promise<number> => {
    const response = await fetch(`http://127.0.0.1:${port}/`)
    await response.arrayBuffer()
    return response.status
  }
  const flags = async (host: Origin): Promise<string> => {
    const text = await (await proxy.admin('/clusters')).text()
    return new RegExp(`:${host.port}::health_flags::(.*)`).exec(text)?.[1] ?? 'none'
  }
  /** Sends requests until a host has these flags. */
  const until = async (host: Origin, wanted: string): Promise<void> => {
    while ((await flags(host)) !== wanted) await get()
  }
  return { proxy, get, flags, until }
}

const CHECK = {
  timeout: '1s',
  interval: '0.05s',
  no_traffic_interval: '0.05s',
  unhealthy_threshold: 1,
  healthy_threshold: 1,
}

test('active checks: ready means asked; a host that fails is left, and returned to', async t => {
  const hosts = await origins(t, 2)
  const [, second] = hosts as [Origin, Origin]
  second.check = response => void response.writeHead(500).end()
  const check = { ...CHECK, http_health_check: { path: '/hc' } }
  const { proxy, get, flags, until } = await start(t, hosts, { health_checks: [check] }, 2)
  assert.equal(await flags(second), '/failed_active_hc')
  for (let i = 0; i < 10; i++) assert.equal(await get(), 200)
  assert.equal(second.hits, 0)
  second.check = ok
  await until(second, 'healthy')
  while (second.hits === 0) await get()
  second.answer = response => void response.writeHead(200, { 'x-envoy-immediate-health-check-fail': 'x' }).end()
  second.check = response => void response.writeHead(500).end()
  await until(second, '/failed_active_hc/excluded_via_immediate_hc_fail')
  const stats = await proxy.stats('health_check')
  assert.ok((stats.get('cluster.origin.health_check.passive_failure') ?? 0) >= 1)
  assert.equal(stats.get('cluster.origin.health_check.healthy'), 1)
})

test('outliers: failures in a row on any worker put a host out, and it returns', async t => {
  const hosts = await origins(t, 3)
  const [bad] = hosts as [Origin]
  bad.answer = response => void response.writeHead(500).end()
  const outlier = { consecutive_5xx: 4, interval: '0.1s', base_ejection_time: '0.3s', max_ejection_percent: 100 }
  const { proxy, get, until } = await start(t, hosts, { outlier_detection: outlier }, 2)
  await until(bad, '/failed_outlier_check')
  const before = bad.hits
  for (let i = 0; i < 9; i++) await get()
  assert.ok(bad.hits - before <= 1)
  bad.answer = ok
  await until(bad, 'healthy')
  const stats = await proxy.stats('outlier_detection')
  assert.equal(stats.get('cluster.origin.outlier_detection.ejections_active'), 0)
  assert.ok((stats.get('cluster.origin.outlier_detection.ejections_enforced_consecutive_5xx') ?? 0) >= 1)
})

test('outliers: a host that cannot be reached is put out as well', async t => {
  const hosts = await origins(t, 2)
  const [gone] = hosts as [Origin]
  gone.server.close()
  await once(gone.server, 'close')
  const outlier = { consecutive_5xx: 3, max_ejection_percent: 100 }
  const { get, until } = await start(t, hosts, { outlier_detection: outlier })
  await until(gone, '/failed_outlier_check')
  for (let i = 0; i < 6; i++) assert.equal(await get(), 200)
})

test('outliers: a slow host is put out where that is configured', async t => {
  const hosts = await origins(t, 4)
  const [slow] = hosts as [Origin]
  slow.answer = response => void setTimeout(() => ok(response), 40)
  const latency = {
    '@type': 'type.googleapis.com/outrider.extensions.outlier_detection.latency.v1.Latency',
    enforcing: 100,
    request_volume: 10,
    interval: '0.1s',
    confirmations: 2,
  }
  const outlier = { max_ejection_percent: 100, monitors: [{ name: 'latency', typed_config: latency }] }
  const { proxy, until } = await start(t, hosts, { outlier_detection: outlier })
  await until(slow, '/failed_outlier_check')
  const why = await (await proxy.admin('/explain/cluster?name=origin')).text()
  assert.match(why, new RegExp(`:${slow.port}: 0\\.0 % of the requests`))
  assert.match(why, /ejected [\d.]+ s ago by LATENCY: \{"eject_latency_event":/)
  assert.match(why, /failed_outlier_check since \d{4}-/)
  assert.match(why, /outlier detection: 1 of 4 hosts ejected, at most 100 %/)
  const stats = await proxy.stats('latency')
  assert.equal(stats.get('cluster.origin.outlier_detection.ejections_enforced_latency'), 1)
})

test('use_alpn_protocol: a check speaks what TLS has chosen', async t => {
  using authority = new TestAuthority()
  const { cert, key } = authority.issue('origin')
  const checks: string[] = []
  const server = createSecureServer(
    { cert: readFileSync(cert), key: readFileSync(key), allowHTTP1: true },
    (request, response) => {
      checks.push(`${request.httpVersion} ${request.url}`)
      response.end()
    },
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const tls = {
    name: 'tls',
    typed_config: { '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext' },
  }
  const clusters = (['h2', 'http/1.1'] as const).map(protocol =>
    staticCluster(protocol === 'h2' ? 'two' : 'one', (server.address() as AddressInfo).port, {
      transport_socket: tls,
      health_checks: [
        {
          timeout: '5s',
          interval: '5s',
          healthy_threshold: 1,
          unhealthy_threshold: 1,
          tls_options: { alpn_protocols: [protocol] },
          http_health_check: { path: `/${protocol}`, use_alpn_protocol: true },
        },
      ],
    }),
  )
  // Ready means that every host has answered once.
  const proxy = await ProxyProcess.start(bootstrap([], clusters))
  t.after(() => proxy[Symbol.asyncDispose]())
  assert.deepEqual(checks.sort(), ['1.1 /http/1.1', '2.0 /h2'])
  const stats = await proxy.stats('health_check.healthy')
  assert.deepEqual([...stats.values()], [1, 1])
})
