// Reads MessagePack: integers of 64 bits become BigInts.
export function readMessagePack(bytes: Buffer): unknown {
  let at = 0
  const take = (length: number): Buffer => bytes.subarray(at, (at += length))
  const size = (width: number): number => take(width).readUIntBE(0, width)
  const text = (length: number): string => take(length).toString()
  const list = (length: number): unknown[] => Array.from({ length }, () => value())
  const map = (length: number): object => Object.fromEntries(Array.from({ length }, () => [value(), value()]))
  function value(): unknown {
    const type = bytes[at++]!
    if (type < 0x80) return type
    if (type < 0x90) return map(type & 0x0f)
    if (type < 0xa0) return list(type & 0x0f)
    if (type < 0xc0) return text(type & 0x1f)
    switch (type) {
      case 0xcb:
        return take(8).readDoubleBE()
      case 0xcf:
        return take(8).readBigUInt64BE()
      case 0xd2:
        return take(4).readInt32BE()
      case 0xd3:
        return take(8).readBigInt64BE()
      case 0xd9:
      case 0xda:
      case 0xdb:
        return text(size(2 ** (type - 0xd9)))
      case 0xdc:
      case 0xdd:
        return list(size(type === 0xdc ? 2 : 4))
      case 0xde:
      case 0xdf:
        return map(size(type === 0xde ? 2 : 4))
      default:
        throw new Error(`no MessagePack that a tracer sends: 0x${type.toString(16)}`)
    }
  }
  return value()
}
