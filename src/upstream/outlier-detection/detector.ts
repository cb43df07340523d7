// Outlier detection of one cluster: decides who is put out of the balancers, and for how long. Lives on main.
import { Timer, type TimerOwner } from '../../base/index.ts'
import type { ThreadContext } from '../../net/index.ts'
import type { StatBlock } from '../../observability/index.ts'
import { DegradedOutlierDetection, FailedOutlierCheck } from '../health.ts'
import type { OutlierCellsReport } from './cells.ts'
import { type OutlierEvent, type OutlierEventLog, outlierEventLine } from './events.ts'
import type { ConsecutiveKind } from './host-recorder.ts'
import { LatencyWatch } from './latency/latency-watch.ts'
import { OutlierHost } from './outlier-host.ts'
import {
  type EjectionType,
  ENFORCING,
  IN_A_ROW,
  type OutlierPlan,
  type OutlierSetting,
  outlierSetting,
} from './outlier-plan.ts'
import { detectedName, enforcedName, LATENCY_STATS, OUTLIER_STATS } from './stats.ts'
import { type HostRate, type RateThreshold, rateThreshold } from './success-rate.ts'

const INTERVAL_TIMER = 0

export interface OutlierEnvironment {
  readonly thread: ThreadContext
  readonly clusterName: string
  /** 'cluster.<name>.' */
  readonly statPrefix: string
  readonly log: OutlierEventLog | null
  /** Sets and clears health flags of a host; everybody hears of it. */
  setHealth(key: string, set: number, clear: number): void
  /** Failures in a row begin anew. */
  resetConsecutive(key: string): void
}

/** Percent; -1: not enough requests or hosts. */
export interface RateSummary {
  readonly average: number
  readonly threshold: number
}

const NO_RATES: RateSummary = { average: -1, threshold: -1 }
const slot = (name: string): number => OUTLIER_STATS.slot(name)
const ACTIVE = slot('ejections_active')
const ENFORCED_TOTAL = slot('ejections_enforced_total')

/** External answers, and what arises here. */
export type Origin = 'external' | 'local'

export class OutlierDetector implements TimerOwner {
  readonly plan: OutlierPlan
  readonly hosts = new Map<string, OutlierHost>()
  readonly rates: Record<Origin, RateSummary> = { external: NO_RATES, local: NO_RATES }
  private readonly environment: OutlierEnvironment
  private readonly stats: StatBlock
  private readonly timer = new Timer(this, INTERVAL_TIMER)
  private readonly latency: LatencyWatch | null

  constructor(plan: OutlierPlan, environment: OutlierEnvironment) {
    this.plan = plan
    this.environment = environment
    const { thread, statPrefix } = environment
    this.stats = thread.stats.block(`${statPrefix}outlier_detection.`, OUTLIER_STATS)
    this.stats.cells[ACTIVE] = 0
    this.latency = plan.latency === null ? null : new LatencyWatch(plan.latency, this, environment)
    thread.clock.update()
    this.arm()
  }

  private setting(name: OutlierSetting): number {
    return outlierSetting(this.plan, this.environment.thread.runtime.snapshot, name)
  }

  private arm(): void {
    this.environment.thread.timers.arm(this.timer, Math.max(this.setting('interval_ms'), 1))
  }

  // ---- hosts

  /** The cluster has these hosts now: their keys, and the addresses that the event log prints. */
  update(hosts: ReadonlyMap<string, string>): void {
    for (const [key, address] of hosts) if (!this.hosts.has(key)) this.hosts.set(key, new OutlierHost(key, address))
    for (const [key, host] of this.hosts) {
      if (hosts.has(key)) continue
      if (host.ejection.ejected) this.stats.cells[ACTIVE]! -= 1
      this.hosts.delete(key)
    }
  }

  addCells({ key, workerIndex, cells }: OutlierCellsReport): void {
    this.hosts.get(key)?.addCells(workerIndex, cells)
  }

  onWorkerGone(workerIndex: number): void {
    for (const host of this.hosts.values()) host.dropCells(workerIndex)
  }

  // ---- what workers and health checks report

  onConsecutive(key: string, kind: ConsecutiveKind): void {
    const host = this.hosts.get(key)
    if (host === undefined || host.ejection.ejected) return
    const inARow = this.setting(IN_A_ROW[kind])
    this.detect(host, kind, { eject_consecutive_event: {} }, { in_a_row: inARow })
    if (kind === 'CONSECUTIVE_5XX') this.stats.cells[slot('ejections_consecutive_5xx')]! += 1
  }

  /** An answer said x-envoy-degraded: the host is used less for as long as it would be put out. */
  onDegraded(key: string): void {
    const host = this.hosts.get(key)
    if (host === undefined || !this.plan.detectDegraded || host.degradedAtMs >= 0) return
    host.degradedAtMs = this.environment.thread.clock.now
    host.ejection.grow(this.setting('base_ejection_time_ms'), this.maxEjectionMs())
    this.stats.cells[slot('ejections_detected_degradation')]! += 1
    this.environment.setHealth(key, DegradedOutlierDetection, 0)
    this.log(host, 'DEGRADED', 'EJECT', true, { eject_consecutive_event: {} })
  }

  /** A check has passed: whoever was put out for what its traffic said may return. */
  onHealthCheckPassed(key: string): void {
    const host = this.hosts.get(key)
    if (this.plan.unejectOnHealthCheck && host?.ejection.ejected === true) this.uneject(host)
  }

  // ---- ejecting

  /** A host is an outlier: counts that, and puts it out if the limits and the dice allow. `numbers`: for explanations. */
  detect(host: OutlierHost, type: EjectionType, detail: object, numbers: object = detail): void {
    this.count(detectedName(type), type)
    const { cells } = this.stats
    if (!this.mayEject()) {
      cells[slot('ejections_overflow')]! += 1
      return
    }
    if (type === 'CONSECUTIVE_5XX' || type === 'SUCCESS_RATE') cells[slot('ejections_total')]! += 1
    const { thread } = this.environment
    const enforced = thread.random() * 100 < this.enforcing(type)
    if (enforced) this.eject(host, type)
    host.lastDetection = { type, atMs: thread.clock.now, enforced, detail: numbers }
    this.log(host, type, 'EJECT', enforced, detail)
  }

  private enforcing(type: EjectionType): number {
    if (type !== 'LATENCY') return this.setting(ENFORCING[type])
    const { snapshot } = this.environment.thread.runtime
    return snapshot.getNumber('outlier_detection.enforcing_latency', this.plan.latency?.enforcing ?? 0)
  }

  private mayEject(): boolean {
    const active = this.stats.cells[ACTIVE] as number
    if (this.plan.alwaysEjectOneHost && active === 0) return true
    return (100 * (active + 1)) / this.hosts.size <= Math.min(100, this.setting('max_ejection_percent'))
  }

  private eject(host: OutlierHost, type: EjectionType): void {
    const { thread } = this.environment
    const jitterMs = thread.random() * this.setting('max_ejection_time_jitter_ms')
    const baseMs = this.setting('base_ejection_time_ms')
    host.ejection.eject(thread.clock.now, { baseMs, maxMs: this.maxEjectionMs() }, jitterMs)
    this.stats.cells[ACTIVE]! += 1
    this.stats.cells[ENFORCED_TOTAL]! += 1
    this.count(enforcedName(type), type)
    this.environment.setHealth(host.key, FailedOutlierCheck, 0)
  }

  private uneject(host: OutlierHost): void {
    const { thread } = this.environment
    this.stats.cells[ACTIVE]! -= 1
    const sinceMs = thread.clock.now - host.ejection.ejectedAtMs
    host.ejection.uneject(thread.clock.now)
    this.environment.resetConsecutive(host.key)
    this.environment.setHealth(host.key, 0, FailedOutlierCheck)
    // Envoy names the first type whatever the host was put out for.
    this.log(host, 'CONSECUTIVE_5XX', 'UNEJECT', false, {}, sinceMs)
  }

  private maxEjectionMs(): number {
    return Math.max(this.setting('max_ejection_time_ms'), 0)
  }

  private count(name: string, type: EjectionType): void {
    if (type !== 'LATENCY') this.stats.cells[slot(name)]! += 1
    else {
      const { thread, statPrefix } = this.environment
      thread.stats.block(`${statPrefix}outlier_detection.`, LATENCY_STATS).cells[LATENCY_STATS.slot(name)]! += 1
    }
  }

  private log(
    host: OutlierHost,
    type: OutlierEvent['type'],
    action: OutlierEvent['action'],
    enforced: boolean,
    detail: object,
    sinceLastMs: number | null = this.sinceUnejected(host),
  ): void {
    const { log, clusterName, thread } = this.environment
    if (log === null) return
    const { count } = host.ejection
    const wallMs = thread.clock.wallMs()
    const { address } = host
    log.write(
      outlierEventLine({ type, wallMs, sinceLastMs, clusterName, address, action, ejections: count, enforced, detail }),
    )
  }

  private sinceUnejected({ ejection: { unejectedAtMs } }: OutlierHost): number | null {
    return unejectedAtMs < 0 ? null : this.environment.thread.clock.now - unejectedAtMs
  }

  // ---- every interval

  onTimer(_kind: number): void {
    this.sweep()
    this.arm()
  }

  /** Hosts return, and those are judged that took traffic in the interval now over. */
  private sweep(): void {
    const { thread } = this.environment
    const baseMs = this.setting('base_ejection_time_ms')
    const times = { baseMs, maxMs: this.maxEjectionMs() }
    for (const host of this.hosts.values()) {
      host.closeInterval()
      const { ejection } = host
      if (host.degradedAtMs >= 0 && thread.clock.now - host.degradedAtMs >= ejection.durationMs(times)) {
        this.endDegraded(host)
      }
      if (!ejection.ejected) ejection.decay(thread.clock.now, this.setting('interval_ms'))
      else if (thread.clock.now - ejection.ejectedAtMs >= ejection.durationMs(times)) this.uneject(host)
    }
    this.judgeRates('external', 'SUCCESS_RATE', 'FAILURE_PERCENTAGE')
    if (this.plan.splitLocalOrigin) {
      this.judgeRates('local', 'SUCCESS_RATE_LOCAL_ORIGIN', 'FAILURE_PERCENTAGE_LOCAL_ORIGIN')
    }
  }

  private endDegraded(host: OutlierHost): void {
    host.degradedAtMs = -1
    this.environment.setHealth(host.key, 0, DegradedOutlierDetection)
    this.log(host, 'CONSECUTIVE_5XX', 'UNEJECT', false, {}, null)
  }

  private judgeRates(
    origin: Origin,
    rateType: 'SUCCESS_RATE' | 'SUCCESS_RATE_LOCAL_ORIGIN',
    percentageType: 'FAILURE_PERCENTAGE' | 'FAILURE_PERCENTAGE_LOCAL_ORIGIN',
  ): void {
    this.rates[origin] = NO_RATES
    const rateVolume = this.setting('success_rate_request_volume')
    const percentageVolume = this.setting('failure_percentage_request_volume')
    const minimum = Math.min(
      this.setting('success_rate_minimum_hosts'),
      this.setting('failure_percentage_minimum_hosts'),
    )
    const forRate: HostRate[] = []
    const forPercentage: HostRate[] = []
    for (const host of this.hosts.values()) {
      host.rates[origin] = -1
      const { total, success } = host.interval(origin)
      // Of a cluster too small for either rule nothing is told.
      if (host.ejection.ejected || total === 0 || this.hosts.size < minimum) continue
      const rate = (100 * success) / total
      if (total >= Math.min(rateVolume, percentageVolume)) host.rates[origin] = rate
      if (total >= rateVolume) forRate.push({ key: host.key, rate })
      if (total >= percentageVolume) forPercentage.push({ key: host.key, rate })
    }
    if (forRate.length > 0 && forRate.length >= this.setting('success_rate_minimum_hosts')) {
      const numbers = rateThreshold(forRate, this.setting('success_rate_stdev_factor'))
      this.rates[origin] = numbers
      for (const host of forRate) if (host.rate < numbers.threshold) this.onLowRate(host, rateType, numbers)
    }
    if (forPercentage.length === 0 || forPercentage.length < this.setting('failure_percentage_minimum_hosts')) return
    const threshold = this.setting('failure_percentage_threshold')
    for (const { key, rate } of forPercentage) {
      const host = this.hosts.get(key) as OutlierHost
      if (100 - rate < threshold || host.ejection.ejected) continue
      this.detect(host, percentageType, { eject_failure_percentage_event: { host_success_rate: Math.trunc(rate) } })
    }
  }

  private onLowRate({ key, rate }: HostRate, type: EjectionType, { average, threshold }: RateThreshold): void {
    this.stats.cells[slot('ejections_success_rate')]! += 1
    this.detect(this.hosts.get(key) as OutlierHost, type, {
      eject_success_rate_event: {
        host_success_rate: Math.trunc(rate),
        cluster_average_success_rate: Math.trunc(average),
        cluster_success_rate_ejection_threshold: Math.trunc(threshold),
      },
    })
  }

  // ---- for explanations

  get nowMs(): number {
    return this.environment.thread.clock.update()
  }

  /** Monotonic ms from which on an ejected host may return. */
  ejectedUntilMs({ ejection }: OutlierHost): number {
    const times = { baseMs: this.setting('base_ejection_time_ms'), maxMs: this.maxEjectionMs() }
    return ejection.ejectedAtMs + ejection.durationMs(times)
  }

  get ejected(): number {
    return this.stats.cells[ACTIVE] as number
  }

  get maxEjectionPercent(): number {
    return this.setting('max_ejection_percent')
  }

  latencyOf(key: string): { readonly ms: number; readonly volume: number } | null {
    return this.latency?.latencyOf(key) ?? null
  }

  /** The cluster goes. */
  close(): void {
    this.environment.thread.timers.disarm(this.timer)
    this.latency?.close()
    this.update(new Map())
  }
}
