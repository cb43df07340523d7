// HOT FILE (docs/hot-path.md): frames into the connection's output buffer; all of a turn leave in one write.
import type { Connection } from '../../../net/index.ts'
import {
  CLIENT_PREFACE,
  DEFAULT_MAX_FRAME_BYTES,
  FlagAck,
  FlagEndHeaders,
  FlagEndStream,
  FRAME_HEADER_BYTES,
  FrameContinuation,
  FrameData,
  FrameGoAway,
  FrameHeaders,
  FramePing,
  FrameRstStream,
  FrameSettings,
  FrameWindowUpdate,
} from './constants.ts'
import type { Http2Options } from './options.ts'

/** Below this many frames nobody looks whether the kernel has taken them. */
const FEW_FRAMES = 64
const SETTING_BYTES = 6

/** Hears when the peer does not take what it makes us send. */
export interface OutboundFloodSink {
  onOutboundFlood(control: boolean): void
}

export class FrameWriter {
  /** Frames that may still wait for the kernel. */
  frames = 0
  /** PING, SETTINGS and RST_STREAM among them. */
  controlFrames = 0
  private readonly connection: Connection
  private readonly options: Http2Options
  private readonly sink: OutboundFloodSink

  constructor(connection: Connection, options: Http2Options, sink: OutboundFloodSink) {
    this.connection = connection
    this.options = options
    this.sink = sink
  }

  preface(): void {
    this.connection.write(CLIENT_PREFACE, 0, CLIENT_PREFACE.length)
  }

  settings(parameters: readonly (readonly [id: number, value: number])[]): void {
    const at = this.connection.reserve(FRAME_HEADER_BYTES + parameters.length * SETTING_BYTES)
    const { output } = this.connection.thread.buffers
    let p = putFrameHeader(output, at, parameters.length * SETTING_BYTES, FrameSettings, 0, 0)
    for (const [id, value] of parameters) {
      output[p] = id >>> 8
      output[p + 1] = id
      p = putUint32(output, p + 2, value)
    }
    this.commit(p, true)
  }

  settingsAck(): void {
    const at = this.connection.reserve(FRAME_HEADER_BYTES)
    this.commit(putFrameHeader(this.connection.thread.buffers.output, at, 0, FrameSettings, FlagAck, 0), true)
  }

  /** Eight bytes of `payload` from `start` on. */
  ping(ack: boolean, payload: Buffer, start: number): void {
    const at = this.connection.reserve(FRAME_HEADER_BYTES + 8)
    const { output } = this.connection.thread.buffers
    const p = putFrameHeader(output, at, 8, FramePing, ack ? FlagAck : 0, 0)
    for (let i = 0; i < 8; i++) output[p + i] = payload[start + i]!
    this.commit(p + 8, true)
  }

  rstStream(id: number, code: number): void {
    const at = this.connection.reserve(FRAME_HEADER_BYTES + 4)
    const { output } = this.connection.thread.buffers
    this.commit(putUint32(output, putFrameHeader(output, at, 4, FrameRstStream, 0, id), code), true)
  }

  windowUpdate(id: number, bytes: number): void {
    const at = this.connection.reserve(FRAME_HEADER_BYTES + 4)
    const { output } = this.connection.thread.buffers
    this.commit(putUint32(output, putFrameHeader(output, at, 4, FrameWindowUpdate, 0, id), bytes), false)
  }

  goAway(lastId: number, code: number, debug: string): void {
    const at = this.connection.reserve(FRAME_HEADER_BYTES + 8 + debug.length)
    const { output } = this.connection.thread.buffers
    let p = putFrameHeader(output, at, 8 + debug.length, FrameGoAway, 0, 0)
    p = putUint32(output, putUint32(output, p, lastId), code)
    this.commit(p + output.latin1Write(debug, p), false)
  }

  /** One DATA frame with bytes [start, end). */
  data(id: number, bytes: Buffer, start: number, end: number, endStream: boolean): void {
    const { connection } = this
    const size = end - start
    const at = connection.reserve(FRAME_HEADER_BYTES + size)
    const { output } = connection.thread.buffers
    const p = putFrameHeader(output, at, size, FrameData, endStream ? FlagEndStream : 0, id)
    // Small copies are cheaper in JavaScript than the call into native code. (bench: http2-codec)
    if (size < 48) for (let i = 0; i < size; i++) output[p + i] = bytes[start + i]!
    else bytes.copy(output, p, start, end)
    this.commit(p + size, false)
  }

  /**
   * Room for a header block of at most `bytes`: its first byte's position in `thread.buffers.output`. `endBlock` makes
   * frames of it.
   */
  beginBlock(bytes: number): number {
    const continuations = ((bytes / DEFAULT_MAX_FRAME_BYTES) | 0) + 1
    return this.connection.reserve(bytes + FRAME_HEADER_BYTES * (continuations + 1)) + FRAME_HEADER_BYTES
  }

  endBlock(id: number, start: number, end: number, endStream: boolean): void {
    const { output } = this.connection.thread.buffers
    const size = end - start
    const flags = endStream ? FlagEndStream : 0
    if (size <= DEFAULT_MAX_FRAME_BYTES) {
      putFrameHeader(output, start - FRAME_HEADER_BYTES, size, FrameHeaders, flags | FlagEndHeaders, id)
      this.commit(end, false)
      return
    }
    this.commit(splitBlock(output, id, start, end, flags), false)
  }

  private commit(end: number, control: boolean): void {
    const { connection } = this
    if (this.frames >= FEW_FRAMES && connection.bytesBuffered === 0) this.frames = this.controlFrames = 0
    connection.commit(end)
    this.frames++
    if (control && ++this.controlFrames > this.options.maxOutboundControlFrames) this.sink.onOutboundFlood(true)
    else if (this.frames > this.options.maxOutboundFrames) this.sink.onOutboundFlood(false)
  }
}

/** Makes room for the headers of CONTINUATION frames, last piece first. Returns the new end. */
function splitBlock(output: Buffer, id: number, start: number, end: number, flags: number): number {
  const size = end - start
  const pieces = Math.ceil(size / DEFAULT_MAX_FRAME_BYTES)
  for (let piece = pieces - 1; piece > 0; piece--) {
    const from = start + piece * DEFAULT_MAX_FRAME_BYTES
    const length = Math.min(DEFAULT_MAX_FRAME_BYTES, end - from)
    const to = from + piece * FRAME_HEADER_BYTES
    output.copyWithin(to, from, from + length)
    const last = piece === pieces - 1 ? FlagEndHeaders : 0
    putFrameHeader(output, to - FRAME_HEADER_BYTES, length, FrameContinuation, last, id)
  }
  putFrameHeader(output, start - FRAME_HEADER_BYTES, DEFAULT_MAX_FRAME_BYTES, FrameHeaders, flags, id)
  return end + (pieces - 1) * FRAME_HEADER_BYTES
}

function putFrameHeader(out: Buffer, p: number, size: number, type: number, flags: number, id: number): number {
  out[p] = size >>> 16
  out[p + 1] = size >>> 8
  out[p + 2] = size
  out[p + 3] = type
  out[p + 4] = flags
  return putUint32(out, p + 5, id)
}

function putUint32(out: Buffer, p: number, value: number): number {
  out[p] = value >>> 24
  out[p + 1] = value >>> 16
  out[p + 2] = value >>> 8
  out[p + 3] = value
  return p + 4
}
