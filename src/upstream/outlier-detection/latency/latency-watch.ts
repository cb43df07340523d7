// Watches how long the hosts of one cluster take, and has those detected that are merely slow.
import { Timer, type TimerOwner } from '../../../base/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import type { OutlierHost } from '../outlier-host.ts'
import type { EjectionType } from '../outlier-plan.ts'
import { LATENCY_STATS } from '../stats.ts'
import { type LatencyVerdict, mergeSketches, slowHosts } from './judge.ts'
import type { LatencyPlan } from './latency-plan.ts'
import { LatencySketch } from './sketch.ts'

const INTERVAL_TIMER = 0

/** Who ejects hosts; OutlierDetector. */
export interface Ejector {
  readonly hosts: ReadonlyMap<string, OutlierHost>
  detect(host: OutlierHost, type: EjectionType, detail: object): void
}

export interface LatencyEnvironment {
  readonly thread: ThreadContext
  readonly statPrefix: string
}

interface Watched {
  readonly sketch: LatencySketch
  /** Judgements in a row that found the host slow. */
  slow: number
}

export class LatencyWatch implements TimerOwner {
  private readonly plan: LatencyPlan
  private readonly ejector: Ejector
  private readonly environment: LatencyEnvironment
  private readonly cells: Float64Array
  private readonly timer = new Timer(this, INTERVAL_TIMER)
  private readonly watched = new Map<string, Watched>()
  private lastMs: number

  constructor(plan: LatencyPlan, ejector: Ejector, environment: LatencyEnvironment) {
    const { thread, statPrefix } = environment
    this.plan = plan
    this.ejector = ejector
    this.environment = environment
    this.cells = thread.stats.block(`${statPrefix}outlier_detection.`, LATENCY_STATS).cells
    this.lastMs = thread.clock.update()
    thread.timers.arm(this.timer, plan.intervalMs)
  }

  onTimer(_kind: number): void {
    const { thread } = this.environment
    const { now } = thread.clock
    this.collect(0.5 ** ((now - this.lastMs) / this.plan.halfLifeMs))
    this.lastMs = now
    this.judge()
    thread.timers.arm(this.timer, this.plan.intervalMs)
  }

  private collect(factor: number): void {
    const { hosts } = this.ejector
    for (const key of this.watched.keys()) if (!hosts.has(key)) this.watched.delete(key)
    for (const [key, host] of hosts) {
      let watched = this.watched.get(key)
      if (watched === undefined) this.watched.set(key, (watched = { sketch: new LatencySketch(), slow: 0 }))
      watched.sketch.decay(factor)
      host.takeLatencies(watched.sketch)
    }
  }

  private judge(): void {
    const { plan, ejector } = this
    const present = [...this.watched].filter(([key]) => ejector.hosts.get(key)?.ejection.ejected === false)
    const candidates = present.map(([key, { sketch }]) => ({ key, sketch }))
    this.cells[LATENCY_STATS.slot('latency_quantile_us')] = Math.round(
      mergeSketches(candidates).quantileMs(plan.quantile) * 1000,
    )
    const verdicts = new Map(slowHosts(plan, candidates).map(verdict => [verdict.key, verdict]))
    for (const [key, watched] of present) {
      const verdict = verdicts.get(key)
      if (verdict === undefined) watched.slow = 0
      else this.onSlow(ejector.hosts.get(key) as OutlierHost, watched, verdict)
    }
  }

  private onSlow(host: OutlierHost, watched: Watched, verdict: LatencyVerdict): void {
    const { plan } = this
    watched.slow++
    // A host that was out for being slow before, and is again, need not prove it as often.
    const known = host.lastDetection?.type === 'LATENCY' && host.lastDetection.enforced
    if (watched.slow < (known ? 1 : plan.confirmations)) return
    watched.slow = 0
    const round = (ms: number): number => Math.round(ms * 1000) / 1000
    this.ejector.detect(host, 'LATENCY', {
      eject_latency_event: {
        quantile: plan.quantile,
        host_latency_ms: round(verdict.hostMs),
        others_latency_ms: round(verdict.othersMs),
        threshold_factor: plan.factor,
        request_volume: Math.floor(verdict.volume),
      },
    })
    // What it did before it was put out says nothing about how it is when it returns.
    if (host.ejection.ejected) watched.sketch.clear()
  }

  /** For explanations: the host's quantile in ms and what it rests on; null when nothing is known of it. */
  latencyOf(key: string): { readonly ms: number; readonly volume: number } | null {
    const sketch = this.watched.get(key)?.sketch
    if (sketch === undefined || sketch.volume === 0) return null
    return { ms: sketch.quantileMs(this.plan.quantile), volume: sketch.volume }
  }

  close(): void {
    this.environment.thread.timers.disarm(this.timer)
    this.watched.clear()
    this.cells[LATENCY_STATS.slot('latency_quantile_us')] = 0
  }
}
