// HOT FILE (docs/hot-path.md): injects faults into the requests that its settings pick; the others pass a few tests.
import { Timer, type TimerOwner } from '../../../base/index.ts'
import {
  ByteBucket,
  FilterContinue,
  FilterStop,
  FilterStopAndWatermark,
  type HeaderMap,
  HttpFilter,
  type HttpFilterStatus,
  type RateLimitedStream,
  StreamRateLimiter,
  X_ENVOY_DOWNSTREAM_SERVICE_CLUSTER,
  X_ENVOY_DOWNSTREAM_SERVICE_NODE,
} from '../../../http/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import { ResponseFlag, setDynamicMetadata } from '../../../observability/index.ts'
import { FaultDecisions } from './decisions.ts'
import type { FaultSettings } from './settings.ts'
import {
  ABORTS,
  ACTIVE,
  CLUSTER_ABORTS,
  CLUSTER_DELAYS,
  DELAYS,
  type FaultStats,
  OVERFLOW,
  RATE_LIMITED,
} from './stats.ts'

const METADATA = 'envoy.filters.http.fault'
const SLICE_MS = 50

export class FaultFilter extends HttpFilter implements TimerOwner, RateLimitedStream {
  private readonly own: FaultSettings
  private readonly stats: FaultStats
  private readonly thread: ThreadContext
  private settings: FaultSettings
  private decisions: FaultDecisions | null = null
  private downstreamCluster = ''
  /** This stream counts as one fault under way. */
  private active = false
  private delay: Timer | null = null
  private limiter: StreamRateLimiter | null = null

  constructor(settings: FaultSettings, stats: FaultStats, thread: ThreadContext) {
    super()
    this.own = settings
    this.settings = settings
    this.stats = stats
    this.thread = thread
  }

  override decodeHeaders(headers: HeaderMap): HttpFilterStatus {
    const settings = (this.routePlan() as FaultSettings | null) ?? this.own
    if (settings.delay === null && settings.abort === null && settings.rateLimit === null) return FilterContinue
    if (!this.picks(settings, headers)) return FilterContinue
    this.settings = settings
    const cluster = headers.get(X_ENVOY_DOWNSTREAM_SERVICE_CLUSTER) ?? ''
    if (settings.countsDownstreamClusters) this.downstreamCluster = cluster
    const decisions = new FaultDecisions(settings, this.thread, headers, cluster)
    this.decisions = decisions
    this.limitResponse(decisions)
    const delayMs = decisions.delayMs()
    if (delayMs > 0 && this.begin()) {
      this.startDelay(delayMs)
      return FilterStopAndWatermark
    }
    return this.abort() ? FilterStop : FilterContinue
  }

  private picks(settings: FaultSettings, headers: HeaderMap): boolean {
    const { upstreamCluster, downstreamNodes } = settings
    if (upstreamCluster !== '' && this.routedCluster(headers) !== upstreamCluster) return false
    if (downstreamNodes !== null) {
      const node = headers.get(X_ENVOY_DOWNSTREAM_SERVICE_NODE)
      if (node === undefined || !downstreamNodes.has(node)) return false
    }
    for (let i = 0; i < settings.headers.length; i++) if (!settings.headers[i]!.matches(headers)) return false
    return true
  }

  private routedCluster(headers: HeaderMap): string | null {
    const { route } = this.callbacks
    if (route === null || route.kind !== 'cluster') return null
    return route.clusterName ?? (route.clusterHeader === null ? null : (headers.get(route.clusterHeader) ?? null))
  }

  /** False: too many faults are under way. However many faults a stream gets, it counts once. */
  private begin(): boolean {
    if (this.active) return true
    const { stats, settings } = this
    const limit = this.thread.runtime.snapshot.getNumber(settings.keys.maxActive, settings.maxActiveFaults)
    if (!stats.active.tryAdd(limit)) {
      stats.cells[OVERFLOW]! += 1
      return false
    }
    this.active = true
    stats.cells[ACTIVE]! += 1
    return true
  }

  private startDelay(delayMs: number): void {
    const { stats, callbacks } = this
    stats.cells[DELAYS]! += 1
    if (this.downstreamCluster !== '') stats.chargeCluster(this.downstreamCluster, CLUSTER_DELAYS)
    callbacks.info.flags |= ResponseFlag.DelayInjected
    this.noteMetadata()
    this.delay = new Timer(this, 0)
    this.thread.timers.arm(this.delay, delayMs)
  }

  onTimer(): void {
    this.thread.buffers.enter()
    if (!this.abort()) this.callbacks.continueDecoding(this)
    this.thread.buffers.leave()
  }

  /** True: the request has been answered. */
  private abort(): boolean {
    const status = this.decisions?.abort() ?? null
    if (status === null || !this.begin()) return false
    const { stats, callbacks } = this
    stats.cells[ABORTS]! += 1
    if (this.downstreamCluster !== '') stats.chargeCluster(this.downstreamCluster, CLUSTER_ABORTS)
    callbacks.info.flags |= ResponseFlag.FaultInjected
    this.noteMetadata()
    const body = this.settings.abort?.body || 'fault filter abort'
    callbacks.sendLocalReply(status.httpStatus, body, 'fault_filter_abort', null, status.grpcStatus)
    return true
  }

  private noteMetadata(): void {
    const { metadata } = this.settings
    const { info } = this.callbacks
    if (metadata !== null) setDynamicMetadata(info, METADATA, metadata)
  }

  // ---- the response's rate

  private limitResponse(decisions: FaultDecisions): void {
    const kbps = decisions.responseKbps()
    if (kbps === 0 || !this.begin()) return
    this.stats.cells[RATE_LIMITED]! += 1
    const bytesPerSecond = kbps * 1024
    const bucket = new ByteBucket(bytesPerSecond, (bytesPerSecond * SLICE_MS) / 1000)
    this.limiter = new StreamRateLimiter(this.thread, this, bucket, SLICE_MS)
  }

  override encodeData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    if (this.limiter === null) return FilterContinue
    this.limiter.write(data, start, end, endStream)
    return FilterStop
  }

  override encodeTrailers(): HttpFilterStatus {
    return this.limiter?.writeTrailers() === true ? FilterStop : FilterContinue
  }

  passData(data: Buffer, start: number, end: number, endStream: boolean): void {
    this.callbacks.encoding.injectData(this, data, start, end, endStream)
  }

  passTrailers(): void {
    this.callbacks.continueEncoding(this)
  }

  pauseSource(): void {
    this.callbacks.pauseUpstream()
  }

  resumeSource(): void {
    this.callbacks.resumeUpstream()
  }

  get bufferLimitBytes(): number {
    return this.callbacks.bufferLimitBytes
  }

  override onDestroy(): void {
    if (this.delay !== null) this.thread.timers.disarm(this.delay)
    this.limiter?.destroy()
    if (!this.active) return
    this.active = false
    this.stats.active.remove()
    this.stats.cells[ACTIVE]! -= 1
  }
}
