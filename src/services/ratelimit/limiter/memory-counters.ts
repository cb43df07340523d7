// HOT FILE (docs/hot-path.md): counters in this process. Everything happens within one call, so nothing can come between.
import { type StatBlock, type StatStore, statTemplate } from '../../../observability/index.ts'
import { type Count, type CountCallbacks, type CounterStore, slidingUse, type WindowKind } from './counter-store.ts'

const MEMORY_STATS = statTemplate({ counters: ['evicted'], gauges: ['counters'] })
const EVICTED = MEMORY_STATS.slot('evicted')
const COUNTERS = MEMORY_STATS.slot('counters')

/** Lengths of windows at once: those of the units, and what multipliers in requests may add. */
const MAX_WINDOWS = 64

interface Counter {
  hits: number
}

/** The counters of all limits whose windows are of one length: they begin and end together, so they are dropped together. */
class Window {
  start = 0
  counters = new Map<string, Counter>()
  previous: Map<string, Counter> | null = null
}

export interface MemorySettings {
  readonly window: WindowKind
  /** Counters per length of window. When there are more, the oldest are forgotten. */
  readonly maxCounters: number
  /** Nothing is added for a request that is over one of its limits, but to that limit. */
  readonly stopWhenOver: boolean
}

export class MemoryCounters implements CounterStore {
  readonly connected = true
  readonly settled = Promise.resolve()
  onConnectedChanged: (() => void) | null = null
  private readonly settings: MemorySettings
  private readonly windows = new Map<number, Window>()
  private readonly stats: StatBlock

  constructor(settings: MemorySettings, stats: StatStore) {
    this.settings = settings
    this.stats = stats.block('ratelimit.memory.', MEMORY_STATS)
  }

  count(counts: readonly Count[], nowMs: number, _anyOver: boolean, callbacks: CountCallbacks): void {
    const sliding = this.settings.window === 'sliding'
    // No cache of over-limit keys stands before memory, so nothing is known to be over before it is counted.
    const anyOver = this.settings.stopWhenOver && this.wouldExceed(counts)
    for (let i = 0; i < counts.length; i++) {
      const count = counts[i]!
      const window = this.windowOf(count)
      if (sliding) this.addSliding(count, window, nowMs)
      else this.addFixed(count, window, anyOver)
    }
    callbacks.onCounted(null)
  }

  close(): void {}

  private addFixed(count: Count, window: Window, anyOver: boolean): void {
    const counter = this.counterOf(window, count.key)
    const { hits, limit } = count
    count.before = counter.hits
    if (anyOver && counter.hits + hits <= limit.requestsPerUnit) {
      count.after = counter.hits
      return
    }
    counter.hits = Math.min(Math.max(0, counter.hits + hits), Number.MAX_SAFE_INTEGER)
    count.after = counter.hits
  }

  /** Only hits that pass are counted: who goes on knocking is let in again as the window moves. */
  private addSliding(count: Count, window: Window, nowMs: number): void {
    const { hits, limit, key } = count
    const counter = this.counterOf(window, key)
    const previous = window.previous?.get(key)?.hits ?? 0
    const windowMs = limit.windowSeconds * 1000
    const elapsedMs = Math.min(Math.max(0, nowMs - window.start * 1000), windowMs)
    const used = slidingUse(previous, counter.hits, elapsedMs, windowMs)
    if (used + hits > limit.requestsPerUnit) {
      count.before = Math.max(used, limit.requestsPerUnit)
      count.after = count.before + Math.max(hits, 1)
      return
    }
    counter.hits = Math.max(0, counter.hits + hits)
    count.before = used
    count.after = Math.max(0, used + hits)
  }

  private wouldExceed(counts: readonly Count[]): boolean {
    for (let i = 0; i < counts.length; i++) {
      const count = counts[i]!
      const used = this.windowOf(count).counters.get(count.key)?.hits ?? 0
      if (used + count.hits > count.limit.requestsPerUnit) return true
    }
    return false
  }

  private windowOf({ limit, windowStart }: Count): Window {
    const { windowSeconds } = limit
    let window = this.windows.get(windowSeconds)
    if (window === undefined) {
      if (this.windows.size >= MAX_WINDOWS) this.forgetWindow()
      window = new Window()
      window.start = windowStart
      this.windows.set(windowSeconds, window)
    }
    // A clock that was set back does not bring old windows back.
    if (windowStart > window.start) this.turn(window, windowStart, windowSeconds)
    return window
  }

  private turn(window: Window, windowStart: number, windowSeconds: number): void {
    const adjacent = this.settings.window === 'sliding' && windowStart === window.start + windowSeconds
    this.stats.cells[COUNTERS]! -= window.counters.size
    window.previous = adjacent ? window.counters : null
    window.counters = new Map()
    window.start = windowStart
  }

  private forgetWindow(): void {
    for (const [seconds, window] of this.windows) {
      this.stats.cells[COUNTERS]! -= window.counters.size
      this.stats.cells[EVICTED]! += window.counters.size
      this.windows.delete(seconds)
      return
    }
  }

  private counterOf(window: Window, key: string): Counter {
    const { counters } = window
    let counter = counters.get(key)
    if (counter !== undefined) return counter
    const { cells } = this.stats
    if (counters.size >= this.settings.maxCounters) {
      for (const oldest of counters.keys()) {
        counters.delete(oldest)
        cells[EVICTED]! += 1
        cells[COUNTERS]! -= 1
        break
      }
    }
    counter = { hits: 0 }
    counters.set(key, counter)
    cells[COUNTERS]! += 1
    return counter
  }
}
