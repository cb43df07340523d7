import { randomHex, type Span, type TraceCarrier } from '../../../observability/index.ts'
import { type B3Context, inject, type PropagationForm } from './b3.ts'

export interface Annotation {
  readonly wallMs: number
  readonly value: string
}

/** Takes finished spans. */
export interface SpanReporter {
  report(span: ZipkinSpan): void
}

export class ZipkinSpan implements Span {
  readonly context: B3Context
  readonly client: boolean
  readonly startWallMs: number
  /** Null where nothing was said. */
  tags: Map<string, string> | null = null
  annotations: Annotation[] | null = null
  name: string
  sampled: boolean
  endWallMs = 0
  private readonly form: PropagationForm
  private readonly reporter: SpanReporter

  constructor(
    reporter: SpanReporter,
    context: B3Context,
    form: PropagationForm,
    client: boolean,
    name: string,
    startWallMs: number,
    sampled: boolean,
  ) {
    this.reporter = reporter
    this.context = context
    this.form = form
    this.client = client
    this.name = name
    this.startWallMs = startWallMs
    this.sampled = sampled
  }

  get traceId(): string {
    return this.context.traceId
  }

  /** As Envoy. */
  get spanId(): string {
    return ''
  }

  setOperation(name: string): void {
    this.name = name
  }

  /** As Envoy: a tag without a value is none. */
  setTag(name: string, value: string): void {
    if (value === '') return
    this.tags ??= new Map()
    this.tags.set(name, value)
  }

  annotate(wallMs: number, value: string): void {
    this.annotations ??= []
    this.annotations.push({ wallMs, value })
  }

  inject(carrier: TraceCarrier): void {
    inject(carrier, this.context, this.sampled, this.form)
  }

  spawnChild(operation: string, startWallMs: number): Span {
    const { traceId, spanId } = this.context
    const context = { traceId, spanId: randomHex(8), parentId: spanId }
    return new ZipkinSpan(this.reporter, context, this.form, true, operation, startWallMs, this.sampled)
  }

  finish(endWallMs: number): void {
    if (!this.sampled) return
    this.endWallMs = endWallMs
    this.annotate(endWallMs, this.client ? 'cr' : 'ss')
    this.reporter.report(this)
  }
}
