// The controller under load, in simulated time: requests come at random, an origin serves so many at once, the rest queue.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { GradientControllerConfigJson } from '#api/envoy/extensions/filters/http/adaptive_concurrency/v3/adaptive_concurrency_pb.ts'
import { runtimeSnapshot } from '../../../config/index.ts'
import { ConnectionCounters, SharedCells } from '../../../net/index.ts'
import { testThread } from '../../../net/testing.ts'
import { StatStore } from '../../../observability/index.ts'
import { seededRandom } from '../../../upstream/testing.ts'
import { ControllerState, STATE_CELLS } from './controller-state.ts'
import { CONTROLLER_STATS, type ControllerGauge, ControllerStats } from './controller-stats.ts'
import { GradientController } from './gradient-controller.ts'
import { GradientSettings } from './settings.ts'

const PREFIX = 'gradient_controller.'

interface Worker {
  readonly controller: GradientController
  readonly stats: StatStore
}

/** Controllers of one configuration, as many as there are workers, and what they share. */
class Simulation {
  nowMs = 1000
  readonly workers: readonly Worker[]
  readonly random: () => number
  /** Latencies of the requests that were answered. */
  latencies: number[] = []
  blocked = 0
  mostOutstanding = 0
  private readonly outstanding = { count: 0 }
  private readonly servers: number[]
  private readonly answers: { readonly atMs: number; readonly sinceMs: number; readonly worker: Worker }[] = []

  constructor(config: GradientControllerConfigJson, servers: number, workers = 1, runtime: object = {}, seed = 7) {
    this.random = seededRandom(seed)
    this.servers = new Array(servers).fill(0)
    const memory = SharedCells.allocate(4096)
    const counts = ConnectionCounters.allocate(workers)
    this.workers = Array.from({ length: workers }, (_, i) => {
      const stats = new StatStore()
      const sharedCells = new SharedCells(memory)
      const thread = { ...testThread(), stats, sharedCells }
      const controller = new GradientController(
        new GradientSettings(config, { snapshot: runtimeSnapshot([runtime]) }),
        new ControllerState(sharedCells.piece('c', '', STATE_CELLS), 1),
        new ControllerStats(thread, PREFIX),
        new ConnectionCounters(counts, workers, i).counter('c'),
        this.random,
      )
      controller.start(this.nowMs)
      return { controller, stats }
    })
  }

  gauge(name: ControllerGauge): number {
    const slot = CONTROLLER_STATS.slot(name)
    return this.workers.reduce((sum, { stats }) => sum + stats.block(PREFIX, CONTROLLER_STATS).cells[slot]!, 0)
  }

  /** `perSecond` requests for `seconds`, each `serviceMs` long at the origin. */
  run(seconds: number, perSecond: number, serviceMs: number): void {
    const end = this.nowMs + seconds * 1000
    for (;;) {
      const next = this.nowMs - (Math.log(1 - this.random()) * 1000) / perSecond
      this.answerUntil(Math.min(next, end))
      if (next >= end) break
      this.nowMs = next
      this.arrive(serviceMs)
    }
    this.nowMs = end
  }

  private arrive(serviceMs: number): void {
    const worker = this.workers[Math.floor(this.random() * this.workers.length)]!
    if (!worker.controller.admit(this.nowMs)) {
      this.blocked++
      return
    }
    this.mostOutstanding = Math.max(this.mostOutstanding, ++this.outstanding.count)
    const free = this.servers.indexOf(Math.min(...this.servers))
    const atMs = Math.max(this.servers[free]!, this.nowMs) + serviceMs * (0.9 + this.random() * 0.2)
    this.servers[free] = atMs
    this.answers.push({ atMs, sinceMs: this.nowMs, worker })
    this.answers.sort((a, b) => a.atMs - b.atMs)
  }

  private answerUntil(ms: number): void {
    while (this.answers.length > 0 && this.answers[0]!.atMs <= ms) {
      const { atMs, sinceMs, worker } = this.answers.shift()!
      this.nowMs = atMs
      this.outstanding.count--
      this.latencies.push(atMs - sinceMs)
      worker.controller.record(sinceMs, atMs)
    }
  }

  medianLatencyMs(): number {
    return this.latencies.sort((a, b) => a - b)[this.latencies.length >> 1]!
  }
}

const CONFIG: GradientControllerConfigJson = {
  concurrencyLimitParams: { concurrencyUpdateInterval: '0.1s' },
  minRttCalcParams: { interval: '20s', requestCount: 20, jitter: { value: 10 } },
}

describe('the gradient controller', () => {
  test('an origin that serves ten at once, asked thrice as much: it stays busy and answers soon', () => {
    const simulation = new Simulation(CONFIG, 10)
    simulation.run(5, 1500, 20)
    simulation.latencies = []
    simulation.run(10, 1500, 20)
    assert.ok(simulation.latencies.length > 10 * 500 * 0.9, `answered ${simulation.latencies.length}`)
    assert.ok(simulation.medianLatencyMs() < 60, `median ${simulation.medianLatencyMs()}`)
    const limit = simulation.gauge('concurrency_limit')
    assert.ok(limit >= 10 && limit <= 40, `limit ${limit}`)
    assert.ok(simulation.blocked > 10_000)
  })

  test('an origin with room: the limit rises to the most that is allowed, and none is turned away', () => {
    const config = {
      ...CONFIG,
      concurrencyLimitParams: { concurrencyUpdateInterval: '0.1s', maxConcurrencyLimit: 200 },
    }
    const simulation = new Simulation(config, 1000)
    simulation.run(5, 500, 20)
    assert.equal(simulation.gauge('concurrency_limit'), 200)
    simulation.blocked = 0
    simulation.run(5, 500, 20)
    assert.equal(simulation.blocked, 0)
  })

  test('while minRTT is measured so many go through at once, and the limit comes back', () => {
    const simulation = new Simulation(CONFIG, 10)
    assert.equal(simulation.gauge('min_rtt_calculation_active'), 1)
    simulation.run(0.1, 500, 20)
    assert.equal(simulation.mostOutstanding, 3)
    simulation.run(0.4, 500, 20)
    assert.equal(simulation.gauge('min_rtt_calculation_active'), 0)
    assert.ok(Math.abs(simulation.gauge('min_rtt_msecs') - 20) <= 2)
    simulation.run(19, 500, 20)
    const before = simulation.gauge('concurrency_limit')
    assert.ok(before > 3)
    // 20 s and up to a tenth of that after the first one.
    let seenMs = 0
    for (let ms = 0; ms < 4000 && seenMs === 0; ms += 10) {
      simulation.run(0.01, 500, 20)
      if (simulation.gauge('min_rtt_calculation_active') === 1) seenMs = simulation.nowMs
    }
    assert.ok(seenMs >= 21_000 && seenMs <= 23_500, `second measurement at ${seenMs}`)
    assert.equal(simulation.gauge('concurrency_limit'), 3)
    simulation.run(0.5, 500, 20)
    assert.ok(simulation.gauge('concurrency_limit') > 3)
  })

  test('an origin that has become slow for good: minRTT is measured anew after five windows at the least limit', () => {
    const simulation = new Simulation({ ...CONFIG, minRttCalcParams: { interval: '3600s', requestCount: 20 } }, 1000)
    simulation.run(2, 500, 20)
    assert.ok(Math.abs(simulation.gauge('min_rtt_msecs') - 20) <= 2)
    simulation.run(10, 500, 400)
    assert.ok(Math.abs(simulation.gauge('min_rtt_msecs') - 400) <= 40, `${simulation.gauge('min_rtt_msecs')}`)
    assert.ok(simulation.gauge('concurrency_limit') > 3)
  })

  test('a fixed minRTT is never measured; the least limit is where it begins', () => {
    const config = {
      concurrencyLimitParams: { concurrencyUpdateInterval: '0.1s', minConcurrencyLimit: 10 },
      minRttCalcParams: { fixedValue: '0.005s' },
    }
    const simulation = new Simulation(config, 1000)
    assert.equal(simulation.gauge('min_rtt_calculation_active'), 0)
    assert.equal(simulation.gauge('min_rtt_msecs'), 5)
    assert.equal(simulation.gauge('concurrency_limit'), 10)
    simulation.run(5, 500, 20)
    assert.equal(simulation.gauge('min_rtt_msecs'), 5)
    assert.equal(simulation.gauge('concurrency_limit'), 10)
    assert.equal(simulation.gauge('gradient'), 500)
  })

  test('runtime has the last word', () => {
    const runtime = { 'adaptive_concurrency.gradient_controller.max_concurrency_limit': 50 }
    const simulation = new Simulation(CONFIG, 1000, 1, runtime)
    simulation.run(5, 500, 20)
    assert.equal(simulation.gauge('concurrency_limit'), 50)
  })

  test('workers have one limit, one measurement and gauges that are right in sum', () => {
    const simulation = new Simulation(CONFIG, 10, 4)
    simulation.run(0.1, 1500, 20)
    assert.equal(simulation.mostOutstanding, 3)
    simulation.run(10, 1500, 20)
    const limit = simulation.gauge('concurrency_limit')
    assert.ok(limit >= 10 && limit <= 40, `limit ${limit}`)
    assert.equal(simulation.gauge('min_rtt_calculation_active'), 0)
    assert.ok(Math.abs(simulation.gauge('min_rtt_msecs') - 20) <= 2)
  })
})
