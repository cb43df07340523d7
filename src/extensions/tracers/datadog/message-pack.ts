// MessagePack, as far as a batch of spans needs it (https://github.com/msgpack/msgpack/blob/master/spec.md).
const NOT_ASCII = /[^\x00-\x7f]/

export class MessagePack {
  private bytes = Buffer.allocUnsafe(4096)
  private size = 0

  take(): Buffer {
    return this.bytes.subarray(0, this.size)
  }

  array(length: number): void {
    this.head(5)
    this.size = this.bytes.writeUInt8(0xdd, this.size)
    this.size = this.bytes.writeUInt32BE(length, this.size)
  }

  map(length: number): void {
    this.head(5)
    this.size = this.bytes.writeUInt8(0xdf, this.size)
    this.size = this.bytes.writeUInt32BE(length, this.size)
  }

  /** `text` is latin1, a character per byte. */
  text(text: string): void {
    const bytes = NOT_ASCII.test(text) ? Buffer.from(Buffer.from(text, 'latin1').toString('utf8')) : null
    const length = bytes?.length ?? text.length
    this.head(5 + length)
    this.size = this.bytes.writeUInt8(0xdb, this.size)
    this.size = this.bytes.writeUInt32BE(length, this.size)
    if (bytes === null) this.bytes.write(text, this.size, 'latin1')
    else bytes.copy(this.bytes, this.size)
    this.size += length
  }

  unsigned(value: bigint): void {
    this.head(9)
    this.size = this.bytes.writeUInt8(0xcf, this.size)
    this.size = this.bytes.writeBigUInt64BE(value, this.size)
  }

  integer(value: number): void {
    this.head(5)
    this.size = this.bytes.writeUInt8(0xd2, this.size)
    this.size = this.bytes.writeInt32BE(value, this.size)
  }

  double(value: number): void {
    this.head(9)
    this.size = this.bytes.writeUInt8(0xcb, this.size)
    this.size = this.bytes.writeDoubleBE(value, this.size)
  }

  texts(entries: ReadonlyMap<string, string>): void {
    this.map(entries.size)
    for (const [name, value] of entries) {
      this.text(name)
      this.text(value)
    }
  }

  doubles(entries: ReadonlyMap<string, number>): void {
    this.map(entries.size)
    for (const [name, value] of entries) {
      this.text(name)
      this.double(value)
    }
  }

  private head(more: number): void {
    if (this.size + more <= this.bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.size + more))
    this.bytes.copy(larger, 0, 0, this.size)
    this.bytes = larger
  }
}
