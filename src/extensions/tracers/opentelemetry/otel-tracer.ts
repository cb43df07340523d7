import { readTraceParent, type Span, type SpanStart, type Tracer } from '../../../observability/index.ts'
import { ClientKind, OtelSpan, type ParentContext, ServerKind, type SpanReporter } from './otel-span.ts'
import type { Sampler } from './samplers.ts'

export class OtelTracer implements Tracer {
  private readonly reporter: SpanReporter
  private readonly sampler: Sampler | null

  constructor(reporter: SpanReporter, sampler: Sampler | null) {
    this.reporter = reporter
    this.sampler = sampler
  }

  startSpan({ carrier, egress, spawnsUpstream, startWallMs, sampled }: SpanStart): Span | null {
    const said = carrier.lookup('traceparent')
    let parent: ParentContext | null = null
    if (said !== undefined) {
      const read = readTraceParent(said)
      if (read === null) return null
      parent = { ...read, traceState: carrier.lookup('tracestate') ?? '' }
    }
    const kind = egress && !spawnsUpstream ? ClientKind : ServerKind
    const name = egress ? `egress ${carrier.lookup(':authority') ?? ''}` : 'ingress'
    const span = new OtelSpan(this.reporter, parent, parent !== null, kind, name, startWallMs, sampled)
    if (sampled) {
      if (this.sampler !== null) span.sampled = this.sampler(parent, span.traceId)
      else if (parent !== null) span.sampled = parent.sampled
    }
    return span
  }
}
