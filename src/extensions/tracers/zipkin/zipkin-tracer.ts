import { randomHex, type Span, type SpanStart, type Tracer } from '../../../observability/index.ts'
import { type B3Context, extract, type PropagationForm } from './b3.ts'
import { type SpanReporter, ZipkinSpan } from './zipkin-span.ts'

export interface ZipkinSettings {
  readonly longTraceIds: boolean
  /** The upper half of a long trace id begins with the time. */
  readonly timestampTraceIds: boolean
  /** The server's span is the client's, seen from the other side. */
  readonly sharedSpanContext: boolean
  readonly splitsSpans: boolean
  readonly withTraceParent: boolean
}

export class ZipkinTracer implements Tracer {
  private readonly settings: ZipkinSettings
  private readonly reporter: SpanReporter
  private readonly several: PropagationForm
  private readonly single: PropagationForm

  constructor(settings: ZipkinSettings, reporter: SpanReporter) {
    this.settings = settings
    this.reporter = reporter
    this.several = { single: false, traceParent: settings.withTraceParent }
    this.single = { single: true, traceParent: false }
  }

  startSpan({ carrier, egress, spawnsUpstream, startWallMs, sampled }: SpanStart): Span | null {
    const { settings } = this
    const found = extract(carrier, settings.withTraceParent)
    if (found === null) return null
    const client = egress && !spawnsUpstream && !settings.splitsSpans
    const context = found.context === null ? this.root(startWallMs) : this.continued(found.context, client)
    const form = found.single ? this.single : this.several
    const name = carrier.lookup(':authority') ?? ''
    return new ZipkinSpan(this.reporter, context, form, client, name, startWallMs, found.sampled ?? sampled)
  }

  private root(startWallMs: number): B3Context {
    const spanId = randomHex(8)
    const { longTraceIds, timestampTraceIds } = this.settings
    if (!longTraceIds) return { traceId: spanId, spanId, parentId: '' }
    const seconds = Math.floor(startWallMs / 1000)
    const high = timestampTraceIds ? seconds.toString(16).padStart(8, '0') + randomHex(4) : randomHex(8)
    return { traceId: high + spanId, spanId, parentId: '' }
  }

  private continued(context: B3Context, client: boolean): B3Context {
    if (!client && this.settings.sharedSpanContext) return context
    return { traceId: context.traceId, spanId: randomHex(8), parentId: context.spanId }
  }
}
