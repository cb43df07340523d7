// HOT FILE (docs/hot-path.md): XXH64 over wire text, as Envoy hashes header values, host addresses and ring positions.
// 64-bit numbers are pairs of 32-bit halves: with BigInt the same takes ten times as long. (bench/load-balancers.ts)

const P1_HIGH = 0x9e3779b1
const P1_LOW = 0x85ebca87
const P2_HIGH = 0xc2b2ae3d
const P2_LOW = 0x27d4eb4f
const P3_HIGH = 0x165667b1
const P3_LOW = 0x9e3779f9
const P4_HIGH = 0x85ebca77
const P4_LOW = 0xc2b2ae63
const P5_HIGH = 0x27d4eb2f
const P5_LOW = 0x165667c5
const STRIPE = 32

/** The accumulator that the steps below work on. */
let high = 0
let low = 0

function add(addHigh: number, addLow: number): void {
  const sum = (low >>> 0) + (addLow >>> 0)
  high = (high + addHigh + (sum > 0xffff_ffff ? 1 : 0)) | 0
  low = sum | 0
}

function multiply(byHigh: number, byLow: number): void {
  const a0 = low & 0xffff
  const a1 = low >>> 16
  const b0 = byLow & 0xffff
  const b1 = byLow >>> 16
  const p01 = Math.imul(a0, b1)
  const p10 = Math.imul(a1, b0)
  const middle = (Math.imul(a0, b0) >>> 16) + (p01 & 0xffff) + (p10 & 0xffff)
  const carried = Math.imul(a1, b1) + (p01 >>> 16) + (p10 >>> 16) + (middle >>> 16)
  high = (carried + Math.imul(high, byLow) + Math.imul(low, byHigh)) | 0
  low = Math.imul(low, byLow)
}

/** By 1 to 31 bits. */
function rotate(bits: number): void {
  const before = high
  high = (high << bits) | (low >>> (32 - bits))
  low = (low << bits) | (before >>> (32 - bits))
}

function round(inputHigh: number, inputLow: number): void {
  const accHigh = high
  const accLow = low
  high = inputHigh
  low = inputLow
  multiply(P2_HIGH, P2_LOW)
  add(accHigh, accLow)
  rotate(31)
  multiply(P1_HIGH, P1_LOW)
}

function word(text: string, at: number): number {
  return (
    text.charCodeAt(at) |
    (text.charCodeAt(at + 1) << 8) |
    (text.charCodeAt(at + 2) << 16) |
    (text.charCodeAt(at + 3) << 24)
  )
}

/** Four lanes: high and low half of each. */
const lanes = new Int32Array(8)
const LANE_ROTATIONS = [1, 7, 12, 18] as const

/** Whole stripes; returns where they end. */
function stripes(text: string, seedHigh: number, seedLow: number): number {
  high = seedHigh
  low = seedLow
  storeLane(2)
  add(P2_HIGH, P2_LOW)
  storeLane(1)
  add(P1_HIGH, P1_LOW)
  storeLane(0)
  high = seedHigh
  low = seedLow
  // Minus P1: plus its complement and one.
  add(~P1_HIGH, ~P1_LOW)
  add(0, 1)
  storeLane(3)
  let at = 0
  for (; at <= text.length - STRIPE; at += STRIPE) {
    for (let lane = 0; lane < 4; lane++) {
      high = lanes[2 * lane] as number
      low = lanes[2 * lane + 1] as number
      round(word(text, at + 8 * lane + 4), word(text, at + 8 * lane))
      storeLane(lane)
    }
  }
  mergeLanes()
  return at
}

function storeLane(lane: number): void {
  lanes[2 * lane] = high
  lanes[2 * lane + 1] = low
}

function mergeLanes(): void {
  let sumHigh = 0
  let sumLow = 0
  for (let lane = 0; lane < 4; lane++) {
    high = lanes[2 * lane] as number
    low = lanes[2 * lane + 1] as number
    rotate(LANE_ROTATIONS[lane] as number)
    add(sumHigh, sumLow)
    sumHigh = high
    sumLow = low
  }
  for (let lane = 0; lane < 4; lane++) {
    high = 0
    low = 0
    round(lanes[2 * lane] as number, lanes[2 * lane + 1] as number)
    high ^= sumHigh
    low ^= sumLow
    multiply(P1_HIGH, P1_LOW)
    add(P4_HIGH, P4_LOW)
    sumHigh = high
    sumLow = low
  }
}

function tail(text: string, from: number): void {
  const { length } = text
  let at = from
  for (; at + 8 <= length; at += 8) {
    const accHigh = high
    const accLow = low
    high = 0
    low = 0
    round(word(text, at + 4), word(text, at))
    high ^= accHigh
    low ^= accLow
    rotate(27)
    multiply(P1_HIGH, P1_LOW)
    add(P4_HIGH, P4_LOW)
  }
  if (at + 4 <= length) {
    mix(word(text, at), P1_HIGH, P1_LOW)
    rotate(23)
    multiply(P2_HIGH, P2_LOW)
    add(P3_HIGH, P3_LOW)
    at += 4
  }
  for (; at < length; at++) {
    mix(text.charCodeAt(at), P5_HIGH, P5_LOW)
    rotate(11)
    multiply(P1_HIGH, P1_LOW)
  }
}

/** Folds `input` times a prime into the accumulator. */
function mix(input: number, primeHigh: number, primeLow: number): void {
  const accHigh = high
  const accLow = low
  high = 0
  low = input
  multiply(primeHigh, primeLow)
  high ^= accHigh
  low ^= accLow
}

function avalanche(): void {
  low ^= high >>> 1
  multiply(P2_HIGH, P2_LOW)
  const before = high
  high ^= before >>> 29
  low ^= (low >>> 29) | (before << 3)
  multiply(P3_HIGH, P3_LOW)
  low ^= high
}

function hash(text: string, seedHigh: number, seedLow: number): void {
  let at = 0
  if (text.length >= STRIPE) at = stripes(text, seedHigh, seedLow)
  else {
    high = seedHigh
    low = seedLow
    add(P5_HIGH, P5_LOW)
  }
  add(0, text.length)
  tail(text, at)
  avalanche()
}

const seedWords = new BigUint64Array(1)
const seedHalves = new Int32Array(seedWords.buffer)

/** `text`: one character per byte. The result is unsigned. */
export function xxHash64(text: string, seed = 0n): bigint {
  seedWords[0] = seed
  hash(text, seedHalves[1] as number, seedHalves[0] as number)
  seedHalves[0] = low
  seedHalves[1] = high
  return seedWords[0] as bigint
}

/** The same without BigInt: `out` gets the low half at `at`, the high half behind it. */
export function xxHash64Halves(text: string, seed: number, out: Uint32Array, at: number): void {
  hash(text, 0, seed)
  out[at] = low
  out[at + 1] = high
}
