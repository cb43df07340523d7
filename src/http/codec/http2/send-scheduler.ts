// HOT FILE (docs/hot-path.md): what may go out now goes out; the rest waits its turn, stream by stream.
import type { Connection } from '../../../net/index.ts'
import { HeaderMap } from '../../headers.ts'
import { HTTP2_PENDING_SEND_BYTES } from '../../http2-stats.ts'
import { DEFAULT_MAX_FRAME_BYTES, DEFAULT_WINDOW_BYTES, FRAME_HEADER_BYTES } from './constants.ts'
import type { FloodGuard } from './flood-guard.ts'
import type { FrameWriter } from './frame-writer.ts'
import { blockBound, encodeTrailers } from './head-encoder.ts'
import type { HpackEncoder } from './hpack/encoder.ts'
import { PendingSend } from './pending-send.ts'
import type { Http2Stream } from './stream.ts'

/** Limit of a stream's waiting bytes where the connection has none. */
const UNLIMITED_STREAM_BYTES = 1024 * 1024

export class SendScheduler {
  /** What the peer still allows for the connection; stands still at 0, never negative. */
  window = DEFAULT_WINDOW_BYTES
  /** Larger frames than the default would only let one stream hold up the others. */
  readonly maxFrameBytes = DEFAULT_MAX_FRAME_BYTES
  private readonly connection: Connection
  private readonly writer: FrameWriter
  private readonly guard: FloodGuard
  private readonly encoder: HpackEncoder
  private readonly cells: Float64Array
  /** Streams that wait, in a circle; the next one to send first. */
  private ring: Http2Stream | null = null
  private flushing = false

  constructor(
    connection: Connection,
    writer: FrameWriter,
    guard: FloodGuard,
    encoder: HpackEncoder,
    cells: Float64Array,
  ) {
    this.connection = connection
    this.writer = writer
    this.guard = guard
    this.encoder = encoder
    this.cells = cells
  }

  /** Sends bytes [start, end) of the stream, or keeps a copy of what cannot go yet. */
  send(stream: Http2Stream, data: Buffer, start: number, end: number, endStream: boolean): void {
    if (stream.pending === null && stream.headSent && !this.stalled) {
      while (start < end) {
        const size = this.allowance(stream, end - start)
        if (size <= 0) break
        start += size
        this.writeData(stream, data, start - size, start, endStream && start === end)
        if (start === end) {
          if (endStream) stream.onLocalEnd()
          return
        }
        if (this.stalled) break
      }
      if (start === end) {
        if (!endStream) return
        this.writeData(stream, data, start, end, true)
        stream.onLocalEnd()
        return
      }
    }
    const pending = (stream.pending ??= new PendingSend())
    if (end > start) {
      pending.push(data, start, end)
      this.cells[HTTP2_PENDING_SEND_BYTES]! += end - start
    }
    if (endStream) this.endPending(stream, pending)
    this.enqueue(stream)
    if (!stream.overfull && pending.bytes > this.streamLimit) {
      stream.overfull = true
      stream.raise()
    }
  }

  sendTrailers(stream: Http2Stream, trailers: HeaderMap): void {
    if (stream.pending === null && stream.headSent) {
      this.writeTrailers(stream, trailers)
      stream.onLocalEnd()
      return
    }
    const pending = (stream.pending ??= new PendingSend())
    pending.trailers = trailers.clone()
    this.endPending(stream, pending)
    this.enqueue(stream)
  }

  private endPending(stream: Http2Stream, pending: PendingSend): void {
    pending.endStream = true
    stream.onEndPending()
  }

  /** The stream's window, the connection or the watermark has opened: sends what goes, a frame per stream and round. */
  flush(): void {
    if (this.flushing) return
    this.flushing = true
    for (let stream = this.ring; stream !== null && !this.stalled; stream = this.ring) {
      const pending = stream.pending as PendingSend
      if (pending.bytes > 0) {
        if (this.window <= 0) break
        const size = this.allowance(stream, pending.front.length - pending.offset)
        if (size <= 0) {
          // Its own window is used up: WINDOW_UPDATE brings it back.
          this.dequeue(stream)
          continue
        }
        this.sendPending(stream, pending, size)
      } else this.finishPending(stream, pending)
      if (this.ring === stream) this.ring = stream.nextInRing
    }
    this.flushing = false
  }

  private sendPending(stream: Http2Stream, pending: PendingSend, size: number): void {
    const { front, offset } = pending
    const last = pending.bytes === size
    const ends = last && pending.endStream && pending.trailers === null
    this.writeData(stream, front, offset, offset + size, ends)
    pending.consume(size)
    this.cells[HTTP2_PENDING_SEND_BYTES]! -= size
    if (last && (ends || !pending.endStream)) this.finishPending(stream, pending, ends)
    else if (stream.overfull && pending.bytes <= this.streamLimit / 2) {
      stream.overfull = false
      stream.lower()
    }
  }

  /** All bytes are out: the end follows, or the stream goes on unqueued. */
  private finishPending(stream: Http2Stream, pending: PendingSend, ended = false): void {
    this.dequeue(stream)
    stream.pending = null
    if (pending.trailers !== null) {
      this.writeTrailers(stream, pending.trailers)
      HeaderMap.release(pending.trailers)
    } else if (pending.endStream && !ended) this.writeData(stream, EMPTY, 0, 0, true)
    if (pending.endStream) stream.onLocalEnd()
    else if (stream.overfull) {
      stream.overfull = false
      stream.lower()
    }
  }

  /** The stream's window has grown, or its head has gone out. */
  wake(stream: Http2Stream): void {
    if (stream.pending !== null && stream.nextInRing === null) this.enqueue(stream)
  }

  /** The stream is gone. */
  drop(stream: Http2Stream): void {
    const { pending } = stream
    if (pending === null) return
    this.cells[HTTP2_PENDING_SEND_BYTES]! -= pending.bytes
    if (pending.trailers !== null) HeaderMap.release(pending.trailers)
    stream.pending = null
    this.dequeue(stream)
  }

  private allowance(stream: Http2Stream, wanted: number): number {
    return Math.min(wanted, this.maxFrameBytes, stream.sendWindow, this.window)
  }

  /** The kernel does not keep up: DATA waits here, where its sources can be told. */
  private get stalled(): boolean {
    const { connection } = this
    const limit = connection.highWatermarkBytes
    return connection.aboveHighWatermark || (limit > 0 && connection.socket.writableLength > limit)
  }

  private get streamLimit(): number {
    const limit = this.connection.highWatermarkBytes
    return limit > 0 ? limit : UNLIMITED_STREAM_BYTES
  }

  private writeData(stream: Http2Stream, data: Buffer, start: number, end: number, endStream: boolean): void {
    this.guard.dataFramesSent++
    stream.sendWindow -= end - start
    this.window -= end - start
    stream.meter.wireSent += end - start + FRAME_HEADER_BYTES
    this.writer.data(stream.id, data, start, end, endStream)
  }

  private writeTrailers(stream: Http2Stream, trailers: HeaderMap): void {
    const at = this.writer.beginBlock(blockBound(trailers))
    const end = encodeTrailers(this.encoder, trailers, this.connection.thread.buffers.output, at)
    // Without fields an empty DATA frame says the same (RFC 9113, 8.1).
    if (end === at) this.writeData(stream, EMPTY, 0, 0, true)
    else {
      this.writer.endBlock(stream.id, at, end, true)
      stream.countHeadSent(end - at)
    }
  }

  private enqueue(stream: Http2Stream): void {
    if (stream.nextInRing !== null || !stream.headSent) return
    const { ring } = this
    if (ring === null) {
      stream.nextInRing = stream.previousInRing = stream
      this.ring = stream
      return
    }
    const last = ring.previousInRing as Http2Stream
    stream.previousInRing = last
    stream.nextInRing = ring
    last.nextInRing = ring.previousInRing = stream
  }

  private dequeue(stream: Http2Stream): void {
    const next = stream.nextInRing
    if (next === null) return
    const previous = stream.previousInRing as Http2Stream
    stream.nextInRing = stream.previousInRing = null
    if (next === stream) {
      this.ring = null
      return
    }
    previous.nextInRing = next
    next.previousInRing = previous
    if (this.ring === stream) this.ring = next
  }
}

const EMPTY = Buffer.alloc(0)
