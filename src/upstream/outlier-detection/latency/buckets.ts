// HOT FILE (docs/hot-path.md): latencies in buckets of a relative width: eight per doubling, so a value is known to 7 %.

const SUB_BITS = 3
const SUBS = 1 << SUB_BITS
const MAX_EXPONENT = 27
/** Up to 2^28 microseconds, four and a half minutes; slower ones count as that. */
export const LATENCY_BUCKETS = (MAX_EXPONENT - SUB_BITS + 2) * SUBS

/** The bucket of a latency in ms. */
export function latencyBucket(ms: number): number {
  const us = (ms * 1000) | 0
  // Negative: more than an Int32 of microseconds, or a clock that went backwards.
  if (us < SUBS) return us >= 0 ? us : ms > 0 ? LATENCY_BUCKETS - 1 : 0
  const exponent = 31 - Math.clz32(us)
  if (exponent > MAX_EXPONENT) return LATENCY_BUCKETS - 1
  return ((exponent - SUB_BITS + 1) << SUB_BITS) + ((us >> (exponent - SUB_BITS)) & (SUBS - 1))
}

/** Where a bucket begins, in ms. */
export function bucketStartMs(bucket: number): number {
  if (bucket < SUBS) return bucket / 1000
  const exponent = (bucket >> SUB_BITS) + SUB_BITS - 1
  return ((SUBS + (bucket & (SUBS - 1))) * 2 ** (exponent - SUB_BITS)) / 1000
}
