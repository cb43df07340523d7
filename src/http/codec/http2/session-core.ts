// HOT FILE (docs/hot-path.md): what both halves of an HTTP/2 connection keep: streams, windows, and how they end.
import type { Connection } from '../../../net/index.ts'
import type { StatBlock } from '../../../observability/index.ts'
import type { HeaderMap } from '../../headers.ts'
import * as S from '../../http2-stats.ts'
import type { ResetReason } from '../codec.ts'
import { ClosedStreams, EndedByPeer, ResetHere } from './closed-streams.ts'
import * as H2 from './constants.ts'
import { FloodGuard } from './flood-guard.ts'
import { FrameReader, type FrameSink } from './frame-reader.ts'
import { FrameWriter, type OutboundFloodSink } from './frame-writer.ts'
import { HeaderBlock } from './header-block.ts'
import { HpackDecoder } from './hpack/decoder.ts'
import { HpackEncoder } from './hpack/encoder.ts'
import { type HeadFailure, HeadTooLarge } from './hpack/head-assembler.ts'
import { Keepalive } from './keepalive.ts'
import type { Http2Options } from './options.ts'
import { ownMaxFrameBytes, ownSettings } from './own-settings.ts'
import { PeerSettings } from './peer-settings.ts'
import { SendScheduler } from './send-scheduler.ts'
import type { Http2Stream } from './stream.ts'
import { StreamTable } from './stream-table.ts'

/** Above the largest head that the options allow, so that it can be refused by itself; beyond, the connection ends. */
const BLOCK_SLACK_BYTES = 32768

export abstract class SessionCore implements FrameSink, OutboundFloodSink {
  readonly connection: Connection
  readonly options: Http2Options
  readonly cells: Float64Array
  readonly writer: FrameWriter
  readonly sender: SendScheduler
  protected readonly streams = new StreamTable()
  protected readonly encoder: HpackEncoder
  protected readonly peer = new PeerSettings()
  protected readonly guard: FloodGuard
  protected readonly reader: FrameReader
  protected readonly block: HeaderBlock
  protected readonly closedStreams = new ClosedStreams()
  protected readonly keepalive: Keepalive | null
  /** The peer's SETTINGS have come. */
  protected settingsReceived = false
  protected dead = false
  protected readonly server: boolean
  protected readonly decoder: HpackDecoder
  /** What the peer may still send on the connection, and what it may have back. */
  protected receiveWindow: number
  private unreturned = 0
  /** Window of new streams: the default until the peer has acknowledged ours. */
  protected ownWindow = H2.DEFAULT_WINDOW_BYTES
  protected settingsAcknowledged = false
  /** Details of a flood of frames outwards, dealt with where no encoder is at work. */
  protected flood: string | null = null
  protected dispatching = false

  constructor(connection: Connection, options: Http2Options, stats: StatBlock, server: boolean) {
    this.connection = connection
    this.options = options
    this.cells = stats.cells
    this.server = server
    connection.batchWrites()
    this.writer = new FrameWriter(connection, options, this)
    this.guard = new FloodGuard(options, connection.thread.clock)
    this.encoder = new HpackEncoder(options.hpackTableBytes, options.huffman, server ? 128 : 1024)
    this.decoder = new HpackDecoder(options.maxFieldBytes)
    this.sender = new SendScheduler(connection, this.writer, this.guard, this.encoder, this.cells)
    this.reader = new FrameReader(this, server, ownMaxFrameBytes(options))
    this.block = new HeaderBlock(options.limits.maxBytes + BLOCK_SLACK_BYTES, server ? 512 : 1024)
    if (!server) this.writer.preface()
    this.writer.settings(ownSettings(options, server))
    this.receiveWindow = Math.max(options.initialConnectionWindowBytes, H2.DEFAULT_WINDOW_BYTES)
    const more = this.receiveWindow - H2.DEFAULT_WINDOW_BYTES
    if (more > 0) this.writer.windowUpdate(0, more)
    this.keepalive =
      options.keepalive === null ? null : new Keepalive(connection, this.writer, options.keepalive, this.cells)
  }

  get activeStreams(): number {
    return this.streams.size
  }

  // ---- what the halves do by themselves

  /** An informational head: neither the last nor the first of its kind. */
  abstract sendInformational(stream: Http2Stream, headers: HeaderMap): void
  abstract sendHead(stream: Http2Stream, headers: HeaderMap, endStream: boolean): void
  /** END_STREAM has been sent. */
  abstract onLocalEnd(stream: Http2Stream): void
  /** Whether `id` is a stream that nobody has opened. */
  protected abstract isIdle(id: number): boolean
  protected abstract onStreamClosed(stream: Http2Stream): void
  protected abstract onFatal(details: string): void
  /** A stream was reset by the peer or because of it; false when that happened too often. */
  protected abstract chargeReset(): boolean
  /** The last stream of the peer that we may have acted on. */
  protected abstract readonly lastPeerStreamId: number

  abstract onFrame(type: number, flags: number, id: number, data: Buffer, start: number, end: number): void
  abstract onDataBegin(id: number, length: number, dataBytes: number, endStream: boolean): void
  abstract onDataBytes(data: Buffer, start: number, end: number, last: boolean): void

  onFramingError(code: number, details: string): void {
    this.fatal(code, details)
  }

  // ---- windows

  /** The connection's window opens again, in halves. */
  returnToConnection(bytes: number): void {
    this.unreturned += bytes
    if (this.unreturned * 2 < this.options.initialConnectionWindowBytes || this.dead) return
    this.writer.windowUpdate(0, this.unreturned)
    this.receiveWindow += this.unreturned
    this.unreturned = 0
  }

  // ---- floods

  /** Called by the writer: more frames wait for the kernel than may. */
  onOutboundFlood(control: boolean): void {
    if (this.flood !== null || this.dead) return
    this.cells[control ? S.HTTP2_CONTROL_FLOOD : S.HTTP2_OUTBOUND_FLOOD]! += 1
    this.flood = `codec_error:Too_many_${control ? 'control_' : ''}frames_in_the_outbound_queue.`
    // Encoders are at work now, whose owners must not be ended under them.
    if (!this.dispatching) process.nextTick(endFlood, this)
  }

  endFlood(): void {
    if (this.flood !== null) this.fatal(H2.EnhanceYourCalm, this.flood)
  }

  // ---- ends

  protected onRemoteEnd(stream: Http2Stream): void {
    if (stream.localEnded) this.finishStream(stream)
  }

  /** Both halves have ended. */
  protected finishStream(stream: Http2Stream): void {
    this.closeStream(stream, EndedByPeer)
    this.onStreamClosed(stream)
  }

  /** Resets by our own will; nobody is told. */
  resetStream(stream: Http2Stream, code: number): void {
    if (stream.id !== 0) this.writeReset(stream.id, code)
    this.closeStream(stream, ResetHere)
    this.onStreamClosed(stream)
  }

  protected writeReset(id: number, code: number): void {
    if (this.dead) return
    this.cells[S.HTTP2_TX_RESET]! += 1
    this.writer.rstStream(id, code)
  }

  /** A stream error (RFC 9113, 5.4.2) that the peer has provoked. */
  protected onBrokenStream(
    id: number,
    stream: Http2Stream | undefined,
    code: number,
    details: string,
    reason: ResetReason = 'protocol_error',
  ): void {
    if (stream === undefined && this.isIdle(id)) return void this.fatal(code, details)
    if (!this.chargeReset()) return void this.fatal(H2.EnhanceYourCalm, 'http2.stream_reset_flood')
    this.writeReset(id, code)
    if (stream === undefined) {
      this.closedStreams.add(id, ResetHere)
      return
    }
    const { decoder } = stream
    this.closeStream(stream, ResetHere)
    decoder?.onResetStream(reason, details)
    this.onStreamClosed(stream)
  }

  protected countOverflow(failure: HeadFailure): void {
    this.cells[failure === HeadTooLarge ? S.HTTP2_LIST_TOO_LARGE : S.HTTP2_HEADER_OVERFLOW]! += 1
  }

  /** The message on that stream is no HTTP: the stream ends, or the connection (Envoy's default). */
  onInvalidMessage(id: number, stream: Http2Stream | undefined, details: string): void {
    this.cells[S.HTTP2_MESSAGING_ERROR]! += 1
    if (this.options.streamErrorOnInvalidMessage) this.onBrokenStream(id, stream, H2.ProtocolError, details)
    else this.fatal(H2.ProtocolError, details)
  }

  protected closeStream(stream: Http2Stream, end: typeof EndedByPeer | typeof ResetHere): void {
    if (stream.closed) return
    if (stream.id !== 0) {
      this.streams.delete(stream)
      this.closedStreams.add(stream.id, end)
    }
    this.cells[S.HTTP2_STREAMS_ACTIVE]! -= 1
    this.sender.drop(stream)
    const withheld = stream.release()
    if (withheld > 0) this.returnToConnection(withheld)
  }

  /** The connection is gone: streams hear of it. */
  protected resetAll(reason: ResetReason, detail: string | null): void {
    this.dead = true
    this.reader.stop()
    this.keepalive?.stop()
    for (const stream of this.streams.all()) {
      const decoder = !this.server && stream.remoteEnded ? null : stream.decoder
      this.closeStream(stream, ResetHere)
      decoder?.onResetStream(reason, detail)
      this.onStreamClosed(stream)
    }
  }

  protected protocolError(details: string): void {
    this.fatal(H2.ProtocolError, details)
  }

  protected emptyFlood(): void {
    this.cells[S.HTTP2_EMPTY_FRAMES_FLOOD]! += 1
    this.fatal(H2.EnhanceYourCalm, 'http2.inbound_empty_frames_flood')
  }

  /** A connection error (RFC 9113, 5.4.1): GOAWAY, and nothing is read any more. */
  protected fatal(code: number, details: string): void {
    if (this.dead) return
    this.dead = true
    this.reader.stop()
    this.keepalive?.stop()
    this.sendGoAway(this.lastPeerStreamId, code, details)
    this.onFatal(details)
  }

  protected sendGoAway(lastId: number, code: number, debug: string): void {
    this.cells[S.HTTP2_GOAWAY_SENT]! += 1
    this.writer.goAway(lastId, code, debug)
  }

  // ---- watermarks

  onAboveWriteBufferHighWatermark(): void {
    for (const stream of this.streams.all()) stream.holdByConnection(true)
  }

  onBelowWriteBufferLowWatermark(): void {
    if (this.dead) return
    this.sender.flush()
    if (this.connection.aboveHighWatermark) return
    for (const stream of this.streams.all()) stream.holdByConnection(false)
  }
}

function endFlood(session: SessionCore): void {
  const { buffers } = session.connection.thread
  buffers.enter()
  session.endFlood()
  buffers.leave()
}
