// MurmurHash2, 64 bit, in the variant and with the seed of libstdc++'s std::hash, as Envoy uses it for rings.

const MASK = 0xffff_ffff_ffff_ffffn
const MULTIPLIER = 0xc6a4_a793_5bd1_e995n
const SEED = 0xc70f_6907n

function shiftMix(value: bigint): bigint {
  return value ^ (value >> 47n)
}

export function murmurHash2(bytes: Buffer | string): bigint {
  if (typeof bytes === 'string') bytes = Buffer.from(bytes, 'latin1')
  const { length } = bytes
  let hash = SEED ^ ((BigInt(length) * MULTIPLIER) & MASK)
  let at = 0
  for (; at + 8 <= length; at += 8) {
    const data = (shiftMix((bytes.readBigUInt64LE(at) * MULTIPLIER) & MASK) * MULTIPLIER) & MASK
    hash = ((hash ^ data) * MULTIPLIER) & MASK
  }
  if (at < length) {
    let data = 0n
    for (let last = length - 1; last >= at; last--) data = (data << 8n) + BigInt(bytes[last] as number)
    hash = ((hash ^ data) * MULTIPLIER) & MASK
  }
  return shiftMix((shiftMix(hash) * MULTIPLIER) & MASK)
}
