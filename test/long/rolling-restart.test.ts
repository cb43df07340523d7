// Three origins are restarted one after the other, abruptly, under load: with retries on, no client notices.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { bootstrap, freePorts, httpListener, ProxyProcess, socketAddress, staticCluster } from '../harness/index.ts'

const CLIENTS = 20
const DOWN_MS = 1500
const UP_MS = 1500

class Origin {
  private server!: Server
  port = 0

  async start(): Promise<void> {
    this.server = createServer((_request, response) => setTimeout(() => response.end('ok'), 3))
    this.server.listen(this.port, '127.0.0.1')
    await once(this.server, 'listening')
    this.port = (this.server.address() as AddressInfo).port
  }

  /** Like a process that is killed: connections break where they are. */
  async kill(): Promise<void> {
    this.server.close()
    this.server.closeAllConnections()
    await once(this.server, 'close')
  }
}

test('0 requests fail while every origin is restarted in turn', { timeout: 120_000 }, async t => {
  const origins = [new Origin(), new Origin(), new Origin()]
  for (const origin of origins) await origin.start()
  const [port] = (await freePorts(1)) as [number]
  const lb_endpoints = origins.map(origin => ({ endpoint: { address: socketAddress(origin.port) } }))
  const previous_hosts = 'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate'
  const retry_policy = {
    retry_on: 'connect-failure,refused-stream,reset',
    num_retries: 3,
    retry_host_predicate: [{ name: 'p', typed_config: { '@type': previous_hosts } }],
    host_selection_retry_max_attempts: 3,
  }
  const cluster = staticCluster('origin', 0, {
    load_assignment: { cluster_name: 'origin', endpoints: [{ lb_endpoints }] },
    outlier_detection: { consecutive_5xx: 3, base_ejection_time: '1s', interval: '0.5s', max_ejection_percent: 50 },
    circuit_breakers: { thresholds: [{ max_retries: 100 }] },
  })
  const routes = [{ match: { prefix: '/' }, route: { cluster: 'origin', retry_policy } }]
  await using proxy = await ProxyProcess.start(bootstrap([httpListener({ port, routes })], [cluster]), {
    concurrency: 2,
  })
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS })
  const counts: Record<string, number> = {}
  let over = false
  const ask = (method: string): Promise<string> =>
    new Promise(resolve => {
      request({ port, method, path: '/', agent, host: '127.0.0.1' }, response => {
        response
          .resume()
          .on('end', () => resolve(String(response.statusCode)))
          .on('error', () => resolve('cut'))
      })
        .on('error', () => resolve('lost'))
        .end()
    })
  const client = async (index: number): Promise<void> => {
    while (!over) {
      const answer = await ask(index % 4 === 0 ? 'POST' : 'GET')
      counts[answer] = (counts[answer] ?? 0) + 1
      await delay(5)
    }
  }
  const clients = Array.from({ length: CLIENTS }, (_, index) => client(index))
  for (let round = 0; round < 2; round++) {
    for (const origin of origins) {
      await delay(UP_MS)
      await origin.kill()
      await delay(DOWN_MS)
      await origin.start()
    }
  }
  over = true
  await Promise.all(clients)
  agent.destroy()
  const stats = await proxy.stats('cluster.origin.')
  const retried = stats.get('cluster.origin.upstream_rq_retry') ?? 0
  t.diagnostic(`answers ${JSON.stringify(counts)}, ${retried} retries`)
  assert.deepEqual(Object.keys(counts), ['200'], JSON.stringify(counts))
  assert.ok(retried > 0, 'nothing was retried: nothing was tested')
  await proxy.untilStat('cluster.origin.upstream_rq_active', 0)
  for (const origin of origins) await origin.kill()
})
