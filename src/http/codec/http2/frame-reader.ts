// HOT FILE (docs/hot-path.md): bytes into frames (RFC 9113, 4.1), however they are split over reads.
import {
  CLIENT_PREFACE,
  DEFAULT_MAX_FRAME_BYTES,
  FlagEndStream,
  FlagPadded,
  FRAME_HEADER_BYTES,
  FrameContinuation,
  FrameData,
  FrameHeaders,
  FrameSizeError,
  ProtocolError,
} from './constants.ts'

/** Gets the frames; DATA in pieces as they arrive, everything else whole. */
export interface FrameSink {
  /** Payload [start, end), valid during the call. */
  onFrame(type: number, flags: number, id: number, data: Buffer, start: number, end: number): void
  /** A DATA frame begins: `dataBytes` and its padding make up `length`. */
  onDataBegin(id: number, length: number, dataBytes: number, endStream: boolean): void
  /** Bytes of that frame, without padding; `last`: all have come. */
  onDataBytes(data: Buffer, start: number, end: number, last: boolean): void
  /** The connection cannot go on. */
  onFramingError(code: number, details: string): void
}

const Preface = 0
const FrameStart = 1
const PadLength = 2
const DataBytes = 3
const Padding = 4
const Stopped = 5

export class FrameReader {
  private readonly sink: FrameSink
  private readonly maxFrameBytes: number
  private state: number
  private prefaceBytes = 0
  /** A frame that has not arrived whole: its header and what there is of its payload. */
  private partial: Buffer | null = null
  private partialBytes = 0
  private dataBytes = 0
  private paddingBytes = 0
  private frameId = 0
  private frameFlags = 0

  constructor(sink: FrameSink, expectPreface: boolean, maxFrameBytes = DEFAULT_MAX_FRAME_BYTES) {
    this.sink = sink
    this.maxFrameBytes = maxFrameBytes
    this.state = expectPreface ? Preface : FrameStart
  }

  /** Part of a header block is here, and not all of its frame. */
  get insideHeaders(): boolean {
    const { partial } = this
    return (
      partial !== null && this.partialBytes > 3 && (partial[3] === FrameHeaders || partial[3] === FrameContinuation)
    )
  }

  /** Nothing is read any more. */
  stop(): void {
    this.state = Stopped
    this.partial = null
  }

  read(data: Buffer, position: number, end: number): void {
    while (position < end) {
      switch (this.state) {
        case FrameStart:
          position = this.readFrame(data, position, end)
          break
        case DataBytes: {
          const size = Math.min(this.dataBytes, end - position)
          this.dataBytes -= size
          const last = this.dataBytes === 0
          if (last) this.state = this.paddingBytes > 0 ? Padding : FrameStart
          this.sink.onDataBytes(data, position, position + size, last)
          position += size
          break
        }
        case Padding: {
          const size = Math.min(this.paddingBytes, end - position)
          this.paddingBytes -= size
          if (this.paddingBytes === 0) this.state = FrameStart
          position += size
          break
        }
        case PadLength:
          this.beginPadded(data[position++]!)
          break
        case Preface:
          position = this.readPreface(data, position, end)
          break
        default:
          return
      }
    }
  }

  private readPreface(data: Buffer, position: number, end: number): number {
    while (position < end && this.prefaceBytes < CLIENT_PREFACE.length) {
      if (data[position++] !== CLIENT_PREFACE[this.prefaceBytes++]) {
        this.fail(ProtocolError, 'http2.bad_client_magic')
        return end
      }
    }
    if (this.prefaceBytes === CLIENT_PREFACE.length) this.state = FrameStart
    return position
  }

  private readFrame(data: Buffer, position: number, end: number): number {
    if (this.partial !== null) return this.completePartial(data, position, end)
    if (end - position < FRAME_HEADER_BYTES) {
      this.partial = Buffer.allocUnsafe(FRAME_HEADER_BYTES)
      return this.completePartial(data, position, end)
    }
    const length = (data[position]! << 16) | (data[position + 1]! << 8) | data[position + 2]!
    if (length > this.maxFrameBytes) {
      this.fail(FrameSizeError, 'http2.frame_size')
      return end
    }
    const payload = position + FRAME_HEADER_BYTES
    if (data[position + 3] === FrameData) {
      this.beginData(data, position, length)
      return payload
    }
    if (end - payload < length) {
      this.partial = Buffer.allocUnsafe(FRAME_HEADER_BYTES + length)
      return this.completePartial(data, position, end)
    }
    this.sink.onFrame(data[position + 3]!, data[position + 4]!, idAt(data, position), data, payload, payload + length)
    return payload + length
  }

  private completePartial(data: Buffer, position: number, end: number): number {
    let partial = this.partial as Buffer
    const size = Math.min(partial.length - this.partialBytes, end - position)
    data.copy(partial, this.partialBytes, position, position + size)
    this.partialBytes += size
    position += size
    if (this.partialBytes < partial.length) return position
    const length = (partial[0]! << 16) | (partial[1]! << 8) | partial[2]!
    if (length > this.maxFrameBytes) {
      this.fail(FrameSizeError, 'http2.frame_size')
      return end
    }
    if (partial[3] === FrameData) {
      this.forgetPartial()
      this.beginData(partial, 0, length)
      return position
    }
    if (partial.length < FRAME_HEADER_BYTES + length) {
      // The header is there: now the payload is waited for.
      const grown = Buffer.allocUnsafe(FRAME_HEADER_BYTES + length)
      partial.copy(grown, 0, 0, this.partialBytes)
      this.partial = partial = grown
      return position
    }
    this.forgetPartial()
    this.sink.onFrame(partial[3]!, partial[4]!, idAt(partial, 0), partial, FRAME_HEADER_BYTES, partial.length)
    return position
  }

  private forgetPartial(): void {
    this.partial = null
    this.partialBytes = 0
  }

  private beginData(data: Buffer, at: number, length: number): void {
    const flags = data[at + 4]!
    const id = idAt(data, at)
    if ((flags & FlagPadded) !== 0) {
      if (length === 0) {
        this.fail(FrameSizeError, 'http2.frame_size')
        return
      }
      this.state = PadLength
      this.dataBytes = length
      this.frameId = id
      this.frameFlags = flags
      return
    }
    this.startData(id, flags, length, length, 0)
  }

  private beginPadded(padding: number): void {
    const length = this.dataBytes
    if (padding >= length) {
      this.fail(ProtocolError, 'http2.padding')
      return
    }
    this.startData(this.frameId, this.frameFlags, length, length - 1 - padding, padding)
  }

  private startData(id: number, flags: number, length: number, dataBytes: number, padding: number): void {
    const endStream = (flags & FlagEndStream) !== 0
    this.dataBytes = dataBytes
    this.paddingBytes = padding
    this.state = dataBytes > 0 ? DataBytes : padding > 0 ? Padding : FrameStart
    this.sink.onDataBegin(id, length, dataBytes, endStream)
    if (dataBytes === 0 && this.state !== Stopped) this.sink.onDataBytes(EMPTY, 0, 0, true)
  }

  private fail(code: number, details: string): void {
    this.state = Stopped
    this.partial = null
    this.sink.onFramingError(code, details)
  }
}

const EMPTY = Buffer.alloc(0)

function idAt(data: Buffer, at: number): number {
  return ((data[at + 5]! & 0x7f) << 24) | (data[at + 6]! << 16) | (data[at + 7]! << 8) | data[at + 8]!
}
