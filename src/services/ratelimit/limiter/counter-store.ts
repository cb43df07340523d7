import type { Limit } from './limit.ts'

/** One counter that a request moves. The store fills in `before` and `after`. */
export class Count {
  readonly limit: Limit
  /** The counter's name without its window: 'domain_key_value_'. */
  readonly key: string
  /** Begin of the window, in seconds since the epoch. */
  readonly windowStart: number
  /** Negative: given back. */
  readonly hits: number
  before = 0
  after = 0

  constructor(limit: Limit, key: string, windowStart: number, hits: number) {
    this.limit = limit
    this.key = key
    this.windowStart = windowStart
    this.hits = hits
  }
}

export interface CountCallbacks {
  /** All counts have been filled in; with a message: nothing is known about them. */
  onCounted(failure: string | null): void
}

export type WindowKind = 'fixed' | 'sliding'

/** Where counters live. Hits are added at once and exactly, however many callers there are. */
export interface CounterStore {
  /** `nowMs`: wall time of the request. `anyOver`: another limit of it is over already. May answer within the call. */
  count(counts: readonly Count[], nowMs: number, anyOver: boolean, callbacks: CountCallbacks): void
  /** Resolves when it is known for the first time whether counts can be had. */
  readonly settled: Promise<void>
  /** Whether counts can be had right now. */
  readonly connected: boolean
  /** Told when `connected` changes. */
  onConnectedChanged: (() => void) | null
  close(): void
}

/**
 * Hits of a sliding window: those of this window, and of the one before as many as overlap if they were spread evenly.
 * Rounded up, so that no more pass than the limit says.
 */
export function slidingUse(previous: number, current: number, elapsedMs: number, windowMs: number): number {
  return Math.ceil(previous * (1 - elapsedMs / windowMs)) + current
}
