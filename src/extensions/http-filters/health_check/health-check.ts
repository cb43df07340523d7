// HOT FILE (docs/hot-path.md): health checks of whoever stands in front: answered here, passed on or remembered.
import {
  FilterContinue,
  FilterStop,
  type HeaderMap,
  HeaderName,
  type HeaderPredicate,
  HttpFilter,
  type HttpFilterStatus,
  X_ENVOY_DEGRADED,
  X_ENVOY_IMMEDIATE_HEALTH_CHECK_FAIL,
} from '../../../http/index.ts'
import { ResponseFlag, type StatBlock } from '../../../observability/index.ts'
import type { UpstreamThread } from '../../../upstream/index.ts'
import { type ClusterMinimum, clusterVerdict } from './cluster-verdict.ts'
import type { ResponseCache } from './response-cache.ts'
import * as S from './stats.ts'

const HEALTHCHECKED_CLUSTER = HeaderName.of('x-envoy-upstream-healthchecked-cluster')

export interface HealthCheckShared {
  readonly thread: UpstreamThread
  readonly stats: StatBlock
  readonly passThrough: boolean
  readonly headers: readonly HeaderPredicate[]
  readonly minimums: readonly ClusterMinimum[]
  /** Null: nothing is remembered. */
  readonly cache: ResponseCache | null
  /** The name of the service this proxy stands in front of. */
  readonly clusterName: string
}

export class HealthCheckFilter extends HttpFilter {
  private readonly shared: HealthCheckShared
  private isCheck = false
  /** The answer is given here, once the request is complete. */
  private answers = false

  constructor(shared: HealthCheckShared) {
    super()
    this.shared = shared
  }

  override decodeHeaders(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    const { shared } = this
    if (!matches(shared.headers, headers)) return FilterContinue
    this.isCheck = true
    this.callbacks.info.healthCheck = true
    this.answers = !shared.passThrough || shared.thread.drain.healthChecksFail || shared.cache?.isFresh() === true
    if (!this.answers) return FilterContinue
    if (endStream) this.answer()
    return FilterStop
  }

  override decodeData(_data: Buffer, _start: number, _end: number, endStream: boolean): HttpFilterStatus {
    if (!this.answers) return FilterContinue
    if (endStream) this.answer()
    return FilterStop
  }

  override decodeTrailers(): HttpFilterStatus {
    if (!this.answers) return FilterContinue
    this.answer()
    return FilterStop
  }

  private answer(): void {
    const { thread, stats, cache, minimums } = this.shared
    stats.cells[S.REQUEST_TOTAL]! += 1
    if (thread.drain.healthChecksFail) this.reply(503, 'health_check_failed')
    else if (cache !== null) {
      stats.cells[S.CACHED_RESPONSE]! += 1
      if (cache.degraded) stats.cells[S.DEGRADED]! += 1
      this.reply(cache.status, 'health_check_cached', cache.degraded)
    } else if (minimums.length > 0) {
      const verdict = clusterVerdict(minimums, thread.clusters)
      if (verdict.slot >= 0) stats.cells[verdict.slot]! += 1
      this.reply(verdict.slot < 0 ? 200 : 503, verdict.details)
    } else this.reply(200, 'health_check_ok')
  }

  private reply(status: number, details: string, degraded = false): void {
    const good = status >= 200 && status < 300
    this.shared.stats.cells[good ? S.OK : S.FAILED]! += 1
    if (!good) this.callbacks.info.flags |= ResponseFlag.FailedLocalHealthCheck
    this.callbacks.sendLocalReply(status, '', details, degraded ? addDegraded : null)
  }

  override encodeHeaders(headers: HeaderMap): HttpFilterStatus {
    const { cache, clusterName, thread } = this.shared
    if (this.isCheck) {
      cache?.remember(headers.status, headers.has(X_ENVOY_DEGRADED))
      headers.set(HEALTHCHECKED_CLUSTER, clusterName)
    } else if (thread.drain.healthChecksFail) headers.set(X_ENVOY_IMMEDIATE_HEALTH_CHECK_FAIL, 'true')
    return FilterContinue
  }
}

function matches(predicates: readonly HeaderPredicate[], headers: HeaderMap): boolean {
  for (let i = 0; i < predicates.length; i++) if (!predicates[i]!.matches(headers)) return false
  return true
}

function addDegraded(headers: HeaderMap): void {
  headers.append(X_ENVOY_DEGRADED, '')
}
