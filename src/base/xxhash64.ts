// XXH64 over wire text, as Envoy hashes header values, host addresses and ring positions.

const P1 = 0x9e3779b185ebca87n
const P2 = 0xc2b2ae3d27d4eb4fn
const P3 = 0x165667b19e3779f9n
const P4 = 0x85ebca77c2b2ae63n
const P5 = 0x27d4eb2f165667c5n
const MASK = (1n << 64n) - 1n
const STRIPE = 32

const rotate = (x: bigint, bits: bigint): bigint => ((x << bits) | (x >> (64n - bits))) & MASK
const round = (acc: bigint, input: bigint): bigint => (rotate((acc + input * P2) & MASK, 31n) * P1) & MASK
const merge = (acc: bigint, lane: bigint): bigint => ((acc ^ round(0n, lane)) * P1 + P4) & MASK

/** `text`: one character per byte. The result is unsigned. */
export function xxHash64(text: string, seed = 0n): bigint {
  const bytes = Buffer.from(text, 'latin1')
  const { length } = bytes
  let at = 0
  let hash: bigint
  if (length >= STRIPE) {
    let a = (seed + P1 + P2) & MASK
    let b = (seed + P2) & MASK
    let c = seed
    let d = (seed - P1) & MASK
    for (; at <= length - STRIPE; at += STRIPE) {
      a = round(a, bytes.readBigUInt64LE(at))
      b = round(b, bytes.readBigUInt64LE(at + 8))
      c = round(c, bytes.readBigUInt64LE(at + 16))
      d = round(d, bytes.readBigUInt64LE(at + 24))
    }
    hash = (rotate(a, 1n) + rotate(b, 7n) + rotate(c, 12n) + rotate(d, 18n)) & MASK
    hash = merge(merge(merge(merge(hash, a), b), c), d)
  } else hash = (seed + P5) & MASK
  return avalanche(tail(bytes, at, (hash + BigInt(length)) & MASK))
}

function tail(bytes: Buffer, at: number, hash: bigint): bigint {
  for (; at + 8 <= bytes.length; at += 8) {
    hash = (rotate(hash ^ round(0n, bytes.readBigUInt64LE(at)), 27n) * P1 + P4) & MASK
  }
  if (at + 4 <= bytes.length) {
    hash = (rotate(hash ^ ((BigInt(bytes.readUInt32LE(at)) * P1) & MASK), 23n) * P2 + P3) & MASK
    at += 4
  }
  for (; at < bytes.length; at++) hash = (rotate(hash ^ ((BigInt(bytes[at]!) * P5) & MASK), 11n) * P1) & MASK
  return hash
}

function avalanche(hash: bigint): bigint {
  hash = ((hash ^ (hash >> 33n)) * P2) & MASK
  hash = ((hash ^ (hash >> 29n)) * P3) & MASK
  return hash ^ (hash >> 32n)
}
