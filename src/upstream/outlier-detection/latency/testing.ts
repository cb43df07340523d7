// Test kit: a cluster's traffic in simulated time, through the real detector. bench/latency-outlier-simulation.ts too.
import { Clock, type TickSource, TimerWheel } from '../../../base/index.ts'
import { runtimeSnapshot } from '../../../config/index.ts'
import { testThread } from '../../../net/testing.ts'
import { FailedOutlierCheck } from '../../health.ts'
import { seededRandom } from '../../testing.ts'
import { outlierCells } from '../cells.ts'
import { OutlierDetector } from '../detector.ts'
import { HostRecorder } from '../host-recorder.ts'
import { OUTLIER_DEFAULTS } from '../outlier-plan.ts'
import { LATENCY_DEFAULTS, type LatencyPlan } from './latency-plan.ts'

/** Ms that one request to a host takes; `random` is uniform in [0, 1). */
export type LatencyModel = (host: number, atS: number, random: () => number) => number

export interface Simulation {
  readonly model: LatencyModel
  readonly hosts?: number
  readonly requestsPerSecond?: number
  readonly seconds: number
  /** From this second on, the first host takes `slowness` times as long. */
  readonly slowFromS?: number
  readonly slowness?: number
  readonly seed?: number
  readonly latency?: Partial<LatencyPlan>
}

export interface SimulationResult {
  /** Ejections of hosts other than the slow one. */
  readonly falseEjections: number
  /** Seconds from the moment a host turned slow to its first ejection; -1: never. */
  readonly detectedAfterS: number
  /** Its share of the requests from ten seconds after it turned slow to the end. */
  readonly slowShare: number
  /** 99th percentile of latency in the same time. */
  readonly p99Ms: number
}

const STEP_MS = 100

function quantile(values: readonly number[], q: number): number {
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.min(Math.floor(q * sorted.length), sorted.length - 1)] ?? 0
}

/** Plays traffic: hosts take turns, those that are ejected none. */
export function simulate(options: Simulation): SimulationResult {
  const { model, hosts = 10, requestsPerSecond = 1000, seconds, slowness = 20 } = options
  const slowFromS = options.slowFromS ?? Number.POSITIVE_INFINITY
  const random = seededRandom(options.seed ?? 1)
  let nowMs = 0
  let tick: () => void = () => undefined
  const ticks: TickSource = {
    start: (_ms, run) => {
      tick = run
    },
    stop: () => undefined,
  }
  const clock = new Clock({ monotonicMs: () => nowMs, wallMs: () => nowMs })
  const runtime = { snapshot: runtimeSnapshot([]) }
  const thread = { ...testThread(), clock, timers: new TimerWheel(clock, ticks, STEP_MS), random, runtime }
  const plan = {
    settings: OUTLIER_DEFAULTS,
    splitLocalOrigin: false,
    unejectOnHealthCheck: true,
    alwaysEjectOneHost: false,
    detectDegraded: false,
    errorMatcher: null,
    latency: { ...LATENCY_DEFAULTS, enforcing: 100, ...options.latency },
  }
  const out = new Array<boolean>(hosts).fill(false)
  const result = { falseEjections: 0, detectedAfterS: -1 }
  const detector = new OutlierDetector(plan, {
    thread,
    clusterName: 'c',
    statPrefix: 'cluster.c.',
    log: null,
    resetConsecutive: () => undefined,
    setHealth: (key, set) => {
      const host = Number(key)
      out[host] = (set & FailedOutlierCheck) !== 0
      if (!out[host]) return
      if (host !== 0 || nowMs < slowFromS * 1000) result.falseEjections++
      else if (result.detectedAfterS < 0) result.detectedAfterS = nowMs / 1000 - slowFromS
    },
  })
  const keys = Array.from({ length: hosts }, (_, i) => String(i))
  detector.update(new Map(keys.map(key => [key, key])))
  const recorders = keys.map(key => {
    const cells = new Int32Array(outlierCells(true))
    detector.addCells({ cluster: 'c', key, workerIndex: 0, cells })
    return new HostRecorder(plan, runtime, new Int32Array(16), cells, () => undefined)
  })
  // Answers arrive later than their requests: per step, whose they are and what they took.
  const arriving = new Map<number, (readonly [host: number, ms: number])[]>()
  const after: number[] = []
  let slowRequests = 0
  let turn = 0
  for (let step = 0; step * STEP_MS < seconds * 1000; step++) {
    nowMs = step * STEP_MS
    const atS = nowMs / 1000
    for (const [host, ms] of arriving.get(step) ?? []) recorders[host]?.putLatency(ms)
    arriving.delete(step)
    for (let i = 0; i < (requestsPerSecond * STEP_MS) / 1000; i++) {
      do turn = (turn + 1) % hosts
      while (out[turn])
      const slow = turn === 0 && atS >= slowFromS
      const ms = model(turn, atS, random) * (slow ? slowness : 1)
      const lands = step + 1 + Math.floor(ms / STEP_MS)
      const landing = arriving.get(lands)
      if (landing === undefined) arriving.set(lands, [[turn, ms]])
      else landing.push([turn, ms])
      if (atS < slowFromS + 10) continue
      after.push(ms)
      if (turn === 0) slowRequests++
    }
    tick()
  }
  detector.close()
  return {
    ...result,
    slowShare: after.length === 0 ? 0 : slowRequests / after.length,
    p99Ms: quantile(after, 0.99),
  }
}

/** Standard normal, by Box and Muller. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}
const logNormal = (medianMs: number, sigma: number, random: () => number): number =>
  medianMs * Math.exp(sigma * normal(random))

/** Kinds of latency that fool simpler rules. */
export const LATENCY_MODELS: Readonly<Record<string, LatencyModel>> = {
  /** A cache that misses four times in ten. */
  bimodal: (_host, _atS, random) => (random() < 0.6 ? logNormal(3, 0.3, random) : logNormal(40, 0.3, random)),
  /** Pareto: one request in a hundred takes 20 times as long as most. */
  'heavy-tailed': (_host, _atS, random) => 3 / (1 - random()) ** (1 / 1.5),
  /** Load that comes and goes, and hosts that differ by half, each in its own rhythm. */
  drifting: (host, atS, random) => {
    const load = 1 + 0.8 * Math.sin((2 * Math.PI * atS) / 600)
    const own = 1 + 0.5 * Math.sin((2 * Math.PI * atS) / (200 + 37 * host) + host)
    return logNormal(8 * load * own, 0.5, random)
  },
  /** Every host stands still for 300 ms about every 20 s, and all its requests with it. */
  pausing: (host, atS, random) => {
    const pauses = (atS + host * 2.3) % 20 < 0.3
    return logNormal(5, 0.4, random) + (pauses ? 300 : 0)
  },
}
