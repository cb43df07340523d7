// The contract of L7 filters (Envoy: envoy/http/filter.h). A filter returns a status; one that must wait stops and
// continues later through its callbacks.
import type { Connection, ThreadContext } from '../net/index.ts'
import type { StatBlock, StreamInfo } from '../observability/index.ts'
import type { HeaderMap } from './headers.ts'
import type { Route } from './route.ts'

export const FilterContinue = 0
/** The filter goes on later; data that arrives meanwhile is not kept for it: it sees it at once. */
export const FilterStop = 1
/** As FilterStop, and the manager keeps the body; over the buffer limit the request fails with 413 (500 for a response). */
export const FilterStopAndBuffer = 2
/** As FilterStopAndBuffer, but over the limit the source is paused instead. */
export const FilterStopAndWatermark = 3
export type HttpFilterStatus =
  | typeof FilterContinue
  | typeof FilterStop
  | typeof FilterStopAndBuffer
  | typeof FilterStopAndWatermark

/** What a filter may ask of its stream. */
export interface HttpFilterCallbacks {
  readonly thread: ThreadContext
  readonly connection: Connection
  readonly info: StreamInfo
  /** The connection manager's stats, `http.<stat_prefix>.`: slots in HttpStats. */
  readonly httpStats: StatBlock
  /** 32 bits, the same for the whole life of the stream: weights and fractions draw from them. */
  readonly streamRandom: number
  readonly requestHeaders: HeaderMap | null
  readonly responseHeaders: HeaderMap | null
  /** The matched route; null: none. Computed at the first call and kept. */
  readonly route: Route | null
  /** The route is matched anew at the next use; for filters that changed what it was matched by. */
  clearRouteCache(): void
  continueDecoding(): void
  continueEncoding(): void
  /** Answers without the upstream. `details` becomes the response code details. */
  sendLocalReply(status: number, body: string, details: string, modify?: ((headers: HeaderMap) => void) | null): void
  /** The terminal filter's way to send the response down. */
  encode1xxHeaders(headers: HeaderMap): void
  encodeHeaders(headers: HeaderMap, endStream: boolean): void
  encodeData(data: Buffer, start: number, end: number, endStream: boolean): void
  encodeTrailers(trailers: HeaderMap): void
  /** The whole request has been received. */
  readonly requestComplete: boolean
  /** Ends the stream without a proper end, after the response has begun. */
  resetStream(): void
  /** The terminal filter cannot take more / takes again: the downstream is paused and resumed; counted. */
  pauseDownstream(): void
  resumeDownstream(): void
  /** Soft limit of what a filter may hold, in bytes. */
  readonly bufferLimitBytes: number
}

/** One filter of one stream. Extend it and override what is needed. */
export abstract class HttpFilter {
  callbacks!: HttpFilterCallbacks

  decodeHeaders(_headers: HeaderMap, _endStream: boolean): HttpFilterStatus {
    return FilterContinue
  }

  /** Bytes [start, end), valid only during the call. */
  decodeData(_data: Buffer, _start: number, _end: number, _endStream: boolean): HttpFilterStatus {
    return FilterContinue
  }

  decodeTrailers(_trailers: HeaderMap): HttpFilterStatus {
    return FilterContinue
  }

  encodeHeaders(_headers: HeaderMap, _endStream: boolean): HttpFilterStatus {
    return FilterContinue
  }

  encodeData(_data: Buffer, _start: number, _end: number, _endStream: boolean): HttpFilterStatus {
    return FilterContinue
  }

  encodeTrailers(_trailers: HeaderMap): HttpFilterStatus {
    return FilterContinue
  }

  /** The downstream's write buffer is above / below its watermark again; only the terminal filter pauses its source. */
  onDownstreamAboveHighWatermark(): void {}
  onDownstreamBelowLowWatermark(): void {}

  /** The stream is complete, before access logs are written. */
  onStreamComplete(): void {}

  /** The stream is over, whatever its end: let go of everything. Called exactly once, last. */
  onDestroy(): void {}
}

/** What an http filter's configuration compiles to. */
export interface HttpFilterPlan {
  /** The filter's name in the chain, by which per-route configuration finds it. */
  readonly name: string
  readonly terminal: boolean
  create(thread: ThreadContext): HttpFilter
}
