// HOT FILE (docs/hot-path.md): gRPC's framing on the wire: one byte of flags, four of length, the message.

export const GRPC_FRAME_HEADER_BYTES = 5

/** A message behind its frame header. */
export function grpcFrame(message: Uint8Array, flags = 0): Buffer {
  const frame = Buffer.allocUnsafe(GRPC_FRAME_HEADER_BYTES + message.length)
  writeGrpcFrameHeader(frame, 0, message.length, flags)
  frame.set(message, GRPC_FRAME_HEADER_BYTES)
  return frame
}

export function writeGrpcFrameHeader(out: Buffer, at: number, length: number, flags = 0): void {
  out[at] = flags
  out.writeUInt32BE(length, at + 1)
}

/** Follows the frames of one direction without keeping their bytes. */
export class GrpcFrameCounter {
  /** Frames begun. */
  count = 0
  private headerBytes = 0
  private length = 0
  private left = 0

  /** Bytes [start, end): returns how many frames begin in them. */
  inspect(data: Buffer, start: number, end: number): number {
    const before = this.count
    for (let at = start; at < end; ) at = this.next(data, at, end)
    return this.count - before
  }

  /** Goes to the end of the frame that `start` is in, or to `end`; `atBoundary` tells which. */
  next(data: Buffer, start: number, end: number): number {
    let at = start
    while (this.headerBytes < GRPC_FRAME_HEADER_BYTES) {
      if (at === end) return at
      if (this.headerBytes === 0) {
        this.count++
        this.length = 0
      } else this.length = this.length * 256 + data[at]!
      at++
      if (++this.headerBytes === GRPC_FRAME_HEADER_BYTES) this.left = this.length
    }
    const size = Math.min(this.left, end - at)
    this.left -= size
    if (this.left === 0) this.headerBytes = 0
    return at + size
  }

  /** No frame is half way. */
  get atBoundary(): boolean {
    return this.headerBytes === 0
  }
}

/** Takes whole messages out of a stream of frames. Keeps no more than one message, of at most `maxBytes`. */
export class GrpcFrameDecoder {
  private readonly maxBytes: number
  private readonly header = Buffer.alloc(GRPC_FRAME_HEADER_BYTES)
  private headerBytes = 0
  private message: Buffer | null = null
  private filled = 0
  private expected = 0
  /** A message was announced that is longer than allowed; nothing follows. */
  tooLarge = false

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  /** Bytes that wait for the rest of their message. */
  get bytesHeld(): number {
    return this.headerBytes + this.filled
  }

  /** Calls `onMessage` for each message that is complete now. */
  decode(data: Buffer, start: number, end: number, onMessage: (flags: number, message: Buffer) => void): void {
    let at = start
    while (!this.tooLarge) {
      while (this.headerBytes < GRPC_FRAME_HEADER_BYTES) {
        if (at === end) return
        this.header[this.headerBytes++] = data[at++]!
      }
      if (this.message === null && !this.begin()) return
      const size = Math.min(this.expected - this.filled, end - at)
      const message = this.reserve(size)
      data.copy(message, this.filled, at, at + size)
      at += size
      this.filled += size
      if (this.filled < this.expected) return
      this.headerBytes = 0
      this.filled = 0
      this.message = null
      onMessage(this.header[0]!, message)
    }
  }

  private begin(): boolean {
    this.expected = this.header.readUInt32BE(1)
    if (this.expected > this.maxBytes) {
      this.tooLarge = true
      return false
    }
    // A peer may announce much and send little: memory follows what has arrived.
    this.message = Buffer.allocUnsafeSlow(Math.min(this.expected, FIRST_BYTES))
    return true
  }

  private reserve(more: number): Buffer {
    const message = this.message as Buffer
    if (this.filled + more <= message.length) return message
    const grown = Buffer.allocUnsafeSlow(Math.min(Math.max(message.length * 2, this.filled + more), this.expected))
    message.copy(grown, 0, 0, this.filled)
    this.message = grown
    return grown
  }
}

const FIRST_BYTES = 16384
