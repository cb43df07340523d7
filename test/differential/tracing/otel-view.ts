import { messageCodec } from '../../../src/config/index.ts'
import type { TraceView } from './view.ts'

interface KeyValue {
  readonly key: string
  readonly value: { readonly value: { readonly case: string; readonly value: unknown } }
}

interface OtelSpan {
  readonly traceId: Uint8Array
  readonly spanId: Uint8Array
  readonly parentSpanId: Uint8Array
  readonly traceState: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: bigint
  readonly endTimeUnixNano: bigint
  readonly flags: number
  readonly status?: { readonly code: number }
  readonly events: readonly { readonly name: string }[]
  readonly attributes: readonly KeyValue[]
}

interface Request {
  readonly resourceSpans: readonly {
    readonly resource?: { readonly attributes: readonly KeyValue[] }
    readonly scopeSpans: readonly { readonly scope?: { readonly name: string }; readonly spans: readonly OtelSpan[] }[]
  }[]
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** Texts as they are, other kinds by name; versions differ. */
const pairs = (attributes: readonly KeyValue[]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    attributes.map(({ key, value: { value } }) => {
      const text = value.case === 'stringValue' ? String(value.value) : `${value.case} ${value.value}`
      return [key, key === 'telemetry.sdk.version' ? typeof value.value : text]
    }),
  )

export function otelSpans(body: Buffer, view: TraceView): readonly string[] {
  const message = messageCodec('opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest').decode(body)
  return (message as Request).resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const origin = resource === undefined ? 'none' : JSON.stringify(pairs(resource.attributes), sortedKeys)
    return scopeSpans.flatMap(({ scope, spans }) =>
      spans.flatMap(span => [...spanLines(span, view), `  resource ${origin} scope ${scope?.name ?? 'none'}`]),
    )
  })
}

function spanLines(span: OtelSpan, view: TraceView): readonly string[] {
  const { startTimeUnixNano: start, endTimeUnixNano: end } = span
  const events = span.events.map(({ name }) => name).join(', ')
  const parent = span.parentSpanId.length === 0 ? 'none' : hex(span.parentSpanId)
  return [
    `* ${span.name} kind=${span.kind} flags=${span.flags.toString(16)} status=${span.status?.code ?? 'none'}`,
    view.ids(`  trace=${hex(span.traceId)} id=${hex(span.spanId)} parent=${parent} state=${span.traceState}`),
    `  ${start > 0n && end >= start ? 'in time' : 'out of time'} ${events}`,
    ...view.tags(pairs(span.attributes)),
  ]
}

function sortedKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}
