// HOT FILE (docs/hot-path.md): the server half of HTTP/2 (RFC 9113): requests in, responses out.
import type { Connection } from '../../../net/index.ts'
import type { StatBlock } from '../../../observability/index.ts'
import { HeaderMap } from '../../headers.ts'
import * as S from '../../http2-stats.ts'
import type { ResetReason, ServerCodec, ServerCodecCallbacks } from '../codec.ts'
import { EndedByPeer, NeverOpened, ResetHere } from './closed-streams.ts'
import * as H2 from './constants.ts'
import { blockBound, encodeResponse } from './head-encoder.ts'
import { failureDetails, INVALID_FIELD, VIOLATION } from './head-failure.ts'
import {
  type HeadFailure,
  HeadInvalidField,
  HeadTooLarge,
  HeadTooManyFields,
  HeadUnderscore,
  HeadViolation,
  RequestHead,
  Trailers,
} from './hpack/head-assembler.ts'
import { announcedLength, finishRequest } from './message-head.ts'
import type { Http2Options } from './options.ts'
import { assembler, Http2Session } from './session.ts'
import { Http2Stream } from './stream.ts'

export class Http2ServerCodec extends Http2Session implements ServerCodec {
  readonly protocol = 'HTTP/2'
  private readonly callbacks: ServerCodecCallbacks
  /** The client's last stream. */
  private lastId = 0
  /** New streams are refused: a final GOAWAY has gone out, or the connection is about to end. */
  private refusing = false

  constructor(connection: Connection, callbacks: ServerCodecCallbacks, options: Http2Options, stats: StatBlock) {
    super(connection, options, stats, true)
    this.callbacks = callbacks
  }

  get hasPartialRequest(): boolean {
    return this.block.streamId !== 0 || this.reader.insideHeaders
  }

  protected get lastPeerStreamId(): number {
    return this.lastId
  }

  protected isIdle(id: number): boolean {
    return id > this.lastId || (id & 1) === 0
  }

  protected chargeReset(): boolean {
    return this.guard.onReset()
  }

  // ---- requests

  protected checkNewHeaders(id: number): boolean {
    if ((id & 1) === 0) this.protocolError('http2.stream_id')
    else if (id > this.lastId) return true
    else {
      const end = this.closedStreams.endOf(id)
      if (end === ResetHere) return true
      if (end === NeverOpened) this.protocolError('http2.stream_id')
      else this.fatal(H2.StreamClosed, 'http2.stream_closed')
    }
    return false
  }

  protected beginHead(stream: Http2Stream | undefined): void {
    const { limits, disallowObsText } = this.options
    assembler.begin(stream === undefined ? RequestHead : Trailers, limits, disallowObsText)
  }

  protected onHead(id: number, stream: Http2Stream | undefined, endStream: boolean): void {
    if (stream !== undefined) {
      this.onTrailers(id, stream, endStream)
      return
    }
    const { headers } = assembler
    // A stream that was reset here while these were on their way.
    if (id <= this.lastId) {
      HeaderMap.release(headers)
      return
    }
    this.lastId = id
    if (this.refusing || this.streams.size >= this.options.maxConcurrentStreams) {
      HeaderMap.release(headers)
      this.refuse(id)
      return
    }
    if (!finishRequest(assembler, this.options.allowConnect)) {
      this.onRefusedHead(id, assembler.failure)
      return
    }
    const length = announcedLength(headers)
    if (length === -2 || (endStream && length > 0)) {
      this.onRefusedHead(id, length === -2 ? HeadInvalidField : HeadViolation)
      return
    }
    const request = this.openStream(id)
    request.countHeadReceived(this.blockBytes)
    request.remoteEnded = endStream
    request.headReceived = true
    request.expectedBytes = length
    request.headRequest = headers.method === 'HEAD'
    if (assembler.protocol !== '') request.upgrade = assembler.protocol
    const decoder = this.callbacks.newStream(request)
    request.decoder = decoder
    decoder.decodeHeaders(headers, endStream)
    if (this.connection.aboveHighWatermark) request.holdByConnection(true)
  }

  private openStream(id: number): Http2Stream {
    const stream = new Http2Stream(this, id, this.peer.initialWindowBytes, this.ownWindow)
    this.streams.add(stream)
    this.cells[S.HTTP2_STREAMS_ACTIVE]! += 1
    return stream
  }

  private onTrailers(id: number, stream: Http2Stream, endStream: boolean): void {
    const { headers, failure } = assembler
    this.cells[S.HTTP2_TRAILERS]! += 1
    if (failure !== 0 || !endStream) {
      HeaderMap.release(headers)
      if (failure === HeadTooManyFields || failure === HeadTooLarge) {
        this.countOverflow(failure)
        this.onBrokenStream(id, stream, H2.InternalError, failureDetails(failure), 'remote_reset')
      } else this.onInvalidMessage(id, stream, failure === HeadInvalidField ? INVALID_FIELD : VIOLATION)
      return
    }
    if (stream.expectedBytes > 0) {
      HeaderMap.release(headers)
      this.onBrokenStream(id, stream, H2.ProtocolError, VIOLATION)
      return
    }
    stream.remoteEnded = true
    const { decoder } = stream
    if (decoder === null) HeaderMap.release(headers)
    else decoder.decodeTrailers(headers)
    if (!stream.closed) this.onRemoteEnd(stream)
  }

  private refuse(id: number): void {
    this.cells[S.HTTP2_REFUSED_STREAMS]! += 1
    this.onBrokenStream(id, undefined, H2.RefusedStream, 'http2.stream_refused')
  }

  private onRefusedHead(id: number, failure: HeadFailure): void {
    const unsupportedConnect = isUnsupportedConnect(failure)
    HeaderMap.release(assembler.headers)
    const details = failureDetails(failure)
    if (failure === HeadTooManyFields || failure === HeadTooLarge) {
      this.countOverflow(failure)
      // Envoy's code and reason, here and below: it calls these a reset by the peer.
      this.rejectRequest(id, H2.InternalError, 'remote_reset', details)
    } else if (failure === HeadUnderscore) {
      this.cells[S.HTTP2_REJECTED_UNDERSCORES]! += 1
      this.rejectRequest(id, H2.InternalError, 'remote_reset', details)
    } else {
      this.cells[S.HTTP2_MESSAGING_ERROR]! += 1
      if (this.options.streamErrorOnInvalidMessage || unsupportedConnect) {
        this.rejectRequest(id, H2.ProtocolError, 'protocol_error', details)
      } else {
        // Counted and logged like a request; it ends with its connection.
        const stream = this.openStream(id)
        stream.decoder = this.callbacks.newStream(stream)
        this.fatal(H2.ProtocolError, details)
      }
    }
  }

  /** A stream that lives just long enough to be counted and logged. */
  private rejectRequest(id: number, code: number, reason: ResetReason, details: string): void {
    if (!this.chargeReset()) {
      this.fatal(H2.EnhanceYourCalm, 'http2.stream_reset_flood')
      return
    }
    this.writeReset(id, code)
    const stream = this.openStream(id)
    const decoder = this.callbacks.newStream(stream)
    this.closeStream(stream, ResetHere)
    decoder.onResetStream(reason, details)
  }

  // ---- responses

  sendInformational(stream: Http2Stream, headers: HeaderMap): void {
    this.writeHead(stream, headers, headers.status, false)
  }

  sendHead(stream: Http2Stream, headers: HeaderMap, endStream: boolean): void {
    const { status } = headers
    // The answer to an extended CONNECT that HTTP/1 calls 101 (RFC 8441, 5).
    const agreed = status === 101 && stream.upgrade !== null
    stream.bodiless = stream.headRequest || status === 204 || status === 304
    this.writeHead(stream, headers, agreed ? 200 : status, endStream)
    stream.headSent = true
    if (endStream) stream.onLocalEnd()
  }

  private writeHead(stream: Http2Stream, headers: HeaderMap, status: number, endStream: boolean): void {
    const at = this.writer.beginBlock(blockBound(headers))
    const end = encodeResponse(this.encoder, headers, status, this.connection.thread.buffers.output, at)
    this.writer.endBlock(stream.id, at, end, endStream)
    stream.countHeadSent(end - at)
  }

  onLocalEnd(stream: Http2Stream): void {
    if (stream.remoteEnded) this.closeStream(stream, EndedByPeer)
    else stream.linger()
  }

  // ---- the connection

  protected onStreamClosed(_stream: Http2Stream): void {}
  protected onGoAwayFrame(_lastId: number, _code: number): void {}
  protected onSettings(): void {}

  protected onFatal(details: string): void {
    this.callbacks.onCodecError({ status: 0, details })
  }

  onConnectionClosed(): void {
    this.resetAll('connection_termination', null)
  }

  resumePipelined(): void {}

  stop(): void {
    this.refusing = true
  }

  shutdownNotice(): void {
    if (!this.dead && !this.refusing) this.sendGoAway(H2.MAX_STREAM_ID, H2.NoError, '')
  }

  goAway(): void {
    if (this.dead) return
    this.refusing = true
    this.sendGoAway(this.lastId, H2.NoError, '')
  }
}

/** Extended CONNECT that was not offered ends its own stream only. */
function isUnsupportedConnect(failure: HeadFailure): boolean {
  return failure === HeadInvalidField && assembler.protocol !== '' && assembler.headers.method === 'CONNECT'
}
