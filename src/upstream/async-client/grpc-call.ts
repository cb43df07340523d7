// A unary gRPC call over the async client; messages are bytes here.
import {
  decodeGrpcMessage,
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

export interface GrpcCallCallbacks {
  /** The call went well; `message` is valid only during the call. */
  onGrpcSuccess(message: Buffer): void
  onGrpcFailure(status: number, message: string): void
}

const GRPC_OK = 0
const GRPC_UNKNOWN = 2
const GRPC_INTERNAL = 13
const GRPC_UNAVAILABLE = 14
const COMPRESSED = 1

const callOptions = keptOptions(({ cluster, timeoutMs }) => ({ cluster, timeoutMs, retryPolicy: null }))

export class GrpcCall implements AsyncStreamCallbacks {
  private readonly callbacks: GrpcCallCallbacks
  private readonly decoder: GrpcFrameDecoder
  private message: Buffer | null = null
  private problem = ''
  private stream: AsyncStream | null = null
  private over = false
  private readonly cluster: string
  /** Of this call; null: it has none, or the span has ended. */
  private span: Span | null

  private constructor(callbacks: GrpcCallCallbacks, options: GrpcCallOptions, span: Span | null) {
    this.callbacks = callbacks
    this.cluster = options.cluster
    this.span = span
    this.decoder = new GrpcFrameDecoder(options.maxResponseBytes)
  }

  /** The callbacks may come before this returns. `span`: see grpcCallSpan; it ends behind the last callback. */
  static start(
    client: AsyncClient,
    options: GrpcCallOptions,
    message: Uint8Array,
    callbacks: GrpcCallCallbacks,
    span: Span | null = null,
  ): GrpcCall {
    const call = new GrpcCall(callbacks, options, span)
    const headers = grpcRequestHeaders(options, options.timeoutMs)
    span?.inject(headers, options.cluster)
    const stream = client.start(callOptions(options), headers, false, call)
    if (call.over) return call
    call.stream = stream
    const frame = grpcFrame(message)
    stream.sendData(frame, 0, frame.length, true)
    return call
  }

  /** No callback follows. */
  cancel(): void {
    this.over = true
    if (this.span !== null) cancelGrpcSpan(this.span, this.cluster)
    this.span = null
    this.stream?.cancel()
    this.stream = null
  }

  onAsyncHeaders(headers: HeaderMap, endStream: boolean): void {
    if (this.over) return
    // An answer that is no gRPC at all, or one that ends with its headers, tells everything here.
    if (headers.status !== 200) this.fail(grpcStatusIn(headers) ?? grpcStatusOf(headers.status), headers)
    else if (endStream) this.end(headers)
  }

  onAsyncData(data: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.over) return
    this.decoder.decode(data, start, end, (flags, message) => this.onMessage(flags, message))
    if (this.decoder.tooLarge) this.problem = 'the response is too large'
    if (this.problem !== '') {
      const stream = this.stream
      this.finish(GRPC_INTERNAL, this.problem)
      stream?.cancel()
    } else if (endStream) this.finish(GRPC_UNKNOWN, 'the response has no trailers')
  }

  private onMessage(flags: number, message: Buffer): void {
    if (this.message !== null) this.problem = 'the response has more than one message'
    else if ((flags & COMPRESSED) !== 0) this.problem = 'the response is compressed, which was not asked for'
    else this.message = message
  }

  onAsyncTrailers(trailers: HeaderMap): void {
    if (!this.over) this.end(trailers)
  }

  onAsyncReset(): void {
    if (!this.over) this.finish(GRPC_UNAVAILABLE, 'the stream was reset')
  }

  private end(last: HeaderMap): void {
    const status = grpcStatusIn(last) ?? GRPC_UNKNOWN
    if (status !== GRPC_OK) this.fail(status, last)
    else if (this.message === null) this.finish(GRPC_INTERNAL, 'the response has no message')
    else {
      this.over = true
      this.stream = null
      this.callbacks.onGrpcSuccess(this.message)
      this.endSpan(GRPC_OK)
    }
  }

  private fail(status: number, last: HeaderMap): void {
    const stream = this.stream
    this.finish(status, decodeGrpcMessage(last.get(GRPC_MESSAGE) ?? ''))
    stream?.cancel()
  }

  private finish(status: number, message: string): void {
    this.over = true
    this.stream = null
    this.callbacks.onGrpcFailure(status, message)
    this.endSpan(status)
  }

  private endSpan(status: number): void {
    if (this.span !== null) endGrpcSpan(this.span, this.cluster, status)
    this.span = null
  }
}
