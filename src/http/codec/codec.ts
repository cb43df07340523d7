// The codec contract: what HTTP/1.1 and HTTP/2 share. Bytes in on one side, decoder callbacks out; encoders back.
import type { BytesMeter } from '../../observability/index.ts'
import type { HeaderMap } from '../headers.ts'

/** Why a stream ended before its time. */
export type ResetReason =
  | 'local_reset'
  | 'remote_reset'
  | 'connection_failure'
  | 'connection_timeout'
  | 'connection_termination'
  | 'overflow'
  | 'protocol_error'
  | 'local_refused_stream_reset'
  | 'remote_refused_stream_reset'

/** Why this side resets a stream: by what it hears itself, for a tunnel that is cut, or because the rest is not wanted. */
export type OwnReset = ResetReason | 'connect_error' | 'no_error'

/** Hears of a stream's end and of its write buffer's state. */
export interface StreamCallbacks {
  /** The stream is over without its regular end; nothing else follows. */
  onResetStream(reason: ResetReason, detail: string | null): void
  onAboveWriteBufferHighWatermark(): void
  onBelowWriteBufferLowWatermark(): void
}

/** Receives a request, in order: headers, then data, then perhaps trailers; one of them carries the end. */
export interface RequestDecoder extends StreamCallbacks {
  /** `headers` belong to the decoder from now on (HeaderMap.release when done). */
  decodeHeaders(headers: HeaderMap, endStream: boolean): void
  /** Bytes [start, end), valid only during the call. May be empty with `endStream`. */
  decodeData(data: Buffer, start: number, end: number, endStream: boolean): void
  decodeTrailers(trailers: HeaderMap): void
}

/** Receives a response; informational ones first. */
export interface ResponseDecoder extends StreamCallbacks {
  decode1xxHeaders(headers: HeaderMap): void
  decodeHeaders(headers: HeaderMap, endStream: boolean): void
  decodeData(data: Buffer, start: number, end: number, endStream: boolean): void
  decodeTrailers(trailers: HeaderMap): void
}

/** What both encoders can do. */
export interface StreamEncoder {
  /** Counts what the stream moves; one object per stream, so that logs may read it later. */
  readonly meter: BytesMeter
  encodeHeaders(headers: HeaderMap, endStream: boolean): void
  encodeData(data: Buffer, start: number, end: number, endStream: boolean): void
  encodeTrailers(trailers: HeaderMap): void
  /**
   * Ends the stream abnormally; the decoder hears no onResetStream for its own reset. HTTP/2 says RST_STREAM, with
   * REFUSED_STREAM for 'local_refused_stream_reset', PROTOCOL_ERROR for 'protocol_error', else NO_ERROR (as Envoy).
   */
  resetStream(reason: OwnReset): void
  /**
   * Stops or resumes reading the peer's half; a counter. HTTP/1 stops reading the connection, HTTP/2 gives the stream no
   * more window: what the window already allows may still arrive.
   */
  readDisable(disable: boolean): void
  /** Bytes written but not yet taken by the kernel, or held back by the peer's flow control. */
  readonly bytesBuffered: number
}

/** Sends a response. */
export interface ResponseEncoder extends StreamEncoder {
  encode1xxHeaders(headers: HeaderMap): void
  /**
   * The response just sent agreed to an upgrade or CONNECT: from now on bytes pass as they are, both ways. HTTP/1 leaves
   * HTTP behind; HTTP/2 goes on with DATA frames.
   */
  upgradeToTunnel(): void
}

/** Sends a request. */
export interface RequestEncoder extends StreamEncoder {}

/** A violation of the protocol by the downstream peer: what to answer before the connection is closed. */
export interface CodecError {
  /** 0: nothing to answer (HTTP/2, which has said GOAWAY already). */
  readonly status: 0 | 400 | 403 | 426 | 431 | 501
  /** Response code details, such as 'http1.codec_error'. */
  readonly details: string
}

export interface ServerCodecCallbacks {
  /** A request begins; returns who decodes it. */
  newStream(encoder: ResponseEncoder): RequestDecoder
  /**
   * The bytes are no valid request and the connection cannot go on. HTTP/1: with a stream under way it is answered first
   * where that is possible. HTTP/2: GOAWAY is written; streams under way hear of the end by onConnectionClosed.
   */
  onCodecError(error: CodecError): void
  /** Header lines left out for an underscore in their name; HTTP/2 counts them itself. */
  onUnderscoresDropped?(count: number): void
}

/** The server half, one per downstream connection. */
export interface ServerCodec {
  readonly protocol: 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2'
  dispatch(data: Buffer, start: number, end: number): void
  /** Streams under way. */
  readonly activeStreams: number
  /** Bytes were received that belong to a request which has not begun yet: a head, or a header block, is incomplete. */
  readonly hasPartialRequest: boolean
  /** The connection's write buffer crossed a watermark. */
  onAboveWriteBufferHighWatermark(): void
  onBelowWriteBufferLowWatermark(): void
  /** The downstream connection is gone: streams under way hear of it. */
  onConnectionClosed(): void
  /** The owner of a finished stream is done with it: the next pipelined request may begin. HTTP/2: nothing. */
  resumePipelined(): void
  /** No further request is read. */
  stop(): void
  /** First step of a graceful end. HTTP/2: GOAWAY with the highest id (RFC 9113, 6.8); HTTP/1 tells by its next response. */
  shutdownNotice(): void
  /** Second step. HTTP/2: GOAWAY with the last id seen: later streams are refused. HTTP/1: nothing. */
  goAway(): void
}

export interface ClientCodecCallbacks {
  /** The response is complete; `reusable`: another request may follow on this connection. */
  onStreamComplete(reusable: boolean): void
  /** The peer broke the protocol, or sent bytes nobody asked for. */
  onProtocolError(details: string): void
}

/** What a pool hears from the client half of HTTP/2, where one connection carries many streams. */
export interface MultiplexedClientCallbacks {
  /** A stream is over, whatever its end: there is room for another. Comes after its decoder was told. */
  onStreamClosed(): void
  /** SETTINGS have come: at most this many streams at once from now on, by the peer's limit and by our own. */
  onMaxConcurrentStreams(limit: number): void
  /** GOAWAY: no new streams. Those above its last id are reset next, as 'remote_refused_stream_reset'. */
  onGoAway(): void
  /** The peer broke the protocol: GOAWAY is written, the connection must be closed. */
  onProtocolError(details: string): void
}
