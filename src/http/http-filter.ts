// The contract of L7 filters (Envoy: envoy/http/filter.h). A filter returns a status; one that must wait stops and
// continues later through its callbacks.
//
// Order: the headers, then data, then perhaps trailers; one of them carries the end. Each filter hears of each part once,
// with one exception: bytes that a filter makes are heard by the filters behind it only.
//
// Waiting: a filter that returns a stop from `decodeHeaders` holds the headers. What it returns from `decodeData` and
// `decodeTrailers` while it waits decides again: FilterContinue there means that the wait is over, and everything held
// goes on. So a filter that waits for an answer returns FilterStopAndBuffer or FilterStopAndWatermark from its headers,
// which keeps body and trailers away from it until it goes on, or else stops in all three.
//
// Several filters of one chain may wait at once; each holds its own part, and `continueDecoding(this)` lets go of that
// part only. Continuing in the middle of one's own callback is allowed: its status then counts as FilterContinue (after
// FilterStop the bytes of that call are dropped still).
import type { Connection, ThreadContext } from '../net/index.ts'
import type { StatBlock, StreamInfo } from '../observability/index.ts'
import type { BodyBuffer } from './body-buffer.ts'
import type { HeaderMap } from './headers.ts'
import type { Route } from './route.ts'

export const FilterContinue = 0
/**
 * The filters behind this one do not hear of it yet. From headers: the headers are held, body and trailers still come to
 * this filter. From data: these bytes are not kept, the filter has dealt with them. From trailers: they are held.
 */
export const FilterStop = 1
/**
 * As FilterStop, and the body is kept; over the buffer limit the request fails with 413 (500 for a response). From
 * headers: body and trailers do not come to this filter before it goes on. From data: these bytes are held, and the next
 * ones still come to it.
 */
export const FilterStopAndBuffer = 2
/** As FilterStopAndBuffer, but over the limit the source is paused instead. */
export const FilterStopAndWatermark = 3
export type HttpFilterStatus =
  | typeof FilterContinue
  | typeof FilterStop
  | typeof FilterStopAndBuffer
  | typeof FilterStopAndWatermark

/**
 * What a filter may do to the stream of parts that passes it, in one direction. `filter` is the caller. A filter that
 * changes the body's length takes content-length away while it has the headers.
 */
export interface FilterDirection {
  /**
   * Bytes of the filter's own making (Envoy: addDecodedData, addEncodedData), copied. In the headers' callback or while
   * it holds something they are kept behind what it holds; otherwise they go on at once, before what its callback is
   * about: so in the trailers' callback they become the end of the body. A message that ended with its headers ends with
   * these bytes then.
   */
  addData(filter: HttpFilter, data: Buffer, start: number, end: number): void
  /**
   * Bytes that go on at once, whatever the filter holds (Envoy: inject...DataToFilterChain); headers it holds go first.
   * For filters that take the body in with FilterStop and let it out in their own time. `endStream` ends the message.
   */
  injectData(filter: HttpFilter, data: Buffer, start: number, end: number, endStream: boolean): void
  /**
   * Inside decodeData or encodeData: these bytes take the place of the call's own; they must stay as they are until the
   * callback has returned. None at all is allowed.
   */
  replaceData(data: Buffer, start: number, end: number): void
  /** Where headers or data carry the end: trailers that follow them, for the filters behind to see (addEncodedTrailers). */
  addTrailers(filter: HttpFilter): HeaderMap
  /** The body this filter holds (decodingBuffer, encodingBuffer); it may be changed. */
  held(filter: HttpFilter): BodyBuffer | null
}

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
  /** No request follows on this connection: HTTP/1 says so with its response, HTTP/2 with GOAWAY. */
  drainConnection(): void
  /** What `filter` holds goes on; nothing happens where it holds nothing. */
  continueDecoding(filter: HttpFilter): void
  continueEncoding(filter: HttpFilter): void
  /**
   * `by` takes the place of `filter`, which is forgotten: it hears of the next part, and of the end. Who is replaced in its
   * own callback hands that call on to `by` and returns what it returns. For filters that stand for others.
   */
  replaceFilter(filter: HttpFilter, by: HttpFilter): void
  readonly decoding: FilterDirection
  readonly encoding: FilterDirection
  /**
   * Answers without the upstream; `body` is latin1, `details` becomes the response code details. The answer passes all
   * filters' encode callbacks, unless a response is among them already: then it goes straight out, and that response is
   * forgotten. After a response has begun to go out the stream is reset instead. No filter hears more of the request.
   *
   * A gRPC client gets a trailers-only response with `grpcStatus`, or else with what `status` stands for. Whether it is
   * one was decided by the request as it came, whatever filters made of it since.
   */
  sendLocalReply(
    status: number,
    body: string,
    details: string,
    modify?: ((headers: HeaderMap) => void) | null,
    grpcStatus?: number,
  ): void
  /**
   * Begins anew with the request as it is now: its filters end, new ones run. For the terminal filter, before a response
   * has begun and after the request has been received to its end; `body` and `trailers` belong to it.
   */
  recreateStream(body: Buffer | null, trailers: HeaderMap | null): void
  /** The terminal filter's way to send the response down. */
  encode1xxHeaders(headers: HeaderMap): void
  encodeHeaders(headers: HeaderMap, endStream: boolean): void
  encodeData(data: Buffer, start: number, end: number, endStream: boolean): void
  encodeTrailers(trailers: HeaderMap): void
  /** The whole request has been received. */
  readonly requestComplete: boolean
  /** Ends the stream without a proper end, after the response has begun. */
  resetStream(): void
  /** The filter cannot take more / takes again: the downstream is paused and resumed; counted. */
  pauseDownstream(): void
  resumeDownstream(): void
  /** The same for the response: the terminal filter's source. */
  pauseUpstream(): void
  resumeUpstream(): void
  /** Soft limit of what a filter may hold, in bytes. */
  readonly bufferLimitBytes: number
  /** Another limit for the rest of this stream. */
  setBufferLimit(bytes: number): void
}

/** One filter of one stream. Extend it and override what is needed. */
export abstract class HttpFilter {
  callbacks!: HttpFilterCallbacks
  /** Its name in the connection manager's list, by which routes speak of it. */
  configName = ''
  /** Name of its extension: what routes say under `configName` for another one is not for this filter. */
  extension = ''

  /** What the filter's extension compiled of the most specific typed_per_filter_config; null: none. */
  protected routePlan(): object | null {
    const { route } = this.callbacks
    if (route === null || !route.hasFilterConfigs) return null
    const config = route.perFilterConfig(this.configName)
    return config === null || config.extension !== this.extension ? null : config.plan
  }

  /** The same of every level that has one, the least specific first; null: none. */
  protected routePlans(): readonly object[] | null {
    const { route } = this.callbacks
    if (route === null || !route.hasFilterConfigs) return null
    const config = route.perFilterConfig(this.configName)
    return config === null || config.extension !== this.extension ? null : config.levels
  }

  decodeHeaders(_headers: HeaderMap, _endStream: boolean): HttpFilterStatus {
    return FilterContinue
  }

  /** Bytes [start, end), valid only during the call. */
  decodeData(_data: Buffer, _start: number, _end: number, _endStream: boolean): HttpFilterStatus {
    return FilterContinue
  }

  /** FilterContinue or FilterStop. Trailers left empty end the message without trailers. */
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

  /** The downstream's write buffer is above / below its watermark again; the terminal filter pauses its source. */
  onDownstreamAboveHighWatermark(): void {}
  onDownstreamBelowLowWatermark(): void {}

  /**
   * A filter, such as the terminal one whose upstream is slow, has paused / resumed the downstream. For filters with a
   * source of request bytes of their own.
   */
  onDecodingPaused(): void {}
  onDecodingResumed(): void {}

  /** The route was matched before the filters run: the terminal filter notes the cluster that it leads to. */
  onRouteSelected(): void {}

  /** The stream is complete, before access logs are written. */
  onStreamComplete(): void {}

  /** The stream is over, whatever its end: let go of everything. Called exactly once, last. */
  onDestroy(): void {}
}

/** What an http filter's configuration compiles to. */
export interface HttpFilterPlan {
  /** The extension's name. */
  readonly name: string
  readonly terminal: boolean
  /** Once per thread, before the first `create`: opens what all requests share. `statPrefix`: 'http.<stat_prefix>.'. */
  start?(thread: ThreadContext, statPrefix: string): void
  create(thread: ThreadContext): HttpFilter
  /**
   * Filters that stand behind the one that `create` made, which has its callbacks and its name; for filters that stand for
   * several. They have the names they come with.
   */
  createBehind?(first: HttpFilter): readonly HttpFilter[]
}
