// HOT FILE (docs/hot-path.md): protobuf's wire format, one field after the other.

export const VARINT = 0
const FIXED64 = 1
export const LENGTH_DELIMITED = 2
const FIXED32 = 5

const NO_BYTES = Buffer.alloc(0)
/** Strings up to here are read byte by byte: a call into native code costs more. (bench: ratelimit) */
const SHORT_TEXT = 12

/** Goes over the fields of messages. Once something is wrong it stays `failed`, and every message is over. */
export class ProtobufReader {
  failed = false
  private bytes: Buffer = NO_BYTES
  private at = 0
  private end = 0
  private field = 0
  private type = 0

  open(bytes: Buffer, start: number, end: number): void {
    this.bytes = bytes
    this.at = start
    this.end = end
    this.failed = false
  }

  /** To the next field of the message that ends at `end`; false when there is none. */
  next(end: number): boolean {
    if (this.at >= end) {
      if (this.at > end) this.failed = true
      return false
    }
    const tag = this.varint()
    this.field = Math.floor(tag / 8)
    this.type = tag % 8
    if (this.field === 0) this.failed = true
    return !this.failed
  }

  is(field: number, type: number): boolean {
    return this.field === field && this.type === type
  }

  isBytes(field: number): boolean {
    return this.field === field && this.type === LENGTH_DELIMITED
  }

  /** Values above 2^53 lose their lowest bits. */
  varint(): number {
    const { bytes, end } = this
    let byte = this.at < end ? bytes[this.at++]! : 128
    if (byte < 128) return byte
    let value = byte & 127
    for (let factor = 128; factor < 2 ** 64; factor *= 128) {
      if (this.at >= end) break
      byte = bytes[this.at++]!
      value += (byte & 127) * factor
      if (byte < 128) return value
    }
    return this.fail()
  }

  /** Where the message that begins here ends. */
  enter(): number {
    const length = this.varint()
    if (this.failed || length > this.end - this.at) return this.fail()
    return this.at + length
  }

  text(): string {
    const end = this.enter()
    if (this.failed) return ''
    const { bytes, at } = this
    this.at = end
    if (end - at <= SHORT_TEXT) {
      let text = ''
      let i = at
      for (; i < end && bytes[i]! < 128; i++) text += String.fromCharCode(bytes[i]!)
      if (i === end) return text
    }
    return bytes.toString('utf8', at, end)
  }

  skip(): void {
    if (this.type === VARINT) this.varint()
    else if (this.type === LENGTH_DELIMITED) this.at = this.enter()
    else if (this.type === FIXED64) this.at += 8
    else if (this.type === FIXED32) this.at += 4
    else this.fail()
    if (this.at > this.end) this.fail()
  }

  private fail(): number {
    this.failed = true
    this.at = this.end
    return this.end
  }
}
