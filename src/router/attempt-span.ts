// The span of one attempt, where each has its own: spawn_upstream_span, or the deprecated start_child_span of the router.
import type { HeaderMap, HttpFilterCallbacks } from '../http/index.ts'
import { annotateAt, type RequestTrace, ResponseFlag, type Span, setCommonTags } from '../observability/index.ts'
import type { Cluster, Host } from '../upstream/index.ts'
import type { Failure } from './failure.ts'

export class AttemptSpan {
  private readonly trace: RequestTrace
  private readonly span: Span
  private readonly callbacks: HttpFilterCallbacks
  private readonly host: Host
  private readonly startUs: number
  private protocol = '-'
  private status = 0
  private flags = 0
  private finished = false

  private constructor(trace: RequestTrace, span: Span, callbacks: HttpFilterCallbacks, host: Host) {
    this.trace = trace
    this.span = span
    this.callbacks = callbacks
    this.host = host
    this.startUs = callbacks.info.sinceStartUs(callbacks.thread.clock.now)
  }

  /** `attempt` is 1-based. Null: attempts have no spans. */
  static start(
    trace: RequestTrace,
    callbacks: HttpFilterCallbacks,
    cluster: Cluster,
    host: Host,
    attempt: number,
    routerAsks: boolean,
  ): AttemptSpan | null {
    if (trace.span === null || !(routerAsks || trace.settings.spawnsUpstream)) return null
    const { info, thread } = callbacks
    const startMs = info.startWallMs - info.startMs + thread.clock.now
    const span = trace.span.spawnChild(`router ${cluster.observabilityName} egress`, startMs)
    if (attempt > 1) span.setTag('retry.count', String(attempt - 1))
    return new AttemptSpan(trace, span, callbacks, host)
  }

  onReady(protocol: string, headers: HeaderMap): void {
    this.protocol = protocol
    if (this.trace.settings.propagates) this.span.inject(headers, this.host.addressText)
  }

  onHeaders(status: number): void {
    this.status = status
  }

  onTimeout(): void {
    this.flags |= ResponseFlag.UpstreamRequestTimeout
  }

  onCancel(): void {
    if (!this.finished) this.span.setTag('canceled', 'true')
  }

  fail(failure: Failure): void {
    this.flags |= failure.flag
    this.span.setTag('error', 'true')
    this.span.setTag('error.reason', failure.reasonText)
    this.finish()
  }

  finish(): void {
    if (this.finished) return
    this.finished = true
    const { span, callbacks } = this
    const { info, thread } = callbacks
    if (span.sampled) this.setTags()
    span.finish(info.startWallMs - info.startMs + thread.clock.now)
  }

  private setTags(): void {
    const { span, callbacks, host, trace } = this
    const { info, requestHeaders, responseHeaders } = callbacks
    const { upstreamOperation, verbose } = trace.settings
    const context = { requestHeaders, responseHeaders, responseTrailers: null, info }
    span.setTag('http.protocol', this.protocol)
    span.setTag('upstream_address', host.addressText)
    span.setTag('peer.address', host.addressText)
    if (upstreamOperation !== null) span.setOperation(upstreamOperation.format(context))
    if (verbose) this.annotate()
    setCommonTags(span, trace.settings, context, this.status, this.flags)
  }

  /** Moments before this attempt are those of another one. */
  private annotate(): void {
    const { span, startUs } = this
    const { info } = this.callbacks
    const at = (us: number, event: string): void => {
      if (us >= startUs) annotateAt(span, info.startWallMs, us, event)
    }
    at(info.firstUpstreamTxByteUs, 'first_upstream_tx_byte_sent')
    at(info.lastUpstreamTxByteUs, 'last_upstream_tx_byte_sent')
    at(info.firstUpstreamRxByteUs, 'first_upstream_rx_byte_received')
    at(info.lastUpstreamRxByteUs, 'last_upstream_rx_byte_received')
  }
}

/** Attempts without spans tell the next hop of the request's own. */
export function injectTrace(
  { span, settings }: RequestTrace,
  healthCheck: boolean,
  headers: HeaderMap,
  address: string,
): void {
  if (span === null || !settings.propagates) return
  if (healthCheck) span.sampled = false
  span.inject(headers, address)
}
