// The contract between those who trace a request and the tracers that send spans somewhere (Envoy: envoy/tracing).
import type { HeaderLookup } from '../format-context.ts'

/** Headers of a request that carry the context of its trace from hop to hop. */
export interface TraceCarrier extends HeaderLookup {
  /** Replaces the header or adds it; `name` is one of a tracer's few constant names. */
  put(name: string, value: string): void
}

/** What a tag's text stands for. */
export type TagKind = 'text' | 'int' | 'double' | 'bool'

/** One operation of a trace. Texts are as header values are: latin1, a character per byte. */
export interface Span {
  /** In hex. */
  readonly traceId: string
  /** In hex; '' where the tracer does not tell (Envoy's Zipkin). */
  readonly spanId: string
  /**
   * Whether what is said of it will be seen: nobody makes tags of a span that is not sampled. Setting it to false is the
   * verdict; a tracer that sends such spans all the same, marked, says true nevertheless.
   */
  sampled: boolean
  setOperation(name: string): void
  /** Replaces a tag of the same name. A tracer that knows texts only takes every kind for one. */
  setTag(name: string, value: string, kind?: TagKind): void
  /** Something that happened at a moment. */
  annotate(wallMs: number, event: string): void
  /** Tells the next hop who its parent is. `address`: where it is, such as '10.0.0.1:80'. */
  inject(carrier: TraceCarrier, address: string): void
  /** Of a request that this one causes. */
  spawnChild(operation: string, startWallMs: number): Span
  /** Nothing may be said of it any more. */
  finish(endWallMs: number): void
}

export interface SpanStart {
  readonly carrier: TraceCarrier
  /** The hop only sends the request on: it counts as the caller of the next one. */
  readonly egress: boolean
  /** There will be a span of its own for each request upstream: then this one is the server's whatever the direction. */
  readonly spawnsUpstream: boolean
  readonly startWallMs: number
  /** The verdict by the request id; what came with the request may say otherwise, as the tracer has it. */
  readonly sampled: boolean
}

/** Of one thread. */
export interface Tracer {
  /** Null: the context that came cannot be understood; it is passed on as it is, and nothing is told of the request. */
  startSpan(start: SpanStart): Span | null
}
