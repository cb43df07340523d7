import { randomHex, type Span, type TagKind, type TraceCarrier } from '../../../observability/index.ts'
import { attribute, type KeyValue, text } from './attributes.ts'

export const ServerKind = 2
export const ClientKind = 3
const STATUS_ERROR = 2
/** Bits of Span.flags: sampled; it is known whether the parent is remote, and it is. */
const FLAG_SAMPLED = 0x1
const FLAG_HAS_IS_REMOTE = 0x100
const FLAG_IS_REMOTE = 0x200

/** What the caller has said: W3C's traceparent and tracestate. */
export interface ParentContext {
  readonly traceId: string
  readonly spanId: string
  readonly sampled: boolean
  readonly traceState: string
}

/** Takes finished spans, as fields of opentelemetry.proto.trace.v1.Span. */
export interface SpanReporter {
  report(span: object): void
}

const nanoseconds = (ms: number): bigint => BigInt(Math.round(ms * 1000)) * 1000n

export class OtelSpan implements Span {
  readonly traceId: string
  readonly spanId: string
  sampled: boolean
  private readonly reporter: SpanReporter
  private readonly parentId: string
  private readonly traceState: string
  private readonly remoteParent: boolean
  private readonly kind: number
  private readonly startWallMs: number
  private name: string
  private failed = false
  private attributes: Map<string, KeyValue> | null = null
  private events: object[] | null = null

  /** `parent` null: a trace begins. */
  constructor(
    reporter: SpanReporter,
    parent: ParentContext | null,
    remoteParent: boolean,
    kind: number,
    name: string,
    startWallMs: number,
    sampled: boolean,
  ) {
    this.reporter = reporter
    this.traceId = parent?.traceId ?? randomHex(16)
    this.spanId = randomHex(8)
    this.parentId = parent?.spanId ?? ''
    this.traceState = parent?.traceState ?? ''
    this.remoteParent = remoteParent
    this.kind = kind
    this.name = name
    this.startWallMs = startWallMs
    this.sampled = sampled
  }

  setOperation(name: string): void {
    this.name = name
  }

  setTag(name: string, value: string, kind: TagKind = 'text'): void {
    if (name === '') return
    // By OpenTelemetry's conventions for HTTP, as Envoy: 4xx is the client's failure.
    if (name === 'http.status_code') this.failed = Number(value) >= (this.kind === ClientKind ? 400 : 500)
    this.attributes ??= new Map()
    this.attributes.set(name, attribute(name, value, kind))
  }

  annotate(wallMs: number, event: string): void {
    this.events ??= []
    this.events.push({ timeUnixNano: nanoseconds(wallMs), name: event })
  }

  /** As Envoy: the next hop gets a tracestate, be it empty. */
  inject(carrier: TraceCarrier): void {
    carrier.put('traceparent', `00-${this.traceId}-${this.spanId}-${this.sampled ? '01' : '00'}`)
    carrier.put('tracestate', this.traceState)
  }

  spawnChild(operation: string, startWallMs: number): Span {
    const { reporter, traceId, spanId, sampled, traceState } = this
    const parent = { traceId, spanId, sampled, traceState }
    return new OtelSpan(reporter, parent, false, ClientKind, operation, startWallMs, sampled)
  }

  finish(endWallMs: number): void {
    if (!this.sampled) return
    this.reporter.report({
      traceId: Buffer.from(this.traceId, 'hex'),
      spanId: Buffer.from(this.spanId, 'hex'),
      parentSpanId: Buffer.from(this.parentId, 'hex'),
      traceState: text(this.traceState),
      flags: FLAG_SAMPLED | FLAG_HAS_IS_REMOTE | (this.remoteParent ? FLAG_IS_REMOTE : 0),
      name: text(this.name),
      kind: this.kind,
      startTimeUnixNano: nanoseconds(this.startWallMs),
      endTimeUnixNano: nanoseconds(endWallMs),
      attributes: this.attributes === null ? [] : [...this.attributes.values()],
      events: this.events ?? [],
      status: this.failed ? { code: STATUS_ERROR } : undefined,
    })
  }
}
