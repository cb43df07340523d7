// The codec contract: what HTTP/1.1 and HTTP/2 share. Bytes in on one side, decoder callbacks out; encoders back.
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
  | 'remote_refused_stream_reset'

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
  encodeHeaders(headers: HeaderMap, endStream: boolean): void
  encodeData(data: Buffer, start: number, end: number, endStream: boolean): void
  encodeTrailers(trailers: HeaderMap): void
  /** Ends the stream abnormally; the decoder hears no onResetStream for its own reset. */
  resetStream(): void
  /** Stops or resumes reading the peer's half; a counter. */
  readDisable(disable: boolean): void
}

/** Sends a response. */
export interface ResponseEncoder extends StreamEncoder {
  encode1xxHeaders(headers: HeaderMap): void
  /** Bytes written but not yet taken by the kernel. */
  readonly bytesBuffered: number
}

/** Sends a request. */
export interface RequestEncoder extends StreamEncoder {
  /** The connection becomes a byte pipe once the peer agrees (Upgrade, CONNECT). */
  readonly bytesBuffered: number
}

/** A violation of the protocol by the downstream peer: what to answer before the connection is closed. */
export interface CodecError {
  readonly status: 400 | 426 | 431 | 501
  /** Response code details, such as 'http1.codec_error'. */
  readonly details: string
}

export interface ServerCodecCallbacks {
  /** A request begins; returns who decodes it. */
  newStream(encoder: ResponseEncoder): RequestDecoder
  /** The bytes are no valid request. With a stream under way it is answered first where that is possible. */
  onCodecError(error: CodecError): void
}

/** The server half, one per downstream connection. */
export interface ServerCodec {
  readonly protocol: 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2'
  dispatch(data: Buffer, start: number, end: number): void
  /** Streams under way. */
  readonly activeStreams: number
  /** Bytes were received that belong to a request which has not begun yet. */
  readonly hasPartialRequest: boolean
  /** The connection's write buffer crossed a watermark. */
  onAboveWriteBufferHighWatermark(): void
  onBelowWriteBufferLowWatermark(): void
  /** The downstream connection is gone: streams under way hear of it. */
  onConnectionClosed(): void
  /** The owner of a finished stream is done with it: the next pipelined request may begin. */
  resumePipelined(): void
  /** No further request is read. */
  stop(): void
  /** From now on bytes pass as they are, both ways. */
  upgradeToTunnel(): void
}

export interface ClientCodecCallbacks {
  /** The response is complete; `reusable`: another request may follow on this connection. */
  onStreamComplete(reusable: boolean): void
  /** The peer broke the protocol, or sent bytes nobody asked for. */
  onProtocolError(details: string): void
}
