// HOT FILE (docs/hot-path.md)

/** A header block that spans frames (RFC 9113, 6.10), bounded before its end is known. */
export class HeaderBlock {
  /** The stream whose block is under way; 0: none. */
  streamId = 0
  /** Flags of its HEADERS frame. */
  flags = 0
  /** Its HEADERS frame made the stream depend on itself. */
  selfDependent = false
  size = 0
  private readonly maxBytes: number
  private readonly maxFrames: number
  private frames = 0
  private bytes: Buffer = EMPTY

  constructor(maxBytes: number, maxFrames: number) {
    this.maxBytes = maxBytes
    this.maxFrames = maxFrames
  }

  get buffer(): Buffer {
    return this.bytes
  }

  begin(id: number, flags: number, selfDependent: boolean): void {
    this.streamId = id
    this.flags = flags
    this.selfDependent = selfDependent
    this.size = 0
    this.frames = 0
  }

  /** False: too many bytes or frames. */
  append(data: Buffer, start: number, end: number): boolean {
    const size = this.size + end - start
    if (size > this.maxBytes || this.frames++ > this.maxFrames) return false
    if (size > this.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(size, this.bytes.length * 2, 1024))
      this.bytes.copy(grown, 0, 0, this.size)
      this.bytes = grown
    }
    data.copy(this.bytes, this.size, start, end)
    this.size = size
    return true
  }

  finish(): void {
    this.streamId = 0
    this.bytes = EMPTY
  }
}

const EMPTY = Buffer.alloc(0)
