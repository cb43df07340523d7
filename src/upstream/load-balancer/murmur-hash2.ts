// HOT FILE (docs/hot-path.md): MurmurHash2, 64 bit, in the variant and with the seed of libstdc++'s std::hash, as Envoy uses it
// for rings and for keys of Redis. Reckoned in halves: 60 ns for 16 bytes where BigInt takes 550.

const MULTIPLIER_HIGH = 0xc6a4_a793
const MULTIPLIER_LOW = 0x5bd1_e995
const SEED = 0xc70f_6907

// The number that is worked on.
let high = 0
let low = 0

const halves = new Uint32Array(2)
const whole = new BigUint64Array(halves.buffer)

/** By the multiplier, modulo 2^64. */
function multiply(): void {
  const a = low & 0xffff
  const b = low >>> 16
  const middleA = a * (MULTIPLIER_LOW >>> 16)
  const middleB = b * (MULTIPLIER_LOW & 0xffff)
  const carry = ((a * (MULTIPLIER_LOW & 0xffff)) >>> 16) + (middleA & 0xffff) + (middleB & 0xffff)
  const overflow = b * (MULTIPLIER_LOW >>> 16) + (middleA >>> 16) + (middleB >>> 16) + (carry >>> 16)
  high = (overflow + Math.imul(low, MULTIPLIER_HIGH) + Math.imul(high, MULTIPLIER_LOW)) | 0
  low = Math.imul(low, MULTIPLIER_LOW)
}

/** x ^ (x >> 47) */
function shiftMix(): void {
  low ^= high >>> 15
}

/** Of bytes [start, end), or of a latin1 string. */
export function murmurHash2(bytes: Buffer | string, start = 0, end = bytes.length): bigint {
  if (typeof bytes === 'string') bytes = Buffer.from(bytes, 'latin1')
  high = 0
  low = end - start
  multiply()
  let hashHigh = high
  let hashLow = low ^ SEED
  let at = start
  for (; at + 8 <= end; at += 8) {
    low = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    high = bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24)
    multiply()
    shiftMix()
    multiply()
    low ^= hashLow
    high ^= hashHigh
    multiply()
    hashLow = low
    hashHigh = high
  }
  high = hashHigh
  low = hashLow
  if (at < end) {
    for (let i = 0; at + i < end; i++) {
      if (i < 4) low ^= bytes[at + i]! << (8 * i)
      else high ^= bytes[at + i]! << (8 * (i - 4))
    }
    multiply()
  }
  shiftMix()
  multiply()
  shiftMix()
  halves[0] = low
  halves[1] = high
  return whole[0]!
}
