// HOT FILE (docs/hot-path.md): one request takes its token, or is turned away.
import type { TokenBucket } from '../../../base/index.ts'
import {
  FilterContinue,
  FilterStop,
  type HeaderMap,
  HeaderName,
  HttpFilter,
  type HttpFilterStatus,
  type RateLimitDescriptor,
} from '../../../http/index.ts'
import { ResponseFlag } from '../../../observability/index.ts'
import type { UpstreamThread } from '../../../upstream/index.ts'
import { Allowed, Denied } from './limiter.ts'
import { LOCAL_RATE_LIMIT_STATS, type LocalRateLimitPlan } from './local-rate-limit-plan.ts'

const ENABLED = LOCAL_RATE_LIMIT_STATS.slot('enabled')
const ENFORCED = LOCAL_RATE_LIMIT_STATS.slot('enforced')
const OK = LOCAL_RATE_LIMIT_STATS.slot('ok')
const RATE_LIMITED = LOCAL_RATE_LIMIT_STATS.slot('rate_limited')
const SHADOW_MODE = LOCAL_RATE_LIMIT_STATS.slot('shadow_mode')

const RETRY_AFTER = HeaderName.of('retry-after')
const X_RATELIMIT_LIMIT = HeaderName.of('x-ratelimit-limit')
const X_RATELIMIT_REMAINING = HeaderName.of('x-ratelimit-remaining')
const X_RATELIMIT_RESET = HeaderName.of('x-ratelimit-reset')
const NO_DESCRIPTORS: readonly RateLimitDescriptor[] = []
const GRPC_RESOURCE_EXHAUSTED = 8

export class LocalRateLimit extends HttpFilter {
  private plan: LocalRateLimitPlan
  private bucket: TokenBucket | null = null
  private tellsLimit = false

  constructor(plan: LocalRateLimitPlan) {
    super()
    this.plan = plan
  }

  override decodeHeaders(headers: HeaderMap): HttpFilterStatus {
    const { callbacks } = this
    const { thread } = callbacks
    const plan = (this.routePlan() as LocalRateLimitPlan | null) ?? this.plan
    this.plan = plan
    if (!plan.enabled.enabled(thread)) return FilterContinue
    const { cells } = plan.stats(thread)
    cells[ENABLED]! += 1
    const limiter = plan.limiter(thread, callbacks.connection)
    const descriptors = plan.hasDescriptors ? this.describe(headers) : NO_DESCRIPTORS
    const price = plan.sharedByCluster ? (thread as UpstreamThread).clusters.localMembers : 1
    const outcome = limiter.decide(descriptors, thread.clock, price)
    this.bucket = limiter.bucket
    this.tellsLimit = limiter.option === 'UNSPECIFIED' ? plan.xRateLimitHeaders : limiter.option !== 'OFF'
    if (outcome === Allowed) {
      cells[OK]! += 1
      return FilterContinue
    }
    cells[RATE_LIMITED]! += 1
    if (outcome !== Denied) {
      cells[SHADOW_MODE]! += 1
      return FilterContinue
    }
    if (!plan.enforced.enabled(thread)) {
      plan.requestHeaders.apply(headers, headers, null, callbacks.info)
      return FilterContinue
    }
    cells[ENFORCED]! += 1
    this.refuse(headers)
    return FilterStop
  }

  private refuse(request: HeaderMap): void {
    const { callbacks, plan } = this
    const modify = (reply: HeaderMap): void => {
      plan.responseHeaders.apply(reply, request, reply, callbacks.info)
      if (plan.retryAfterHeader && plan.status === 429 && this.bucket !== null)
        reply.append(RETRY_AFTER, this.secondsToNextToken(this.bucket))
      // As Envoy: those headers do not see the flag yet.
      callbacks.info.flags |= ResponseFlag.RateLimited
    }
    const grpcStatus = plan.resourceExhausted ? GRPC_RESOURCE_EXHAUSTED : -1
    callbacks.sendLocalReply(plan.status, 'local_rate_limited', 'local_rate_limited', modify, grpcStatus)
  }

  private describe(headers: HeaderMap): readonly RateLimitDescriptor[] {
    const { plan, callbacks } = this
    const { info, route, thread } = callbacks
    if (route === null || route.kind !== 'cluster') return NO_DESCRIPTORS
    const descriptors: RateLimitDescriptor[] = []
    const subject = { headers, info, route, serviceCluster: thread.node.cluster ?? '' }
    if (!plan.rateLimits.isEmpty) {
      plan.rateLimits.populate(descriptors, 0, false, null, subject)
      return descriptors
    }
    route.rateLimits.populate(descriptors, plan.stage, false, null, subject)
    const vh = route.includeVirtualHostRateLimits ? 'INCLUDE' : plan.vhRateLimits
    if (vh === 'INCLUDE' || (vh === 'OVERRIDE' && route.rateLimits.isEmpty)) {
      route.virtualHost.rateLimits.populate(descriptors, plan.stage, false, null, subject)
    }
    return descriptors
  }

  override encodeHeaders(headers: HeaderMap): HttpFilterStatus {
    const { bucket } = this
    // A bucket that never lets anything through has no figures worth telling.
    if (bucket === null || !this.tellsLimit || bucket.maxTokens === 0) return FilterContinue
    headers.set(X_RATELIMIT_LIMIT, String(bucket.maxTokens))
    headers.set(X_RATELIMIT_REMAINING, String(Math.floor(bucket.available(this.callbacks.thread.clock.now))))
    headers.set(X_RATELIMIT_RESET, this.secondsToNextToken(bucket))
    return FilterContinue
  }

  private secondsToNextToken(bucket: TokenBucket): string {
    return String(Math.ceil(bucket.msToNextToken(this.callbacks.thread.clock.now) / 1000))
  }
}
