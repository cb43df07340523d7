// One host of ten becomes 20 times slower at 1,000 requests per second: with latency outliers it is out within ten seconds,
// and the cluster is as fast as before.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, get } from 'node:http'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { bootstrap, freePorts, httpListener, ProxyProcess, socketAddress, staticCluster } from '../harness/index.ts'
import type { OriginsCommand } from './slow-host-origins.ts'

const PER_TICK = 10
const TICK_MS = 10
const SLOW = '127.0.9.7'
/** No 99th percentile of a healthy cluster on a quiet machine: origins take 3 to 5 ms. */
const BUSY_MS = 30

/** An open loop: PER_TICK requests every TICK_MS, whatever the answers take. */
class Load {
  latencies: number[] = []
  failed = 0
  private readonly agent = new Agent({ keepAlive: true })
  private readonly timer: NodeJS.Timeout
  private dueMs = performance.now()

  constructor(port: number) {
    this.timer = setInterval(() => {
      for (; this.dueMs <= performance.now(); this.dueMs += TICK_MS) for (let i = 0; i < PER_TICK; i++) this.ask(port)
    }, TICK_MS / 2)
  }

  private ask(port: number): void {
    const startMs = performance.now()
    get({ host: '127.0.0.1', port, path: '/', agent: this.agent }, response => {
      if (response.statusCode !== 200) this.failed++
      response.resume().on('end', () => this.latencies.push(performance.now() - startMs))
    }).on('error', () => this.failed++)
  }

  /** The 99th percentile of all requests that end within `ms` from now. */
  async p99(ms: number): Promise<number> {
    this.latencies = []
    await delay(ms)
    const sorted = this.latencies.sort((a, b) => a - b)
    return sorted[Math.floor(sorted.length * 0.99)] as number
  }

  stop(): void {
    clearInterval(this.timer)
    this.agent.destroy()
  }
}

test('out within 10 s, less than 1 % of the requests after that, p99 within 1.2 of what it was', async t => {
  const origins = new Worker(new URL('slow-host-origins.ts', import.meta.url))
  const [originPort] = (await once(origins, 'message')) as [number]
  const command = async (what: OriginsCommand): Promise<Record<string, number>> => {
    origins.postMessage(what)
    const [counts] = await once(origins, 'message')
    return counts
  }
  const addresses = Array.from({ length: 10 }, (_, index) => `127.0.9.${index + 1}`)
  const lb_endpoints = addresses.map(address => ({ endpoint: { address: socketAddress(originPort, address) } }))
  const latency = {
    name: 'latency',
    typed_config: {
      '@type': 'type.googleapis.com/outrider.extensions.outlier_detection.latency.v1.Latency',
      enforcing: 100,
    },
  }
  const cluster = staticCluster('origin', 0, {
    load_assignment: { cluster_name: 'origin', endpoints: [{ lb_endpoints }] },
    outlier_detection: { interval: '1s', base_ejection_time: '30s', max_ejection_percent: 20, monitors: [latency] },
  })
  const [port] = (await freePorts(1)) as [number]
  await using proxy = await ProxyProcess.start(bootstrap([httpListener({ port })], [cluster]))
  const load = new Load(port)
  try {
    await delay(3000)
    const healthyMs = await load.p99(10_000)
    await command({ slow: SLOW, slowness: 20 })
    const slowMs = await load.p99(3000)
    await delay(7000)
    await command({})
    const afterMs = await load.p99(10_000)
    const counts = await command({})
    const total = Object.values(counts).reduce((sum, count) => sum + count, 0)
    const share = (counts[SLOW] ?? 0) / total
    const figures = { healthyMs, slowMs, afterMs, share, perSecond: total / 10 }
    t.diagnostic(JSON.stringify(figures))
    const stats = await proxy.stats('outlier_detection')
    assert.ok(healthyMs < BUSY_MS, `the machine is too busy to tell: ${JSON.stringify(figures)}`)
    assert.ok(total > 9000, `the load was ${total} requests in 10 s, not 10,000`)
    assert.equal(load.failed, 0)
    assert.ok(slowMs > 3 * healthyMs, 'the slow host was felt at first')
    assert.ok(share < 0.01, JSON.stringify(figures))
    assert.ok(afterMs <= 1.2 * healthyMs, JSON.stringify(figures))
    assert.equal(
      stats.get('cluster.origin.outlier_detection.ejections_enforced_total'),
      1,
      'no healthy host was put out',
    )
  } finally {
    load.stop()
    await origins.terminate()
  }
})
