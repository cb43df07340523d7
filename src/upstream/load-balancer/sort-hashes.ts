// Sorting of many 64-bit numbers by their bytes: a ring of 10,000 hosts is made while a worker serves requests.

const PASSES = 4
const BUCKETS = 0x1_0000

/** `hashes`: pairs of halves, the low one first. Returns the pairs' indexes in ascending order; equal ones stay in theirs. */
export function sortHashes(hashes: Uint32Array): Uint32Array {
  const count = hashes.length >> 1
  if (count < BUCKETS / 8) return compareSort(hashes, count)
  let from = Uint32Array.from({ length: count }, (_, index) => index)
  let to = new Uint32Array(count)
  for (let pass = 0; pass < PASSES; pass++) {
    scatter(hashes, pass, from, to)
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

/** One pass over 16 bits, from the lowest upwards. */
function scatter(hashes: Uint32Array, pass: number, from: Uint32Array, to: Uint32Array): void {
  const half = pass >> 1
  const shift = (pass & 1) * 16
  const starts = new Uint32Array(BUCKETS + 1)
  for (let at = 0; at < from.length; at++) {
    starts[(((hashes[2 * at + half] as number) >>> shift) & 0xffff) + 1]! += 1
  }
  for (let bucket = 0; bucket < BUCKETS; bucket++) starts[bucket + 1]! += starts[bucket] as number
  for (let at = 0; at < from.length; at++) {
    const entry = from[at] as number
    const bucket = ((hashes[2 * entry + half] as number) >>> shift) & 0xffff
    to[starts[bucket]!++] = entry
  }
}
