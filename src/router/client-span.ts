// Spans of requests that the proxy makes beside the client's own: of its filters, and copies for mirrors.
import {
  type FormatContext,
  RequestTrace,
  Sampling,
  type Span,
  setCommonTags,
  type TraceSettings,
} from '../observability/index.ts'

const SETTINGS: TraceSettings = {
  egress: true,
  spawnsUpstream: false,
  verbose: false,
  maxPathTagLength: 0,
  customTags: [],
  operation: null,
  upstreamOperation: null,
  propagates: true,
  nodeId: '',
  zone: '',
}

/** For the StreamInfo of such a request: attempts tell the next hop of the span. */
export const clientTrace = (span: Span): RequestTrace => new RequestTrace(SETTINGS, Sampling, span, null)

/** `status` 0: there was no answer. */
export function finishClientSpan(span: Span, context: FormatContext, status: number): void {
  const { info } = context
  if (span.sampled) {
    span.setTag('http.protocol', info.protocol ?? '-')
    if (info.upstreamHostAddress !== null) {
      span.setTag('upstream_address', info.upstreamHostAddress)
      span.setTag('peer.address', info.upstreamHostAddress)
    }
    setCommonTags(span, SETTINGS, context, status, info.flags)
  }
  span.finish(performance.timeOrigin + performance.now())
}
