// HOT FILE (docs/hot-path.md): the slot of a key in a Redis Cluster: CRC16 (XMODEM) of what is hashed, modulo 16,384.

const TABLE = new Uint16Array(256)
for (let byte = 0; byte < 256; byte++) {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021
  TABLE[byte] = crc
}

/** Of bytes [start, end), without a look at hash tags. */
export function slotOf(bytes: Buffer, start: number, end: number): number {
  let crc = 0
  for (let at = start; at < end; at++) crc = ((crc << 8) & 0xffff) ^ TABLE[(crc >> 8) ^ bytes[at]!]!
  return crc & 0x3fff
}
