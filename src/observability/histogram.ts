// HOT FILE (docs/hot-path.md): log-linear buckets of three significant decimal digits: at most 0.5 % off at any quantile.
// Pages of 100 buckets (one leading digit of one decade) are allocated when a value first falls into them.

/** Smallest decade kept apart: 10^-3. Below it everything counts as 0. */
const MIN_DECADE = -3
const MAX_DECADE = 12
export const PAGE_BUCKETS = 100
const PAGES = (MAX_DECADE - MIN_DECADE + 1) * 9
/** Page number of values that round to 0. */
export const ZERO_PAGE = PAGES

const POWERS = Array.from({ length: MAX_DECADE - MIN_DECADE + 2 }, (_, i) => 10 ** (i + MIN_DECADE))

/** Gives a histogram shared memory for one page, and tells main of it. */
export type AllocatePage = (page: number) => Float64Array

/** One thread's part of a histogram; only that thread writes it. */
export class Histogram {
  private readonly pages: (Float64Array | null)[] = new Array(PAGES + 1).fill(null)
  private readonly allocate: AllocatePage

  constructor(allocate: AllocatePage) {
    this.allocate = allocate
  }

  /** Counts a value: milliseconds, bytes or a number of things; negative ones count as 0. */
  record(value: number): void {
    let page = ZERO_PAGE
    let bucket = 0
    if (value >= 0.001) {
      let decade = 0
      while (decade < POWERS.length - 2 && value >= POWERS[decade + 1]!) decade++
      // The nudge undoes the rounding of products such as 0.57 * 100.
      const digits = Math.min(Math.floor((value / POWERS[decade]!) * 100 + 1e-9), 999)
      const leading = (digits / 100) | 0
      page = decade * 9 + leading - 1
      bucket = digits - leading * 100
    }
    const cells = this.pages[page] ?? (this.pages[page] = this.allocate(page))
    cells[bucket]! += 1
  }
}

/** Left edge of a bucket. */
export function bucketStart(page: number, bucket: number): number {
  return page === ZERO_PAGE ? 0 : scaled(((page % 9) + 1) * 100 + bucket, page)
}

export function bucketWidth(page: number): number {
  return page === ZERO_PAGE ? 0 : scaled(1, page)
}

/** `digits` times the width of the page's buckets: divided where the factor is a fraction, which keeps 8.29 exact. */
function scaled(digits: number, page: number): number {
  const exponent = Math.floor(page / 9) + MIN_DECADE - 2
  return exponent < 0 ? digits / 10 ** -exponent : digits * 10 ** exponent
}

export interface HistogramBucket {
  /** Values from `start` up to but not including `start + width`. */
  readonly start: number
  /** 0 for the bucket of zeroes. */
  readonly width: number
  readonly count: number
}

/** A merged histogram: counts by page, summed over threads. */
export class HistogramSnapshot {
  readonly pages = new Map<number, Float64Array>()

  add(page: number, cells: Float64Array): void {
    const own = this.pages.get(page)
    if (own === undefined) this.pages.set(page, Float64Array.from(cells))
    else for (let i = 0; i < PAGE_BUCKETS; i++) own[i]! += cells[i]!
  }

  /** Counts since an earlier snapshot of the same histogram. */
  since(earlier: HistogramSnapshot | undefined): HistogramSnapshot {
    const difference = new HistogramSnapshot()
    for (const [page, cells] of this.pages) {
      const before = earlier?.pages.get(page)
      difference.pages.set(page, before === undefined ? Float64Array.from(cells) : cells.map((n, i) => n - before[i]!))
    }
    return difference
  }

  /** Buckets that hold something, by value. */
  *buckets(): Generator<HistogramBucket> {
    const order = [...this.pages.keys()].sort((a, b) => (a === ZERO_PAGE ? -1 : b === ZERO_PAGE ? 1 : a - b))
    for (const page of order) {
      const cells = this.pages.get(page) as Float64Array
      for (let i = 0; i < PAGE_BUCKETS; i++) {
        if (cells[i]! > 0) yield { start: bucketStart(page, i), width: bucketWidth(page), count: cells[i]! }
      }
    }
  }

  get isEmpty(): boolean {
    return this.buckets().next().done === true
  }

  get count(): number {
    let total = 0
    for (const { count } of this.buckets()) total += count
    return total
  }

  /** Sum of the bucket middles. */
  get sum(): number {
    let total = 0
    for (const { start, width, count } of this.buckets()) total += (start + width / 2) * count
    return total
  }

  /** The value at quantile `q` (0 to 1), NaN when nothing was counted. */
  quantile(q: number): number {
    const total = this.count
    if (total === 0) return Number.NaN
    const rank = Math.max(Math.ceil(q * total), 1)
    let seen = 0
    for (const { start, width, count } of this.buckets()) {
      seen += count
      if (seen >= rank) return start + width / 2
    }
    return Number.NaN
  }
}
