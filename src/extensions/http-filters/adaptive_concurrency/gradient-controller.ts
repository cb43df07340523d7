// HOT FILE (docs/hot-path.md): how many requests may be under way, from how long they take.
import type { ControllerState } from './controller-state.ts'
import type { ControllerStats } from './controller-stats.ts'
import type { GradientSettings } from './settings.ts'

/** So often at the least limit in a row, and minRTT is measured again: it must be wrong. */
const MOST_TIMES_AT_MINIMUM = 5
const NEVER = Number.POSITIVE_INFINITY
const LEAST_GRADIENT = 0.5
const MOST_GRADIENT = 2

/** Counts requests under way over all workers, up to a limit. */
export interface Outstanding {
  tryAdd(limit: number): boolean
  remove(): void
}

/**
 * Envoy's gradient controller. One state for all workers; moments are in ms of their common clock. What is due at a
 * moment is done by whoever comes first behind it: a worker with a request, or the timer of the first worker.
 */
export class GradientController {
  private readonly settings: GradientSettings
  private readonly state: ControllerState
  private readonly stats: ControllerStats
  private readonly outstanding: Outstanding
  private readonly random: () => number

  constructor(
    settings: GradientSettings,
    state: ControllerState,
    stats: ControllerStats,
    outstanding: Outstanding,
    random: () => number,
  ) {
    this.settings = settings
    this.state = state
    this.stats = stats
    this.outstanding = outstanding
    this.random = random
  }

  /** Every worker calls it; the first one begins. */
  start(nowMs: number): void {
    const { state, settings, stats } = this
    if (!state.claim(nowMs)) return
    const { fixedMinRttMs } = settings
    state.sampleDeadlineMs = nowMs + settings.updateIntervalMs
    state.minRttDeadlineMs = NEVER
    if (fixedMinRttMs > 0) {
      state.limit = settings.minLimit
      state.minRttUs = fixedMinRttMs * 1000
      stats.set('min_rtt_msecs', fixedMinRttMs)
    } else {
      state.limit = settings.minConcurrency
      this.beginMeasurement(nowMs)
    }
    stats.set('concurrency_limit', state.limit)
    state.ready()
    state.unlock()
  }

  /** Whether one more request may go on; if so, `record` or `cancel` follows. */
  admit(nowMs: number): boolean {
    this.advance(nowMs)
    if (this.outstanding.tryAdd(this.state.limit)) return true
    this.stats.countBlocked()
    return false
  }

  /** A request that was admitted at `sinceMs` has been answered. */
  record(sinceMs: number, nowMs: number): void {
    this.outstanding.remove()
    this.advance(nowMs)
    const { state, settings } = this
    if (sinceMs < state.epochMs) return
    const count = state.latencies.record(Math.floor((nowMs - sinceMs) * 1000))
    if (state.deferredLimit === 0 || count < settings.requestCount || !state.current || !state.tryLock(nowMs)) return
    if (state.deferredLimit > 0 && state.latencies.count >= settings.requestCount) this.endMeasurement(nowMs)
    state.unlock()
  }

  /** A request that was admitted has come to nothing. */
  cancel(): void {
    this.outstanding.remove()
  }

  /** Does what is due; tells when there is something again, in ms of the common clock. */
  advance(nowMs: number): number {
    const { state } = this
    const due = nowMs >= state.sampleDeadlineMs || nowMs >= state.minRttDeadlineMs
    if (due && state.current && state.tryLock(nowMs)) {
      if (nowMs >= state.sampleDeadlineMs) this.endSampleWindow(nowMs)
      if (nowMs >= state.minRttDeadlineMs) this.beginMeasurement(nowMs)
      state.unlock()
    }
    return Math.min(state.sampleDeadlineMs, state.minRttDeadlineMs)
  }

  private beginMeasurement(nowMs: number): void {
    const { state, settings, stats } = this
    stats.set('min_rtt_calculation_active', 1)
    state.minRttDeadlineMs = NEVER
    state.sampleDeadlineMs = NEVER
    state.deferredLimit = state.limit
    this.setLimit(settings.minConcurrency, nowMs)
    state.latencies.clear()
    state.epochMs = nowMs
  }

  private endMeasurement(nowMs: number): void {
    const { state, settings, stats } = this
    state.minRttUs = state.latencies.takeQuantile(settings.sampleQuantile)
    stats.set('min_rtt_msecs', state.minRttUs / 1000)
    this.setLimit(state.deferredLimit, nowMs)
    state.deferredLimit = 0
    stats.set('min_rtt_calculation_active', 0)
    const interval = settings.minRttIntervalMs
    const mostJitterMs = Math.ceil(interval * settings.jitter)
    state.minRttDeadlineMs = nowMs + interval + Math.floor(this.random() * mostJitterMs)
    state.sampleDeadlineMs = nowMs + settings.updateIntervalMs
  }

  private endSampleWindow(nowMs: number): void {
    const { state, settings, stats } = this
    state.sampleDeadlineMs = nowMs + settings.updateIntervalMs
    if (state.latencies.count === 0) return
    const sampleUs = state.latencies.takeQuantile(settings.sampleQuantile)
    stats.set('sample_rtt_msecs', sampleUs / 1000)
    const buffered = state.minRttUs * (1 + settings.buffer)
    const gradient = sampleUs === 0 ? MOST_GRADIENT : clamp(buffered / sampleUs)
    stats.set('gradient', gradient * 1000)
    const limit = state.limit * gradient
    const headroom = Math.sqrt(limit)
    stats.set('burst_queue_size', headroom)
    this.setLimit(Math.max(Math.min(Math.floor(limit + headroom), settings.maxLimit), settings.minLimit), nowMs)
  }

  private setLimit(limit: number, nowMs: number): void {
    const { state, settings, stats } = this
    const before = state.limit
    state.limit = limit
    stats.set('concurrency_limit', limit)
    const least = settings.minLimit
    const stays = state.deferredLimit === 0 && before === least && limit === least
    state.timesAtMinimum = stays ? state.timesAtMinimum + 1 : 0
    if (state.timesAtMinimum >= MOST_TIMES_AT_MINIMUM && settings.fixedMinRttMs === 0) state.minRttDeadlineMs = nowMs
  }
}

const clamp = (gradient: number): number => Math.max(Math.min(gradient, MOST_GRADIENT), LEAST_GRADIENT)
