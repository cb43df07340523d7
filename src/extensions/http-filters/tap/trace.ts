// What is recorded of one exchange, before it is written in any format.

/** Values are bytes as latin1, as they came. */
export type TracedFields = readonly (readonly [name: string, value: string])[]

export interface TracedBody {
  readonly bytes: Buffer
  /** There was more. */
  readonly truncated: boolean
}

export interface TracedMessage {
  readonly headers: TracedFields
  /** Null: no byte of a body came. */
  readonly body: TracedBody | null
  readonly trailers: TracedFields
  /** Unix ms; null: not asked for. */
  readonly receivedMs: number | null
}

export interface TracedConnection {
  /** 'ip:port', or a path. */
  readonly local: string
  readonly remote: string
}

export interface BufferedTrace {
  readonly kind: 'buffered'
  readonly request: TracedMessage
  /** Null: none came. */
  readonly response: TracedMessage | null
  readonly downstream: TracedConnection | null
  readonly upstream: TracedConnection | null
}

export type SegmentName =
  | 'request_headers'
  | 'request_body_chunk'
  | 'request_trailers'
  | 'response_headers'
  | 'response_body_chunk'
  | 'response_trailers'

export interface TraceSegment {
  readonly kind: 'segment'
  readonly traceId: string
  readonly name: SegmentName
  readonly content: TracedFields | TracedBody
}

export type Trace = BufferedTrace | TraceSegment

/** The share of requests that is recorded, where the configuration names one. */
export interface SampleRate {
  readonly numerator: number
  readonly denominator: string
}

export const isBody = (content: TracedFields | TracedBody): content is TracedBody => 'bytes' in content
