// HOT FILE (docs/hot-path.md): the client half of HTTP/2 (RFC 9113): many requests at once, their responses back.
import { MemberList } from '../../../base/index.ts'
import type { Connection } from '../../../net/index.ts'
import type { StatBlock } from '../../../observability/index.ts'
import { HeaderMap } from '../../headers.ts'
import * as S from '../../http2-stats.ts'
import { CONNECTION, CONTENT_LENGTH, UPGRADE } from '../../known-headers.ts'
import type { MultiplexedClientCallbacks, RequestEncoder, ResetReason, ResponseDecoder } from '../codec.ts'
import { EndedByPeer, ResetHere } from './closed-streams.ts'
import * as H2 from './constants.ts'
import { blockBound, encodeRequest } from './head-encoder.ts'
import { failureDetails, VIOLATION } from './head-failure.ts'
import {
  HeadTooLarge,
  HeadTooManyFields,
  HeadValid,
  HeadViolation,
  ResponseHead,
  Trailers,
} from './hpack/head-assembler.ts'
import { announcedLength, finishResponse } from './message-head.ts'
import type { Http2Options } from './options.ts'
import { assembler, Http2Session } from './session.ts'
import { Http2Stream } from './stream.ts'

/** Informational responses in front of one final response; more are a flood. */
const MAX_INFORMATIONAL = 32

export class Http2ClientCodec extends Http2Session {
  private readonly callbacks: MultiplexedClientCallbacks
  private nextId = 1
  /** Streams whose request has not begun. */
  private readonly unsent = new MemberList<Http2Stream>()
  private noNewStreams = false

  constructor(connection: Connection, callbacks: MultiplexedClientCallbacks, options: Http2Options, stats: StatBlock) {
    super(connection, options, stats, false)
    this.callbacks = callbacks
  }

  override get activeStreams(): number {
    return this.streams.size + this.unsent.size
  }

  /** How many streams the peer takes at once; until it has said so, as many as are configured. */
  get maxConcurrentStreams(): number {
    const own = this.options.maxConcurrentStreams
    const theirs = this.peer.maxConcurrentStreams
    return theirs < 0 || theirs > own ? own : theirs
  }

  /** False once the peer said GOAWAY or the stream ids are used up: what is under way goes on. */
  get canOpenStream(): boolean {
    return !this.dead && !this.noNewStreams
  }

  protected get lastPeerStreamId(): number {
    return 0
  }

  protected isIdle(id: number): boolean {
    return id >= this.nextId || (id & 1) === 0
  }

  protected chargeReset(): boolean {
    return true
  }

  // ---- requests

  newStream(decoder: ResponseDecoder): RequestEncoder {
    const stream = new Http2Stream(this, 0, this.peer.initialWindowBytes, this.ownWindow)
    stream.decoder = decoder
    this.unsent.add(stream)
    this.cells[S.HTTP2_STREAMS_ACTIVE]! += 1
    return stream
  }

  sendHead(stream: Http2Stream, headers: HeaderMap, endStream: boolean): void {
    if (!this.canOpenStream) {
      this.giveUp(stream, 'remote_refused_stream_reset', 'http2.goaway')
      return
    }
    this.keepalive?.onNewStream()
    stream.headRequest = headers.method === 'HEAD'
    stream.tunnel = headers.method === 'CONNECT'
    const upgrade = headers.has(UPGRADE) && headers.has(CONNECTION) ? (headers.get(UPGRADE) as string) : ''
    if (upgrade === '') {
      this.writeHead(stream, headers, '', endStream)
      return
    }
    stream.upgrade = upgrade
    if (!this.settingsReceived) {
      // Only the peer's SETTINGS say whether it knows extended CONNECT (RFC 8441, 3).
      stream.waitingHead = headers.clone()
      stream.waitingEnd = endStream
    } else this.sendUpgrade(stream, headers, endStream)
  }

  private sendUpgrade(stream: Http2Stream, headers: HeaderMap, endStream: boolean): void {
    if (this.peer.enableConnectProtocol) this.writeHead(stream, headers, stream.upgrade as string, endStream)
    else this.giveUp(stream, 'protocol_error', 'http2.extended_connect_not_supported')
  }

  private writeHead(stream: Http2Stream, headers: HeaderMap, protocol: string, endStream: boolean): void {
    const id = this.nextId
    this.nextId += 2
    stream.id = id
    stream.sendWindow = this.peer.initialWindowBytes
    stream.receiveWindow = this.ownWindow
    this.unsent.delete(stream)
    this.streams.add(stream)
    const at = this.writer.beginBlock(blockBound(headers))
    const end = encodeRequest(this.encoder, headers, protocol, this.connection.thread.buffers.output, at)
    this.writer.endBlock(id, at, end, endStream)
    stream.countHeadSent(end - at)
    this.guard.openedStreams++
    stream.headSent = true
    if (endStream) stream.onLocalEnd()
    if (this.nextId > H2.MAX_STREAM_ID) this.announceEnd()
    if (this.connection.aboveHighWatermark) stream.holdByConnection(true)
  }

  sendInformational(_stream: Http2Stream, _headers: HeaderMap): void {}

  onLocalEnd(stream: Http2Stream): void {
    if (stream.remoteEnded) this.finishStream(stream)
  }

  /** The stream ends before it was on the wire, or for a reason of ours that its owner must hear. */
  private giveUp(stream: Http2Stream, reason: ResetReason, details: string): void {
    const { decoder } = stream
    this.closeStream(stream, ResetHere)
    decoder?.onResetStream(reason, details)
    this.onStreamClosed(stream)
  }

  protected onStreamClosed(stream: Http2Stream): void {
    this.unsent.delete(stream)
    if (stream.waitingHead !== null) {
      HeaderMap.release(stream.waitingHead)
      stream.waitingHead = null
    }
    this.callbacks.onStreamClosed()
  }

  // ---- responses

  protected checkNewHeaders(id: number): boolean {
    if (this.isIdle(id)) {
      this.protocolError('http2.stream_id')
      return false
    }
    if (this.closedStreams.endOf(id) !== EndedByPeer) return true
    this.fatal(H2.StreamClosed, 'http2.stream_closed')
    return false
  }

  protected beginHead(stream: Http2Stream | undefined): void {
    const { limits, disallowObsText } = this.options
    assembler.begin(stream?.headReceived === true ? Trailers : ResponseHead, limits, disallowObsText)
  }

  protected onHead(id: number, stream: Http2Stream | undefined, endStream: boolean): void {
    const { headers } = assembler
    // A stream that was reset here while these were on their way.
    if (stream === undefined) {
      HeaderMap.release(headers)
      return
    }
    if (stream.headReceived) {
      this.onTrailers(id, stream, endStream)
      return
    }
    if (!finishResponse(assembler)) {
      this.onRefusedHead(id, stream)
      return
    }
    if (headers.status < 200) {
      this.onInformational(id, stream, headers, endStream)
      return
    }
    if (!this.expectBody(stream, headers, endStream)) {
      assembler.fail(HeadViolation)
      this.onRefusedHead(id, stream)
      return
    }
    stream.headReceived = true
    stream.remoteEnded = endStream
    stream.decoder?.decodeHeaders(headers, endStream)
    if (endStream && !stream.closed) this.onRemoteEnd(stream)
  }

  /** False: the length that is announced is doubtful, or not what comes. */
  private expectBody(stream: Http2Stream, headers: HeaderMap, endStream: boolean): boolean {
    const { status } = headers
    if (stream.upgrade !== null && status === 200) {
      // The form that HTTP/1 gives to an accepted extended CONNECT (RFC 8441, 5).
      headers.status = 101
      headers.append(UPGRADE, stream.upgrade)
      headers.append(CONNECTION, 'upgrade')
      headers.remove(CONTENT_LENGTH)
      return true
    }
    const length = announcedLength(headers)
    if (length === -2) return false
    // RFC 9110, 8.6: no length of what has no body.
    if (status === 204 && length >= 0) {
      if (length > 0) return false
      headers.remove(CONTENT_LENGTH)
    }
    if (stream.tunnel && status < 300 && length >= 0) {
      headers.remove(CONTENT_LENGTH)
      return true
    }
    if (stream.headRequest || status === 204 || status === 304) stream.expectedBytes = 0
    else if (endStream && length > 0) return false
    else stream.expectedBytes = length
    return true
  }

  private onInformational(id: number, stream: Http2Stream, headers: HeaderMap, endStream: boolean): void {
    if (endStream || headers.has(CONTENT_LENGTH) || ++stream.informational > MAX_INFORMATIONAL) {
      HeaderMap.release(headers)
      this.onInvalidMessage(id, stream, VIOLATION)
      return
    }
    ;(stream.decoder as ResponseDecoder | null)?.decode1xxHeaders(headers)
  }

  private onTrailers(id: number, stream: Http2Stream, endStream: boolean): void {
    const { headers } = assembler
    if (assembler.failure !== HeadValid || !endStream || stream.expectedBytes > 0) {
      this.onRefusedHead(id, stream)
      return
    }
    stream.remoteEnded = true
    stream.decoder?.decodeTrailers(headers)
    if (!stream.closed) this.onRemoteEnd(stream)
  }

  private onRefusedHead(id: number, stream: Http2Stream): void {
    const { failure, headers } = assembler
    HeaderMap.release(headers)
    const details = failureDetails(failure)
    if (failure === HeadTooManyFields || failure === HeadTooLarge) {
      this.countOverflow(failure)
      // As Envoy, here and for requests: it calls these a reset by the peer.
      this.onBrokenStream(id, stream, H2.InternalError, details, 'remote_reset')
    } else this.onInvalidMessage(id, stream, details)
  }

  // ---- the connection

  protected onSettings(): void {
    this.callbacks.onMaxConcurrentStreams(this.maxConcurrentStreams)
    for (const stream of this.unsent.all()) {
      const head = stream.waitingHead
      if (head === null) continue
      this.sendUpgrade(stream, head, stream.waitingEnd)
      if (stream.closed) continue
      stream.waitingHead = null
      HeaderMap.release(head)
      this.sender.wake(stream)
    }
  }

  protected onGoAwayFrame(lastId: number, _code: number): void {
    this.noNewStreams = true
    // First the pool: whoever is refused may ask it for another stream at once.
    this.callbacks.onGoAway()
    for (const stream of this.streams.all()) {
      if (stream.id > lastId && !stream.closed) this.giveUp(stream, 'remote_refused_stream_reset', 'http2.goaway')
    }
    for (const stream of this.unsent.all()) this.giveUp(stream, 'remote_refused_stream_reset', 'http2.goaway')
  }

  /** Ids are used up (RFC 9113, 5.1.1): to the pool the same as a GOAWAY. */
  private announceEnd(): void {
    this.noNewStreams = true
    this.callbacks.onGoAway()
  }

  protected onFatal(details: string): void {
    this.callbacks.onProtocolError(details)
  }

  goAway(): void {
    if (!this.dead) this.sendGoAway(0, H2.NoError, '')
  }

  onConnectionClosed(reason: ResetReason, detail: string | null): void {
    const unsent = this.unsent.all()
    this.resetAll(reason, detail)
    for (const stream of unsent) if (!stream.closed) this.giveUp(stream, reason, detail ?? '')
  }
}
