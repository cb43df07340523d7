// A gRPC call in which both sides stream, over the async client; messages are bytes here.
import {
  GRPC_MESSAGE,
  GrpcFrameDecoder,
  grpcFrame,
  grpcStatusIn,
  grpcStatusOf,
  type HeaderMap,
} from '../../http/index.ts'
import type { Span } from '../../observability/index.ts'
import type { AsyncClient, AsyncStream, AsyncStreamCallbacks } from './async-client.ts'
import { cancelGrpcSpan, endGrpcSpan } from './call-span.ts'
import { type GrpcCallOptions, grpcRequestHeaders, keptOptions } from './grpc-options.ts'

export interface GrpcStreamCallbacks {
  /** `message` is valid only during the call. */
  onGrpcMessage(message: Buffer): void
  /**
   * The service has ended the stream, or nobody can reach it; nothing follows. `message`: as it came, percent-encoded;
   * `details`: what became of the exchange, as the access log would say it.
   */
  onGrpcClose(status: number, message: string, details: string): void
  /** What was sent waits to be taken / has been taken. */
  onGrpcAboveWriteBufferHighWatermark(): void
  onGrpcBelowWriteBufferLowWatermark(): void
}

const UNKNOWN = 2
const RESOURCE_EXHAUSTED = 8
const INTERNAL = 13
const COMPRESSED = 1
const NO_BYTES = Buffer.alloc(0)

/** A stream has no timeout. */
const streamOptions = keptOptions(({ cluster, retryPolicy }) => ({
  cluster,
  timeoutMs: 0,
  retryPolicy: retryPolicy ?? null,
}))

export class GrpcStream implements AsyncStreamCallbacks {
  private readonly callbacks: GrpcStreamCallbacks
  private readonly decoder: GrpcFrameDecoder
  private stream: AsyncStream | null = null
  private over = false
  private readonly cluster: string
  /** Of this stream; null: it has none, or the span has ended. */
  private span: Span | null

  private constructor(callbacks: GrpcStreamCallbacks, options: GrpcCallOptions, span: Span | null) {
    this.callbacks = callbacks
    this.cluster = options.cluster
    this.span = span
    this.decoder = new GrpcFrameDecoder(options.maxResponseBytes)
  }

  /** `onGrpcClose` may come before this returns. `span`: see grpcCallSpan; it ends with the stream. */
  static open(
    client: AsyncClient,
    options: GrpcCallOptions,
    callbacks: GrpcStreamCallbacks,
    span: Span | null = null,
  ): GrpcStream {
    const stream = new GrpcStream(callbacks, options, span)
    const headers = grpcRequestHeaders(options, 0)
    span?.inject(headers, options.cluster)
    const opened = client.start(streamOptions(options), headers, false, stream)
    if (!stream.over) stream.stream = opened
    return stream
  }

  /** Nothing more can be sent, nothing more is heard. */
  get closed(): boolean {
    return this.over
  }

  send(message: Uint8Array): void {
    const frame = grpcFrame(message)
    this.stream?.sendData(frame, 0, frame.length, false)
  }

  /** Nothing more will be sent, nothing more is heard; what was sent is still delivered. */
  close(): void {
    this.stream?.sendData(NO_BYTES, 0, 0, true)
    this.cancel()
  }

  /** Counted, as AsyncStream has it. */
  readDisable(disable: boolean): void {
    this.stream?.readDisable(disable)
  }

  /** Gives the stream up; no callback follows. */
  cancel(): void {
    this.over = true
    if (this.span !== null) cancelGrpcSpan(this.span, this.cluster)
    this.span = null
    this.stream?.cancel()
    this.stream = null
  }

  onAsyncHeaders(headers: HeaderMap, endStream: boolean): void {
    if (this.over) return
    if (headers.status !== 200) this.end(grpcStatusIn(headers) ?? grpcStatusOf(headers.status), headers)
    else if (endStream) this.end(grpcStatusIn(headers) ?? UNKNOWN, headers)
  }

  onAsyncData(data: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.over) return
    this.decoder.decode(data, start, end, (flags, message) => this.onMessage(flags, message))
    if (this.over) return
    if (this.decoder.tooLarge) this.fail(RESOURCE_EXHAUSTED, 'a message of the service is too large')
    else if (endStream) this.fail(UNKNOWN, 'the response has no trailers')
  }

  private onMessage(flags: number, message: Buffer): void {
    if (this.over) return
    if ((flags & COMPRESSED) === 0) this.callbacks.onGrpcMessage(message)
    else this.fail(INTERNAL, 'a message of the service is compressed, which was not asked for')
  }

  onAsyncTrailers(trailers: HeaderMap): void {
    if (!this.over) this.end(grpcStatusIn(trailers) ?? UNKNOWN, trailers)
  }

  onAsyncReset(): void {
    if (!this.over) this.fail(INTERNAL, '')
  }

  onAsyncAboveWriteBufferHighWatermark(): void {
    if (!this.over) this.callbacks.onGrpcAboveWriteBufferHighWatermark()
  }

  onAsyncBelowWriteBufferLowWatermark(): void {
    if (!this.over) this.callbacks.onGrpcBelowWriteBufferLowWatermark()
  }

  private end(status: number, last: HeaderMap): void {
    this.fail(status, last.get(GRPC_MESSAGE) ?? '')
  }

  private fail(status: number, message: string): void {
    const { stream } = this
    const details = stream?.responseCodeDetails ?? ''
    if (this.span !== null) endGrpcSpan(this.span, this.cluster, status)
    this.span = null
    this.cancel()
    this.callbacks.onGrpcClose(status, message, details)
  }
}
