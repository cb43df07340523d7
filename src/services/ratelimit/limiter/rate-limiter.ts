// HOT FILE (docs/hot-path.md): answers questions: what limits apply, and what their counters say.
import { type StatBlock, type StatStore, statTemplate } from '../../../observability/index.ts'
import type { AnswerCallbacks } from '../answer.ts'
import type { DescriptorNode } from '../config/descriptor-tree.ts'
import type { RateLimitConfig } from '../config/rate-limit-config.ts'
import { unitSeconds } from '../config/unit.ts'
import type { Descriptor, RateLimitRequest } from '../wire/rate-limit-request.ts'
import { counterKey } from './counter-key.ts'
import { Count, type CounterStore } from './counter-store.ts'
import { Limit } from './limit.ts'
import { type LimitStats, TOTAL_HITS, WITHIN_LIMIT } from './limit-stats.ts'
import type { OverLimitCache } from './over-limit-cache.ts'
import { RateLimitCall } from './rate-limit-call.ts'

const SERVICE_STATS = statTemplate({
  counters: ['call.should_rate_limit.redis_error', 'call.should_rate_limit.service_error', 'global_shadow_mode'],
})
const REDIS_ERROR = SERVICE_STATS.slot('call.should_rate_limit.redis_error')
const SERVICE_ERROR = SERVICE_STATS.slot('call.should_rate_limit.service_error')
const GLOBAL_SHADOW_MODE = SERVICE_STATS.slot('global_shadow_mode')

/** Lengths of windows are numbers of seconds; longer ones would never end. */
const MAX_WINDOW_SECONDS = 100 * 365 * 86_400

/** Names of response headers that tell the client how it stands. */
export interface LimitHeaders {
  readonly limit: string
  readonly remaining: string
  readonly reset: string
}

export interface LimiterSettings {
  readonly nearLimitRatio: number
  /** Before every counter's name. */
  readonly keyPrefix: string
  /** Nobody is refused; what would have been is counted. */
  readonly shadowMode: boolean
  /** Every limit is a quota. */
  readonly quotaMode: boolean
  readonly headers: LimitHeaders | null
}

export class RateLimiter {
  readonly settings: LimiterSettings
  /** Replaced as a whole by a reload. */
  config: RateLimitConfig
  private readonly store: CounterStore
  private readonly limitStats: LimitStats
  private readonly overLimits: OverLimitCache | null
  private readonly cells: StatBlock['cells']
  private readonly wallMs: () => number
  /** Names of limits that others of the same request replace; empty between requests. */
  private readonly replaced = new Set<string>()

  constructor(
    settings: LimiterSettings,
    config: RateLimitConfig,
    store: CounterStore,
    limitStats: LimitStats,
    overLimits: OverLimitCache | null,
    stats: StatStore,
    wallMs: () => number,
  ) {
    this.settings = settings
    this.config = config
    this.store = store
    this.limitStats = limitStats
    this.overLimits = overLimits
    this.cells = stats.block('ratelimit.service.', SERVICE_STATS).cells
    this.wallMs = wallMs
  }

  /** Answers `callbacks` once, perhaps within this call. */
  decide(request: RateLimitRequest, callbacks: AnswerCallbacks): void {
    const problem = this.problemOf(request)
    if (problem !== null) {
      this.cells[SERVICE_ERROR]! += 1
      callbacks.onFailure({ kind: 'request', message: problem })
      return
    }
    const call = new RateLimitCall(this, request, this.wallMs(), callbacks)
    this.findLimits(request, call)
    const counts = this.makeCounts(request, call)
    if (counts.length === 0) call.onCounted(null)
    else this.store.count(counts, call.nowMs, call.overLocally !== null, call)
  }

  private problemOf({ domain, descriptors, hitsAddend }: RateLimitRequest): string | null {
    if (domain === '') return 'rate limit domain must not be empty'
    if (descriptors.length === 0) return 'rate limit descriptor list must not be empty'
    let most = hitsAddend
    for (let i = 0; i < descriptors.length; i++) {
      const { limit, hitsAddend: own } = descriptors[i]!
      most = Math.max(most, own)
      if (limit === null) continue
      if (unitSeconds(limit.unit) === 0) return `descriptor ${i}: the limit it brings has no valid unit`
      if (unitSeconds(limit.unit) * limit.unitMultiplier > MAX_WINDOW_SECONDS) {
        return `descriptor ${i}: the limit it brings is for too long a time`
      }
    }
    return most > Number.MAX_SAFE_INTEGER ? 'hits_addend is too large' : null
  }

  private findLimits({ domain, descriptors }: RateLimitRequest, { limits }: RateLimitCall): void {
    const { config, replaced } = this
    const root = config.domain(domain)
    for (let i = 0; i < descriptors.length; i++) {
      if (root === undefined) {
        this.limitStats.countUnknownDomain(domain)
        continue
      }
      const limit = this.limitOf(root, domain, descriptors[i]!)
      limits[i] = limit
      if (limit === null) continue
      const { replaces } = limit.facts
      for (let j = 0; j < replaces.length; j++) replaced.add(replaces[j]!)
    }
    if (replaced.size === 0) return
    for (let i = 0; i < limits.length; i++) {
      const facts = limits[i]?.facts
      if (facts !== undefined && !facts.unlimited && replaced.has(facts.name)) limits[i] = null
    }
    replaced.clear()
  }

  private limitOf(root: DescriptorNode, domain: string, descriptor: Descriptor): Limit | null {
    if (descriptor.limit === null) return this.config.limitOf(root, domain, descriptor)
    let fullKey = domain
    for (const { key, value } of descriptor.entries) fullKey += value === '' ? `.${key}` : `.${key}_${value}`
    const facts = { ...descriptor.limit, ...PLAIN, fullKey }
    return new Limit(facts, this.limitStats.ofRequest(fullKey), this.settings.nearLimitRatio)
  }

  /** What the store is to count; descriptors that need no counting have none. */
  private makeCounts(request: RateLimitRequest, call: RateLimitCall): readonly Count[] {
    const { domain, descriptors, hitsAddend } = request
    const nowSeconds = Math.floor(call.nowMs / 1000)
    const counts: Count[] = []
    for (let i = 0; i < descriptors.length; i++) {
      const limit = call.limits[i]!
      if (limit === null) continue
      const descriptor = descriptors[i]!
      const asked = descriptor.hitsAddend >= 0 ? descriptor.hitsAddend : Math.max(1, hitsAddend)
      const hits = descriptor.negativeHits ? -asked : asked
      if (hits > 0) limit.stats.cells[TOTAL_HITS]! += hits
      if (limit.facts.unlimited) {
        if (hits > 0) limit.stats.cells[WITHIN_LIMIT]! += hits
        continue
      }
      const key = counterKey(this.settings.keyPrefix, domain, descriptor, limit)
      const windowStart = nowSeconds - (nowSeconds % limit.windowSeconds)
      const count = new Count(limit, key, windowStart, hits)
      call.counts[i] = count
      if (this.overLimits?.has(key + windowStart, nowSeconds) === true) {
        call.overLocally ??= new Array<boolean>(descriptors.length).fill(false)
        call.overLocally[i] = true
      } else counts.push(count)
    }
    return counts
  }

  /** A counter is over its limit until its window ends. */
  noteOver({ key, windowStart, limit }: Count): void {
    this.overLimits?.add(key + windowStart, windowStart + limit.windowSeconds)
  }

  countStoreError(): void {
    this.cells[REDIS_ERROR]! += 1
  }

  countGlobalShadow(): void {
    this.cells[GLOBAL_SHADOW_MODE]! += 1
  }
}

/** What limits that a request brings never have. */
const PLAIN = { unlimited: false, shadowMode: false, quotaMode: false, name: '', replaces: [], detailedMetric: false }
