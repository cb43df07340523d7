// Requests that the proxy makes by itself, for its filters (Envoy: envoy/http/async_client.h). They go through the router
// like any other: pools, breakers, balancing, retries, outlier detection and stats are those of their cluster.
import type { HeaderMap, RetryPolicyPlan } from '../../http/index.ts'
import type { Span } from '../../observability/index.ts'

export interface AsyncStreamOptions {
  readonly cluster: string
  /** Whole exchange with all attempts, in ms; 0: none. */
  readonly timeoutMs: number
  readonly retryPolicy: RetryPolicyPlan | null
}

/** Hears the response in order; perhaps within `start` already. What the proxy says itself (503, 504) is a response too. */
export interface AsyncStreamCallbacks {
  /** `headers` are valid until the stream is over. */
  onAsyncHeaders(headers: HeaderMap, endStream: boolean): void
  /** Bytes [start, end), valid only during the call. */
  onAsyncData(data: Buffer, start: number, end: number, endStream: boolean): void
  onAsyncTrailers(trailers: HeaderMap): void
  /** The response was cut short; nothing follows. */
  onAsyncReset(): void
  /** What has been sent waits: no more of it, please; and some more again. Those who send little need not hear it. */
  onAsyncAboveWriteBufferHighWatermark?(): void
  onAsyncBelowWriteBufferLowWatermark?(): void
}

export interface AsyncStream {
  sendData(data: Buffer, start: number, end: number, endStream: boolean): void
  sendTrailers(trailers: HeaderMap): void
  /** Counted: the response is not read while one more asked for that than took it back. */
  readDisable(disable: boolean): void
  /** How the exchange went so far, in the words of the access log; '': nothing is known. */
  readonly responseCodeDetails: string
  /** Gives the stream up; no callback follows. Nothing happens once it is over. */
  cancel(): void
}

export interface AsyncClient {
  /**
   * Starts an exchange. `headers` come from HeaderMap.acquire and belong to the client now; they carry method, path and host.
   * A cluster that is not known answers 503. `span`: of this exchange, see httpCallSpan; it ends behind the last callback.
   */
  start(
    options: AsyncStreamOptions,
    headers: HeaderMap,
    endStream: boolean,
    callbacks: AsyncStreamCallbacks,
    span?: Span | null,
  ): AsyncStream
}
