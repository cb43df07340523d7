// HOT FILE (docs/hot-path.md): latencies of one sampling window, counted by any number of threads at once.

/** Two significant digits, as Envoy keeps them; from 1 microsecond to 1000 seconds. */
const BUCKETS_PER_DECADE = 90
const DECADES = 9
const COUNT = 0
const ZERO = 1
const FIRST = 2

/** 32-bit cells that a histogram needs. */
export const HISTOGRAM_CELLS = FIRST + DECADES * BUCKETS_PER_DECADE

export class LatencyHistogram {
  private readonly cells: Int32Array
  private readonly taken = new Int32Array(HISTOGRAM_CELLS)

  constructor(cells: Int32Array) {
    this.cells = cells
  }

  get count(): number {
    return Atomics.load(this.cells, COUNT)
  }

  /** The number of latencies with this one. */
  record(latencyUs: number): number {
    Atomics.add(this.cells, bucketOf(latencyUs), 1)
    return Atomics.add(this.cells, COUNT, 1) + 1
  }

  clear(): void {
    for (let i = 0; i < HISTOGRAM_CELLS; i++) Atomics.store(this.cells, i, 0)
  }

  /** Empties the histogram and tells its quantile in whole microseconds; 0: it was empty. */
  takeQuantile(quantile: number): number {
    const { cells, taken } = this
    let total = 0
    for (let i = ZERO; i < HISTOGRAM_CELLS; i++) total += taken[i] = Atomics.exchange(cells, i, 0)
    Atomics.sub(cells, COUNT, total)
    const wanted = total * quantile
    let below = 0
    for (let i = ZERO; i < HISTOGRAM_CELLS; i++) {
      const count = taken[i]!
      if (count > 0 && below + count >= wanted) return valueWithin(i, (wanted - below) / count)
      below += count
    }
    return 0
  }
}

function bucketOf(latencyUs: number): number {
  if (latencyUs < 1) return ZERO
  let decade = 0
  let unit = 1
  while (decade < DECADES - 1 && latencyUs >= unit * 10) {
    decade++
    unit *= 10
  }
  const digits = Math.min(Math.floor((latencyUs * 10) / unit), 99)
  return FIRST + decade * BUCKETS_PER_DECADE + digits - 10
}

/** `part` of the way from a bucket's left edge to its right one. */
function valueWithin(bucket: number, part: number): number {
  if (bucket === ZERO) return 0
  const decade = Math.floor((bucket - FIRST) / BUCKETS_PER_DECADE)
  const digits = ((bucket - FIRST) % BUCKETS_PER_DECADE) + 10
  return Math.floor(((digits + part) * 10 ** decade) / 10)
}
