// A request that goes to another cluster as well, whose answer is thrown away (RouteAction.RequestMirrorPolicy).
import { Timer, type TimerOwner } from '../base/index.ts'
import * as http from '../http/index.ts'
import { HeaderMap, type ShadowPolicyPlan } from '../http/index.ts'
import { ownAddress, type ThreadContext } from '../net/index.ts'
import { type Span, StreamInfo } from '../observability/index.ts'
import { CLUSTER_SLOTS as C, type Cluster, type Host } from '../upstream/index.ts'
import { clientTrace, finishClientSpan } from './client-span.ts'
import { NO_SLICES } from './slice-stats.ts'
import { setExpectedTimeout } from './timeouts.ts'
import { UpstreamRequest, type UpstreamRequestOwner } from './upstream-request.ts'

const TIMEOUT = 0

/** One copy on its way. It never holds its original up: what its host does not take in time is given up. */
export class ShadowRequest implements UpstreamRequestOwner, TimerOwner {
  /** Copies are counted by their cluster alone. */
  readonly slices = NO_SLICES
  readonly thread: ThreadContext
  readonly info: StreamInfo
  private readonly cluster: Cluster
  private readonly headers: HeaderMap
  private readonly upstream: UpstreamRequest
  private readonly timer: Timer
  private ended = false

  private constructor(thread: ThreadContext, info: StreamInfo, cluster: Cluster, host: Host, headers: HeaderMap) {
    this.thread = thread
    this.info = info
    this.cluster = cluster
    this.headers = headers
    this.timer = new Timer(this, TIMEOUT)
    this.upstream = new UpstreamRequest(this, cluster, host, 1, null)
  }

  /** Sends `copy` to the cluster `named`; null where no host takes it, and the copy is not used up. `timeoutMs`: 0 for none. */
  static start(
    policy: ShadowPolicyPlan,
    thread: ThreadContext,
    named: Cluster,
    original: StreamInfo,
    copy: HeaderMap,
    endStream: boolean,
    timeoutMs: number,
  ): ShadowRequest | null {
    const host = named.loadBalancer.chooseHost(null)
    if (host === null) {
      named.stats.cells[C.upstream_cx_none_healthy]! += 1
      return null
    }
    const info = new StreamInfo(original.connection, thread.clock.now)
    info.protocol = original.protocol
    named.nameIn(info)
    const span = mirrorSpan(policy, thread, original)
    if (span !== null) info.trace = clientTrace(span)
    dress(copy, policy, original)
    // A copy has the whole time, whatever one attempt of its original has.
    if (timeoutMs > 0 && copy.has(http.X_ENVOY_EXPECTED_RQ_TIMEOUT_MS)) setExpectedTimeout(copy, timeoutMs)
    const shadow = new ShadowRequest(thread, info, named.clusterOf(host), host, copy)
    if (timeoutMs > 0) thread.timers.arm(shadow.timer, timeoutMs)
    shadow.upstream.start(copy, endStream, 0, false)
    return shadow
  }

  sendData(data: Buffer, start: number, end: number, endStream: boolean): void {
    if (!this.ended) this.upstream.sendData(data, start, end, endStream)
  }

  sendTrailers(trailers: HeaderMap): void {
    if (!this.ended) this.upstream.sendTrailers(trailers)
  }

  /** The original was not received to its end: its copy must not look complete. */
  cancel(): void {
    if (this.ended) return
    this.upstream.abandon()
    this.end()
  }

  // ---- the answer that nobody waits for

  onUpstreamHeaders(_request: UpstreamRequest, headers: HeaderMap, endStream: boolean): void {
    const canary = this.upstream.host.canary || headers.get(http.X_ENVOY_UPSTREAM_CANARY) === 'true'
    this.cluster.codeStats.charge(headers.status, true, canary, this.zone)
    this.info.responseCode = headers.status
    HeaderMap.release(headers)
    if (endStream) this.complete()
  }

  onUpstream1xx(_request: UpstreamRequest, headers: HeaderMap): void {
    HeaderMap.release(headers)
  }

  onUpstreamData(_request: UpstreamRequest, _data: Buffer, _start: number, _end: number, endStream: boolean): void {
    if (endStream) this.complete()
  }

  onUpstreamTrailers(_request: UpstreamRequest, trailers: HeaderMap): void {
    HeaderMap.release(trailers)
    this.complete()
  }

  private get zone(): string {
    return this.upstream.host.locality.zone
  }

  private complete(): void {
    const ms = this.thread.clock.now - this.info.startMs
    const { canary } = this.upstream.host
    this.cluster.codeStats.recordTime(ms, true, canary, this.zone)
    if (!this.upstream.requestComplete) this.upstream.abandon()
    this.end()
  }

  onUpstreamReset(): void {
    this.cluster.codeStats.charge(503, true, this.upstream.host.canary, this.zone)
    this.end()
  }

  onPerTryTimeout(): void {}

  onPerTryIdleTimeout(): void {}

  /** Its host is slower than the original's: a shadow is not worth a client's wait. */
  pauseDownstream(): void {
    this.cancel()
  }

  resumeDownstream(): void {}

  onTimer(): void {
    this.cluster.stats.cells[C.upstream_rq_timeout]! += 1
    this.cluster.codeStats.charge(504, true, this.upstream.host.canary, this.zone)
    this.cancel()
  }

  private endSpan(span: Span): void {
    const { info, headers } = this
    const context = { requestHeaders: headers, responseHeaders: null, responseTrailers: null, info }
    finishClientSpan(span, context, info.responseCode)
  }

  private end(): void {
    if (this.ended) return
    this.ended = true
    this.thread.timers.disarm(this.timer)
    const span = this.info.trace?.span ?? null
    if (span !== null) this.endSpan(span)
    HeaderMap.release(this.headers)
  }
}

/** A copy has a span of its own; where the policy does not say whether it is sent, the original's verdict holds. */
function mirrorSpan({ traceSampled }: ShadowPolicyPlan, thread: ThreadContext, original: StreamInfo): Span | null {
  const span = original.trace?.span ?? null
  if (span === null) return null
  const child = span.spawnChild('mirror', original.startWallMs - original.startMs + thread.clock.now)
  if (traceSampled !== null) child.sampled = traceSampled
  return child
}

/** What tells a copy from its original. */
function dress(headers: HeaderMap, policy: ShadowPolicyPlan, info: StreamInfo): void {
  policy.mutations?.apply(headers, { requestHeaders: headers, responseHeaders: null, responseTrailers: null, info })
  if (policy.hostRewrite !== '') headers.authority = policy.hostRewrite
  else if (policy.appendHostSuffix) headers.authority = withSuffix(headers.authority)
  headers.set(http.X_ENVOY_INTERNAL, 'true')
  const forwarded = headers.get(http.X_FORWARDED_FOR)
  headers.set(http.X_FORWARDED_FOR, forwarded === undefined ? ownAddress() : `${forwarded},${ownAddress()}`)
}

/** 'svc' -> 'svc-shadow', 'svc:80' -> 'svc-shadow:80'. */
function withSuffix(authority: string): string {
  const port = /:\d+$/.exec(authority)?.[0] ?? ''
  return `${authority.slice(0, authority.length - port.length)}-shadow${port}`
}
