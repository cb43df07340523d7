// HOT FILE (docs/hot-path.md): what both halves of an HTTP/2 connection have in common (RFC 9113): frames in, streams out.
import { HeaderMap } from '../../headers.ts'
import * as S from '../../http2-stats.ts'
import type { RequestDecoder, ResponseDecoder } from '../codec.ts'
import { EndedByPeer, ResetHere } from './closed-streams.ts'
import * as H2 from './constants.ts'
import { HeadAssembler } from './hpack/head-assembler.ts'
import { SessionCore } from './session-core.ts'
import type { Http2Stream } from './stream.ts'

const SETTING_BYTES = 6
const DATA_DETAILS: Readonly<Record<number, string>> = {
  [H2.ProtocolError]: 'http2.violation.of.messaging.rule',
  [H2.StreamClosed]: 'http2.stream_closed',
  [H2.FlowControlError]: 'http2.flow_control',
}
const PRIORITY_BYTES = 5
/** So much of heads and control frames at once lets others go first; a TLS record holds 16384. */
const YIELD_BYTES = 16000

// No head is under way between two blocks: one assembler per thread serves all connections.
export const assembler = new HeadAssembler()

export abstract class Http2Session extends SessionCore {
  /** Of the head that is being taken apart. */
  protected blockBytes = 0
  private dataStream: Http2Stream | null = null
  private dataEndsStream = false
  private dataBytes = 0

  /** A frame for a stream that is not under way; false when the connection ends for it. */
  protected abstract checkNewHeaders(id: number): boolean
  /** A whole head or trailers, in `assembler`; `stream`: undefined for a new one. */
  protected abstract onHead(id: number, stream: Http2Stream | undefined, endStream: boolean): void
  protected abstract beginHead(stream: Http2Stream | undefined): void
  protected abstract onGoAwayFrame(lastId: number, code: number): void
  protected abstract onSettings(): void

  // ---- decoding

  dispatch(data: Buffer, start: number, end: number): void {
    if (this.dead) return
    this.dispatching = true
    this.dataBytes = 0
    this.keepalive?.onRead()
    this.reader.read(data, start, end)
    this.dispatching = false
    // Large bodies: fewer, larger reads.
    this.connection.expectBulk = this.dataBytes > 16384
    // Frames other than DATA cost up to a hundred times as much per byte.
    if (end - start - this.dataBytes >= YIELD_BYTES) this.connection.yieldReading()
    if (this.flood !== null) this.fatal(H2.EnhanceYourCalm, this.flood)
  }

  onFrame(type: number, flags: number, id: number, data: Buffer, start: number, end: number): void {
    if (this.flood !== null) return void this.fatal(H2.EnhanceYourCalm, this.flood)
    if (this.block.streamId !== 0 && type !== H2.FrameContinuation) return void this.protocolError('http2.continuation')
    if (!this.settingsReceived && (type !== H2.FrameSettings || (flags & H2.FlagAck) !== 0)) {
      return void this.protocolError('http2.settings_expected')
    }
    switch (type) {
      case H2.FrameHeaders:
        return void this.onHeadersFrame(flags, id, data, start, end)
      case H2.FrameWindowUpdate:
        return void this.onWindowUpdate(id, data, start, end)
      case H2.FrameRstStream:
        return void this.onRstStream(id, data, start, end)
      case H2.FrameSettings:
        return void this.onSettingsFrame(flags, id, data, start, end)
      case H2.FramePing:
        return void this.onPing(flags, id, data, start, end)
      case H2.FramePriority:
        return void this.onPriority(id, data, start, end)
      case H2.FrameContinuation:
        return void this.onContinuation(flags, id, data, start, end)
      case H2.FrameGoAway:
        return void this.onGoAway(id, data, start, end)
      case H2.FramePushPromise:
        return void this.protocolError('http2.push_promise')
    }
  }

  // ---- heads

  private onHeadersFrame(flags: number, id: number, data: Buffer, start: number, end: number): void {
    if (id === 0) return void this.protocolError('http2.stream_id')
    const empty = start === end && (flags & H2.FlagEndStream) === 0
    if (!this.guard.onPayloadFrame(empty)) return void this.emptyFlood()
    let from = start
    let to = end
    if ((flags & H2.FlagPadded) !== 0) to -= from === to ? 1 : data[from++]!
    let selfDependent = false
    if ((flags & H2.FlagPriority) !== 0) {
      if (to - from < PRIORITY_BYTES) return void this.protocolError('http2.priority')
      selfDependent = (readUint32(data, from) & H2.MAX_STREAM_ID) === id
      from += PRIORITY_BYTES
    }
    if (from > to) return void this.protocolError('http2.padding')
    const stream = this.streams.get(id)
    if (stream === undefined && !this.checkNewHeaders(id)) return
    const { block } = this
    if ((flags & H2.FlagEndHeaders) !== 0) {
      this.guard.openedStreams++
      this.decodeBlock(id, stream, flags, selfDependent, data, from, to)
      return
    }
    block.begin(id, flags, selfDependent)
    block.append(data, from, to)
  }

  private onContinuation(flags: number, id: number, data: Buffer, start: number, end: number): void {
    const { block } = this
    if (block.streamId === 0 || block.streamId !== id) return void this.protocolError('http2.continuation')
    if (!this.guard.onPayloadFrame(start === end)) return void this.emptyFlood()
    if (!block.append(data, start, end)) {
      this.cells[S.HTTP2_HEADER_OVERFLOW]! += 1
      return void this.fatal(H2.EnhanceYourCalm, 'http2.header_overflow')
    }
    if ((flags & H2.FlagEndHeaders) === 0) return
    this.guard.openedStreams++
    const { buffer, size } = block
    block.finish()
    this.decodeBlock(id, this.streams.get(id), block.flags, block.selfDependent, buffer, 0, size)
  }

  /** Decoded even when nobody wants the head: the table must stay in step (RFC 7541, 2.2). */
  private decodeBlock(
    id: number,
    stream: Http2Stream | undefined,
    flags: number,
    selfDependent: boolean,
    data: Buffer,
    from: number,
    to: number,
  ): void {
    this.blockBytes = to - from
    stream?.countHeadReceived(to - from)
    this.beginHead(stream)
    if (!this.decoder.decode(data, from, to, assembler)) {
      HeaderMap.release(assembler.headers)
      return void this.fatal(H2.CompressionError, 'http2.compression_error')
    }
    if (assembler.droppedUnderscores > 0) {
      this.cells[S.HTTP2_DROPPED_UNDERSCORES]! += assembler.droppedUnderscores
    }
    if (selfDependent) {
      HeaderMap.release(assembler.headers)
      this.onBrokenStream(id, stream, H2.ProtocolError, 'http2.priority')
    } else if (stream?.remoteEnded === true) {
      HeaderMap.release(assembler.headers)
      this.onBrokenStream(id, stream, H2.StreamClosed, 'http2.stream_closed')
    } else this.onHead(id, stream, (flags & H2.FlagEndStream) !== 0)
  }

  // ---- data

  onDataBegin(id: number, length: number, dataBytes: number, endStream: boolean): void {
    this.dataStream = null
    if (this.flood !== null) return void this.fatal(H2.EnhanceYourCalm, this.flood)
    if (this.block.streamId !== 0) return void this.protocolError('http2.continuation')
    if (!this.settingsReceived) return void this.protocolError('http2.settings_expected')
    if (id === 0) return void this.protocolError('http2.stream_id')
    if (!this.guard.onPayloadFrame(dataBytes === 0 && !endStream)) return void this.emptyFlood()
    this.dataBytes += length
    this.receiveWindow -= length
    if (this.receiveWindow < 0) return void this.fatal(H2.FlowControlError, 'http2.flow_control')
    const stream = this.streams.get(id)
    if (stream === undefined) {
      this.returnToConnection(length)
      this.onDataWithoutStream(id)
      return
    }
    stream.receiveWindow -= length
    stream.meter.wireReceived += length + H2.FRAME_HEADER_BYTES
    const code = this.judgeData(stream, dataBytes, endStream)
    if (code !== H2.NoError) {
      this.returnToConnection(length)
      this.onBrokenStream(id, stream, code, DATA_DETAILS[code] as string)
      return
    }
    if (length > dataBytes) stream.giveBack(length - dataBytes)
    this.dataStream = stream
    this.dataEndsStream = endStream
  }

  /** Why the stream must not get this frame. */
  private judgeData(stream: Http2Stream, dataBytes: number, endStream: boolean): number {
    if (stream.remoteEnded) return H2.StreamClosed
    if (stream.receiveWindow < 0) return H2.FlowControlError
    if (!stream.headReceived) return H2.ProtocolError
    if (stream.expectedBytes < 0) return H2.NoError
    const rest = stream.expectedBytes - dataBytes
    if (rest < 0 || (endStream && rest > 0)) return H2.ProtocolError
    stream.expectedBytes = rest
    return H2.NoError
  }

  private onDataWithoutStream(id: number): void {
    if (this.isIdle(id)) return void this.protocolError('http2.idle_stream')
    const end = this.closedStreams.endOf(id)
    if (end === ResetHere) return
    if (end === EndedByPeer) return void this.fatal(H2.StreamClosed, 'http2.stream_closed')
    this.onBrokenStream(id, undefined, H2.StreamClosed, 'http2.stream_closed')
  }

  onDataBytes(data: Buffer, start: number, end: number, last: boolean): void {
    const stream = this.dataStream
    if (stream === null) return
    const size = end - start
    if (stream.closed) {
      this.returnToConnection(size)
      return
    }
    const ends = last && this.dataEndsStream
    if (ends) stream.remoteEnded = true
    if (stream.lingering) stream.onUnwanted(size)
    else {
      if (size > 0 || ends) {
        ;(stream.decoder as RequestDecoder | ResponseDecoder | null)?.decodeData(data, start, end, ends)
      }
      if (size > 0) stream.onConsumed(size)
    }
    if (ends && !stream.closed) this.onRemoteEnd(stream)
  }

  // ---- other frames

  private onWindowUpdate(id: number, data: Buffer, start: number, end: number): void {
    if (end - start !== 4) return void this.fatal(H2.FrameSizeError, 'http2.frame_size')
    if (!this.guard.onWindowUpdate()) {
      this.cells[S.HTTP2_WINDOW_UPDATE_FLOOD]! += 1
      return void this.fatal(H2.EnhanceYourCalm, 'codec_error:Too_many_WINDOW_UPDATE_frames')
    }
    const increment = readUint32(data, start) & H2.MAX_WINDOW_BYTES
    const { sender } = this
    if (id === 0) {
      if (increment === 0) return void this.protocolError('http2.window_update')
      sender.window += increment
      if (sender.window > H2.MAX_WINDOW_BYTES) return void this.fatal(H2.FlowControlError, 'http2.flow_control')
      sender.flush()
      return
    }
    if (this.isIdle(id)) return void this.protocolError('http2.idle_stream')
    const stream = this.streams.get(id)
    if (stream === undefined) return
    if (increment === 0) return void this.onBrokenStream(id, stream, H2.ProtocolError, 'http2.window_update')
    stream.sendWindow += increment
    if (stream.sendWindow > H2.MAX_WINDOW_BYTES) {
      return void this.onBrokenStream(id, stream, H2.FlowControlError, 'http2.flow_control')
    }
    if (stream.pending !== null) {
      sender.wake(stream)
      sender.flush()
    }
  }

  private onRstStream(id: number, data: Buffer, start: number, end: number): void {
    if (end - start !== 4) return void this.fatal(H2.FrameSizeError, 'http2.frame_size')
    if (id === 0 || this.isIdle(id)) return void this.protocolError('http2.idle_stream')
    if (!this.chargeReset()) return void this.fatal(H2.EnhanceYourCalm, 'http2.stream_reset_flood')
    const stream = this.streams.get(id)
    if (stream === undefined) return
    this.cells[S.HTTP2_RX_RESET]! += 1
    const code = readUint32(data, start)
    // A response that is complete stays so: the server only does not want the rest of the request (RFC 9113, 8.1).
    const decoder = !this.server && stream.remoteEnded ? null : stream.decoder
    this.closeStream(stream, EndedByPeer)
    if (code === H2.RefusedStream) decoder?.onResetStream('remote_refused_stream_reset', 'http2.remote_refuse')
    // As Envoy: an origin that finds fault with the request is answered for as if it had sent nonsense.
    else if (code === H2.ProtocolError && !this.server) decoder?.onResetStream('protocol_error', 'http2.remote_reset')
    else decoder?.onResetStream('remote_reset', 'http2.remote_reset')
    this.onStreamClosed(stream)
  }

  private onPriority(id: number, data: Buffer, start: number, end: number): void {
    if (id === 0) return void this.protocolError('http2.stream_id')
    if (!this.guard.onPriorityFrame()) {
      this.cells[S.HTTP2_PRIORITY_FLOOD]! += 1
      return void this.fatal(H2.EnhanceYourCalm, 'codec_error:Too_many_PRIORITY_frames')
    }
    if (end - start !== PRIORITY_BYTES) {
      return void this.onBrokenStream(id, this.streams.get(id), H2.FrameSizeError, 'http2.frame_size')
    }
    if ((readUint32(data, start) & H2.MAX_STREAM_ID) === id) {
      this.onBrokenStream(id, this.streams.get(id), H2.ProtocolError, 'http2.priority')
    }
  }

  private onPing(flags: number, id: number, data: Buffer, start: number, end: number): void {
    if (id !== 0) return void this.protocolError('http2.stream_id')
    if (end - start !== 8) return void this.fatal(H2.FrameSizeError, 'http2.frame_size')
    if ((flags & H2.FlagAck) !== 0) this.keepalive?.onPingAck(data, start)
    else this.writer.ping(true, data, start)
  }

  private onGoAway(id: number, data: Buffer, start: number, end: number): void {
    if (id !== 0) return void this.protocolError('http2.stream_id')
    if (end - start < 8) return void this.fatal(H2.FrameSizeError, 'http2.frame_size')
    this.onGoAwayFrame(readUint32(data, start) & H2.MAX_STREAM_ID, readUint32(data, start + 4))
  }

  private onSettingsFrame(flags: number, id: number, data: Buffer, start: number, end: number): void {
    if (id !== 0) return void this.protocolError('http2.stream_id')
    const ack = (flags & H2.FlagAck) !== 0
    if ((ack && end > start) || (end - start) % SETTING_BYTES !== 0) {
      return void this.fatal(H2.FrameSizeError, 'http2.frame_size')
    }
    if (ack) return void this.onSettingsAcknowledged()
    const { peer } = this
    for (let i = start; i < end; i += SETTING_BYTES) {
      const before = peer.initialWindowBytes
      const code = peer.apply((data[i]! << 8) | data[i + 1]!, readUint32(data, i + 2) >>> 0, !this.server)
      if (code !== H2.NoError) return void this.fatal(code, 'http2.settings')
      if (peer.initialWindowBytes !== before && !this.moveSendWindows(peer.initialWindowBytes - before)) {
        return void this.fatal(H2.FlowControlError, 'http2.flow_control')
      }
    }
    if (peer.headerTableBytes >= 0) this.encoder.setPeerLimit(peer.headerTableBytes)
    this.settingsReceived = true
    this.writer.settingsAck()
    this.onSettings()
    this.sender.flush()
  }

  /** Windows under way move with the initial one, below zero if need be (RFC 9113, 6.9.2). */
  private moveSendWindows(difference: number): boolean {
    for (const stream of this.streams.all()) {
      stream.sendWindow += difference
      if (stream.sendWindow > H2.MAX_WINDOW_BYTES) return false
      this.sender.wake(stream)
    }
    return true
  }

  private onSettingsAcknowledged(): void {
    if (this.settingsAcknowledged) return
    this.settingsAcknowledged = true
    const { hpackTableBytes, initialStreamWindowBytes } = this.options
    this.decoder.setTableLimit(hpackTableBytes)
    const difference = initialStreamWindowBytes - this.ownWindow
    this.ownWindow = initialStreamWindowBytes
    for (const stream of this.streams.all()) stream.receiveWindow += difference
  }
}

function readUint32(data: Buffer, at: number): number {
  return (data[at]! << 24) | (data[at + 1]! << 16) | (data[at + 2]! << 8) | data[at + 3]!
}
