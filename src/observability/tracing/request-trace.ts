// What a stream knows of its own tracing; StreamInfo has it where the connection manager traces.
import type { FormatContext } from '../format-context.ts'
import type { Formatter } from '../formatter.ts'
import type { Span, TagKind } from './span.ts'
import type { TraceReason } from './trace-reason.ts'

/** A tag of the configuration; '': it is left out. */
export interface CustomTag {
  readonly name: string
  readonly kind: TagKind
  value(context: FormatContext): string
}

/** How the spans of a route are made: the connection manager's settings with those of the route over them. */
export interface TraceSettings {
  readonly egress: boolean
  readonly spawnsUpstream: boolean
  readonly verbose: boolean
  readonly maxPathTagLength: number
  readonly customTags: readonly CustomTag[]
  /** Name of the request's span; null: the tracer's, or the decorator's. */
  readonly operation: Formatter | null
  /** Of the spans of its attempts. */
  readonly upstreamOperation: Formatter | null
  /** The next hop is told of the trace. */
  readonly propagates: boolean
  readonly nodeId: string
  readonly zone: string
}

export class RequestTrace {
  readonly settings: TraceSettings
  readonly reason: TraceReason
  /** Null: see Tracer. */
  readonly span: Span | null
  /** What the route's decorator calls the request, where the other side is to know; null: nothing to say. */
  decoratedOperation: string | null

  constructor(settings: TraceSettings, reason: TraceReason, span: Span | null, decoratedOperation: string | null) {
    this.settings = settings
    this.reason = reason
    this.span = span
    this.decoratedOperation = decoratedOperation
  }
}
