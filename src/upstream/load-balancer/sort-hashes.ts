// Sorting of many 64-bit numbers by their bytes: a ring of 10,000 hosts is made while a worker serves requests.
import type { Steps } from '../../base/index.ts'

const PASSES = 4
const BUCKETS = 0x1_0000
/** How many numbers are moved in one step. */
const STEP = 8192

/** `hashes`: pairs of halves, the low one first. Returns the pairs' indexes in ascending order; equal ones stay in theirs. */
export function* sortHashes(hashes: Uint32Array): Steps<Uint32Array> {
  const count = hashes.length >> 1
  if (count < BUCKETS / 32) return compareSort(hashes, count)
  let from = new Uint32Array(count)
  for (let index = 0; index < count; index++) from[index] = index
  let to = new Uint32Array(count)
  const starts = new Uint32Array(BUCKETS + 1)
  for (let pass = 0; pass < PASSES; pass++) {
    starts.fill(0)
    for (let at = 0; at < count; at += STEP) {
      countBuckets(hashes, pass, starts, at, Math.min(at + STEP, count))
      yield
    }
    for (let bucket = 0; bucket < BUCKETS; bucket++) starts[bucket + 1]! += starts[bucket] as number
    for (let at = 0; at < count; at += STEP) {
      scatter(hashes, pass, starts, from.subarray(at, at + STEP), to)
      yield
    }
    ;[from, to] = [to, from]
  }
  return from
}

function compareSort(hashes: Uint32Array, count: number): Uint32Array {
  const key = Float64Array.from({ length: count }, (_, at) => (hashes[2 * at + 1] as number) * 2 ** 21)
  for (let at = 0; at < count; at++) key[at]! += (hashes[2 * at] as number) >>> 11
  return Uint32Array.from({ length: count }, (_, index) => index).sort(
    (a, b) => (key[a] as number) - (key[b] as number) || (hashes[2 * a] as number) - (hashes[2 * b] as number) || a - b,
  )
}

/** 16 bits of a hash, from the lowest pass upwards. */
function bucketOf(hashes: Uint32Array, entry: number, pass: number): number {
  return ((hashes[2 * entry + (pass >> 1)] as number) >>> ((pass & 1) * 16)) & 0xffff
}

function countBuckets(hashes: Uint32Array, pass: number, starts: Uint32Array, begin: number, end: number): void {
  for (let at = begin; at < end; at++) starts[bucketOf(hashes, at, pass) + 1]! += 1
}

function scatter(hashes: Uint32Array, pass: number, starts: Uint32Array, from: Uint32Array, to: Uint32Array): void {
  for (let at = 0; at < from.length; at++) {
    const entry = from[at] as number
    to[starts[bucketOf(hashes, entry, pass)]!++] = entry
  }
}
