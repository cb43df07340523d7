import type { HistogramBucket } from '../histogram.ts'

/** The quantiles that Envoy prints, in percent. */
export const PERCENTS: readonly number[] = [0, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 100]

/**
 * Values at PERCENTS, NaN when there are none. As in Envoy the k-th of n values in a bucket is taken to lie at k/(n+1) of
 * its width; the buckets are ten times finer than Envoy's, so that no figure is off by more than 1 %.
 */
export function percentiles(buckets: readonly HistogramBucket[]): number[] {
  let total = 0
  for (const { count } of buckets) total += count
  let index = 0
  let below = 0
  return PERCENTS.map(percent => {
    const rank = Math.max(Math.ceil((percent / 100) * total), 1)
    let bucket = buckets[index]
    while (bucket !== undefined && below + bucket.count < rank) {
      below += bucket.count
      bucket = buckets[++index]
    }
    return bucket === undefined ? Number.NaN : bucket.start + (bucket.width * (rank - below)) / (bucket.count + 1)
  })
}

/** For each rising bound the number of values up to it; a bucket that begins at a bound counts as up to it. */
export function countsUpTo(bounds: readonly number[], buckets: readonly HistogramBucket[]): number[] {
  let index = 0
  let count = 0
  return bounds.map(bound => {
    for (; index < buckets.length && buckets[index]!.start <= bound; index++) count += buckets[index]!.count
    return count
  })
}

/** The same per interval between bounds; what lies over the last bound is in none. */
export function countsBetween(bounds: readonly number[], buckets: readonly HistogramBucket[]): number[] {
  return countsUpTo(bounds, buckets).map((count, i, all) => count - (i === 0 ? 0 : all[i - 1]!))
}
