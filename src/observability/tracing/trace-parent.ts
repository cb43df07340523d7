// W3C's traceparent (https://www.w3.org/TR/trace-context/).
export interface TraceParent {
  readonly traceId: string
  readonly spanId: string
  readonly sampled: boolean
}

const FORM = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/i

/** Null: it is malformed. As Envoy: any version will do, and letters of either case. */
export function readTraceParent(text: string): TraceParent | null {
  const parts = FORM.exec(text)
  if (parts === null) return null
  const [, traceId = '', spanId = '', flags = ''] = parts
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return null
  const sampled = (Number.parseInt(flags, 16) & 1) === 1
  return { traceId: traceId.toLowerCase(), spanId: spanId.toLowerCase(), sampled }
}
