// HOT FILE (docs/hot-path.md): commands made of others: one key of many, or a key by another name.

const FIRST_CAPACITY = 1024
/** A larger buffer is not kept for the next command. */
const KEPT_CAPACITY = 1 << 20

/** Where commands are put together, one after the other; what is in it is valid until the next begins. */
export class CommandWriter {
  bytes = Buffer.allocUnsafeSlow(FIRST_CAPACITY)
  end = 0

  /** Begins a command of so many words. */
  begin(words: number): void {
    if (this.bytes.length > KEPT_CAPACITY) this.bytes = Buffer.allocUnsafeSlow(FIRST_CAPACITY)
    this.end = 0
    this.head(42, words)
  }

  word(source: Buffer, start: number, end: number): void {
    const length = end - start
    this.head(36, length)
    this.reserve(length + 2)
    source.copy(this.bytes, this.end, start, end)
    this.end += length
    this.lineEnd()
  }

  /** A command that is one already. */
  whole(command: Buffer): void {
    this.end = 0
    this.reserve(command.length)
    this.end = command.copy(this.bytes)
  }

  private head(type: number, value: number): void {
    this.reserve(16)
    const { bytes } = this
    bytes[this.end++] = type
    if (value < 10) bytes[this.end++] = 48 + value
    else this.end += bytes.latin1Write(String(value), this.end)
    this.lineEnd()
  }

  private lineEnd(): void {
    this.bytes[this.end++] = 13
    this.bytes[this.end++] = 10
  }

  private reserve(more: number): void {
    if (this.bytes.length - this.end >= more) return
    const larger = Buffer.allocUnsafeSlow(Math.max(this.end + more, this.bytes.length * 2))
    this.bytes.copy(larger, 0, 0, this.end)
    this.bytes = larger
  }
}
