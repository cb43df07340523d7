// A host that changes its mind every 50 ms for a minute, under traffic: everything follows, nothing is left behind.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent, createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { bootstrap, freePorts, httpListener, ProxyProcess, socketAddress, staticCluster } from '../harness/index.ts'

const FLAP_MS = 50
const SECONDS = 60
const ALLOWED_MIB = 16

/** Resident memory, in MiB. */
function residentMib(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}

test('a minute of flapping', { skip: process.platform !== 'linux', timeout: 120_000 }, async t => {
  let up = true
  const flapping = '127.0.10.1'
  const origin = createServer((request, response) => {
    const down = request.socket.localAddress === flapping && !up && request.url === '/check'
    response.writeHead(down ? 503 : 200).end('ok')
  }).listen(0, '0.0.0.0')
  await once(origin, 'listening')
  t.after(() => {
    origin.close()
    origin.closeAllConnections()
  })
  const originPort = (origin.address() as AddressInfo).port
  const [port] = (await freePorts(1)) as [number]
  const lb_endpoints = [flapping, '127.0.10.2', '127.0.10.3'].map(address => ({
    endpoint: { address: socketAddress(originPort, address) },
  }))
  const check = {
    timeout: '0.5s',
    interval: '0.02s',
    no_traffic_interval: '0.02s',
    healthy_threshold: 1,
    unhealthy_threshold: 1,
    http_health_check: { path: '/check' },
  }
  const cluster = staticCluster('origin', 0, {
    load_assignment: { cluster_name: 'origin', endpoints: [{ lb_endpoints }] },
    health_checks: [check],
    common_lb_config: { update_merge_window: '0s' },
  })
  await using proxy = await ProxyProcess.start(bootstrap([httpListener({ port })], [cluster]), { concurrency: 2 })
  const agent = new Agent({ keepAlive: true, maxSockets: 20 })
  let [asked, failed] = [0, 0]
  const load = setInterval(() => {
    for (let i = 0; i < 4; i++) {
      asked++
      get({ host: '127.0.0.1', port, path: '/', agent }, response => {
        if (response.statusCode !== 200) failed++
        response.resume()
      }).on('error', () => failed++)
    }
  }, 10)
  const flaps = setInterval(() => {
    up = !up
  }, FLAP_MS)
  const pid = proxy.process.pid as number
  await delay(SECONDS * 500)
  const halfway = residentMib(pid)
  await delay(SECONDS * 500)
  const end = residentMib(pid)
  clearInterval(flaps)
  clearInterval(load)
  up = true
  agent.destroy()
  const stats = await proxy.stats('cluster.origin.')
  const changes = stats.get('cluster.origin.health_check.failure') ?? 0
  t.diagnostic(
    `${asked} requests, ${failed} failed, ${changes} failed checks, ${halfway.toFixed(0)} MiB, then ${end.toFixed(0)}`,
  )
  assert.ok(changes > 200, `${changes}`)
  assert.equal(failed, 0)
  assert.ok(end - halfway < ALLOWED_MIB, `${end - halfway} MiB more in the second half`)
  await proxy.untilStat('cluster.origin.membership_healthy', 3)
  for (const gauge of ['upstream_rq_active', 'upstream_rq_pending_active'])
    await proxy.untilStat(`cluster.origin.${gauge}`, 0)
  const open = stats.get('cluster.origin.upstream_cx_active') ?? 0
  assert.ok(open <= 60, `${open} connections`)
})
