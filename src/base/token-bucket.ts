// HOT FILE (docs/hot-path.md): a token bucket in one 64-bit cell that any number of threads may share.
import type { Clock } from './clock.ts'
import { SHARED_CLOCK_OFFSET_MS } from './shared-clock.ts'

export interface TokenBucketSettings {
  /** 0: nothing is ever let through. */
  readonly maxTokens: number
  readonly tokensPerFill: number
  readonly fillIntervalMs: number
}

/** A double and its bits, to read and compare-and-swap one as the other. (22 ns per take; bench: token-bucket) */
const doubles = new Float64Array(2)
const bits = new BigInt64Array(doubles.buffer)

/** What is lost when moments are added and subtracted as doubles, and read by several threads. */
const TOLERANCE = 1e-6

/**
 * Tokens come smoothly at `tokensPerFill` per `fillIntervalMs`, up to `maxTokens`. The cell holds the moment at which the
 * bucket was, or would have been, empty: the tokens of now follow from it, and there is nothing to add to by a timer.
 */
export class TokenBucket {
  readonly maxTokens: number
  /** Tokens per ms. */
  readonly rate: number
  private readonly cells: BigInt64Array
  private readonly index: number

  /** A cell of 0 is a full bucket. */
  constructor(settings: TokenBucketSettings, cells: BigInt64Array = new BigInt64Array(1), index = 0) {
    this.maxTokens = settings.maxTokens
    this.rate = settings.tokensPerFill / settings.fillIntervalMs
    this.cells = cells
    this.index = index
  }

  /** Takes `count` tokens, all or none. */
  tryTake(clock: Clock, count = 1): boolean {
    // Another thread may have taken a token later than this turn began: before saying no, the time is read afresh.
    return this.takeAt(clock.now, count) || this.takeAt(clock.update(), count)
  }

  private takeAt(nowMs: number, count: number): boolean {
    const now = nowMs + SHARED_CLOCK_OFFSET_MS
    for (;;) {
      const before = Atomics.load(this.cells, this.index)
      const tokens = this.tokensOf(before, now)
      if (tokens < count) return false
      doubles[1] = now - (tokens - count) / this.rate
      if (Atomics.compareExchange(this.cells, this.index, before, bits[1]!) === before) return true
    }
  }

  /** Tokens at `nowMs` (Clock.now), with fractions. */
  available(nowMs: number): number {
    return Math.max(this.tokensOf(Atomics.load(this.cells, this.index), nowMs + SHARED_CLOCK_OFFSET_MS), 0)
  }

  /** Until there is a whole token; 0: there is one. */
  msToNextToken(nowMs: number): number {
    const missing = 1 - this.available(nowMs)
    return missing <= 0 ? 0 : missing / this.rate
  }

  private tokensOf(cell: bigint, now: number): number {
    if (cell === 0n) return this.maxTokens
    bits[0] = cell
    return Math.min(this.maxTokens, (now - doubles[0]!) * this.rate + TOLERANCE)
  }
}
