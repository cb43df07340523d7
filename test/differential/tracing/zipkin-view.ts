import type { TraceView } from './view.ts'

interface ZipkinSpan {
  readonly traceId: string
  readonly id: string
  readonly parentId?: string
  readonly timestamp: number
  readonly duration: number
  readonly kind: string
  readonly name: string
  readonly shared?: boolean
  readonly localEndpoint: { readonly serviceName?: string; readonly ipv4?: string; readonly port?: number }
  readonly annotations: readonly { readonly value: string; readonly timestamp: number }[]
  readonly tags: Readonly<Record<string, string>>
}

export function zipkinSpans(body: Buffer, view: TraceView): readonly string[] {
  return (JSON.parse(body.toString()) as readonly ZipkinSpan[]).flatMap(span => spanLines(span, view))
}

function spanLines(span: ZipkinSpan, view: TraceView): readonly string[] {
  const { serviceName, ipv4, port } = span.localEndpoint
  const parent = span.parentId === undefined ? '' : ` parent=${span.parentId}`
  const times = [span.timestamp, span.duration, ...span.annotations.map(one => one.timestamp)]
  const events = span.annotations.map(one => one.value).join(', ')
  return [
    `* ${span.kind}${span.shared === true ? ' shared' : ''} ${span.name}`,
    view.ids(`  trace=${span.traceId} id=${span.id}${parent}`),
    `  ${serviceName} ${typeof ipv4} ${port} ${times.every(Number.isInteger) ? 'integers' : 'no integers'} ${events}`,
    ...view.tags(span.tags),
  ]
}
