// One exchange of the async client: what a router filter asks of its stream, answered without a connection manager.
import {
  type BodyBuffer,
  CONTENT_TYPE,
  encodeGrpcMessage,
  type FilterDirection,
  GRPC_MESSAGE,
  GRPC_STATUS,
  grpcStatusOf,
  HeaderMap,
  type HttpFilterCallbacks,
  hasGrpcContentType,
  type Route,
} from '../http/index.ts'
import type { Connection } from '../net/index.ts'
import { type ConnectionInfo, type RequestTrace, type StatBlock, StreamInfo } from '../observability/index.ts'
import type { AsyncStream, AsyncStreamCallbacks } from '../upstream/index.ts'
import type { AsyncThread } from './async-client.ts'
import { finishClientSpan } from './client-span.ts'
import { RouterFilter } from './router-filter.ts'
import type { RouterPlan } from './router-plan.ts'

const BUFFER_LIMIT_BYTES = 1024 * 1024
const NOBODY = '0.0.0.0:0'
const NO_CONNECTION: ConnectionInfo = {
  connectionId: 0,
  remoteAddress: NOBODY,
  directRemoteAddress: NOBODY,
  localAddress: NOBODY,
  directLocalAddress: NOBODY,
  requestedServerName: null,
  filterChainName: '',
  ssl: null,
}

/** There is one filter, and it neither holds nor makes anything. */
const NO_DIRECTION: FilterDirection = {
  addData: () => undefined,
  injectData: () => undefined,
  replaceData: () => undefined,
  addTrailers: () => HeaderMap.acquire(),
  held: (): BodyBuffer | null => null,
}

export class RouterAsyncStream implements HttpFilterCallbacks, AsyncStream {
  readonly thread: AsyncThread
  readonly info: StreamInfo
  readonly httpStats: StatBlock
  readonly route: Route
  readonly streamRandom: number
  readonly bufferLimitBytes = BUFFER_LIMIT_BYTES
  readonly decoding = NO_DIRECTION
  readonly encoding = NO_DIRECTION
  requestHeaders: HeaderMap | null = null
  responseHeaders: HeaderMap | null = null
  requestComplete = false
  private responseTrailers: HeaderMap | null = null
  private readonly router: RouterFilter
  private readonly callbacks: AsyncStreamCallbacks
  private over = false
  private pauses = 0

  constructor(
    thread: AsyncThread,
    httpStats: StatBlock,
    route: Route,
    callbacks: AsyncStreamCallbacks,
    plan: RouterPlan,
  ) {
    this.thread = thread
    this.httpStats = httpStats
    this.route = route
    this.callbacks = callbacks
    this.streamRandom = (thread.random() * 0x100000000) >>> 0
    this.info = new StreamInfo(NO_CONNECTION, thread.clock.now)
    this.info.protocol = 'HTTP/1.1'
    this.router = new RouterFilter(plan, thread.clusters, thread)
    this.router.callbacks = this
  }

  /** The router has no use for a connection: only filters in front of it look there. */
  get connection(): Connection {
    throw new Error('a request of the proxy itself has no downstream connection')
  }

  start(headers: HeaderMap, endStream: boolean): void {
    this.requestHeaders = headers
    this.requestComplete = endStream
    this.router.decodeHeaders(headers, endStream)
  }

  // ---- the caller's side

  sendData(data: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.over) return
    if (endStream) this.requestComplete = true
    this.router.decodeData(data, start, end, endStream)
  }

  sendTrailers(trailers: HeaderMap): void {
    if (this.over) return
    this.requestComplete = true
    this.router.decodeTrailers(trailers)
  }

  readDisable(disable: boolean): void {
    if (this.over) return
    if (disable) this.router.onDownstreamAboveHighWatermark()
    else this.router.onDownstreamBelowLowWatermark()
  }

  get responseCodeDetails(): string {
    return this.info.responseCodeDetails ?? ''
  }

  cancel(): void {
    if (this.over) return
    if (this.responseHeaders === null) this.info.trace?.span?.setTag('canceled', 'true')
    this.finish()
  }

  // ---- the router's side

  /** The router stands for nobody. */
  replaceFilter(): void {}

  encode1xxHeaders(headers: HeaderMap): void {
    HeaderMap.release(headers)
  }

  encodeHeaders(headers: HeaderMap, endStream: boolean): void {
    if (this.over) return
    this.responseHeaders = headers
    this.callbacks.onAsyncHeaders(headers, endStream)
    if (endStream) this.finish()
  }

  encodeData(data: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.over) return
    this.callbacks.onAsyncData(data, start, end, endStream)
    if (endStream) this.finish()
  }

  encodeTrailers(trailers: HeaderMap): void {
    if (this.over) return
    this.responseTrailers = trailers
    this.callbacks.onAsyncTrailers(trailers)
    this.finish()
  }

  sendLocalReply(status: number, body: string, details: string, modify?: ((headers: HeaderMap) => void) | null): void {
    if (this.over) return
    this.info.responseCodeDetails = details
    if (this.responseHeaders !== null) {
      this.resetStream()
      return
    }
    const headers = HeaderMap.acquire()
    headers.status = status
    modify?.(headers)
    if (this.requestHeaders !== null && hasGrpcContentType(this.requestHeaders)) {
      this.answerGrpc(headers, body)
      return
    }
    const bytes = Buffer.from(body, 'latin1')
    this.encodeHeaders(headers, bytes.length === 0)
    if (bytes.length > 0) this.encodeData(bytes, 0, bytes.length, true)
  }

  /** As for any gRPC client: the status of the call tells what happened. */
  private answerGrpc(headers: HeaderMap, message: string): void {
    headers.append(CONTENT_TYPE, 'application/grpc')
    headers.append(GRPC_STATUS, String(grpcStatusOf(headers.status)))
    if (message !== '') headers.append(GRPC_MESSAGE, encodeGrpcMessage(message))
    headers.status = 200
    this.encodeHeaders(headers, true)
  }

  resetStream(): void {
    if (this.over) return
    this.callbacks.onAsyncReset()
    this.finish()
  }

  clearRouteCache(): void {}
  drainConnection(): void {}
  continueDecoding(): void {}
  continueEncoding(): void {}

  pauseDownstream(): void {
    if (!this.over && this.pauses++ === 0) this.callbacks.onAsyncAboveWriteBufferHighWatermark?.()
  }

  resumeDownstream(): void {
    if (!this.over && --this.pauses === 0) this.callbacks.onAsyncBelowWriteBufferLowWatermark?.()
  }

  pauseUpstream(): void {}
  resumeUpstream(): void {}
  setBufferLimit(): void {}
  recreateStream(): void {}

  private endSpan({ span }: RequestTrace): void {
    const { requestHeaders, responseHeaders, responseTrailers, info } = this
    const context = { requestHeaders, responseHeaders, responseTrailers, info }
    if (span !== null) finishClientSpan(span, context, responseHeaders?.status ?? 0)
  }

  private finish(): void {
    if (this.over) return
    this.over = true
    if (this.info.trace !== null) this.endSpan(this.info.trace)
    this.router.onStreamComplete()
    this.router.onDestroy()
    if (this.requestHeaders !== null) HeaderMap.release(this.requestHeaders)
    if (this.responseHeaders !== null) HeaderMap.release(this.responseHeaders)
    if (this.responseTrailers !== null) HeaderMap.release(this.responseTrailers)
    this.requestHeaders = this.responseHeaders = this.responseTrailers = null
  }
}
