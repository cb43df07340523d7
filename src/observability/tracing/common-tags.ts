// Tags that all spans of the proxy have (Envoy: source/common/tracing/http_tracer_impl.cc).
import type { FormatContext } from '../format-context.ts'
import { flagsToString } from '../response-flags.ts'
import type { TraceSettings } from './request-trace.ts'
import type { Span } from './span.ts'

/** `status` 0: there was no answer. The configuration's tags come last: they take the place of others. */
export function setCommonTags(
  span: Span,
  settings: TraceSettings,
  context: FormatContext,
  status: number,
  flags: number,
): void {
  const { info } = context
  span.setTag('component', 'proxy')
  if (info.upstreamCluster !== null) {
    span.setTag('upstream_cluster', info.upstreamClusterRaw ?? info.upstreamCluster)
    span.setTag('upstream_cluster.name', info.upstreamCluster)
  }
  span.setTag('http.status_code', String(status))
  span.setTag('response_flags', flagsToString(flags, false))
  if (status === 0 || status >= 500) span.setTag('error', 'true')
  for (const tag of settings.customTags) {
    const value = tag.value(context)
    if (value !== '') span.setTag(tag.name, value, tag.kind)
  }
}

/** Moments that `verbose` tells of; `us` is negative for what has not happened. */
export function annotateAt(span: Span, startWallMs: number, us: number, event: string): void {
  if (us >= 0) span.annotate(startWallMs + us / 1000, event)
}
