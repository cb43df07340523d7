// HOT FILE (docs/hot-path.md): one question on its way: limits, counters, answer.
import { type Answer, type AnswerCallbacks, CodeOk, CodeOverLimit, MAX_UINT32, type Status } from '../answer.ts'
import type { RateLimitRequest } from '../wire/rate-limit-request.ts'
import type { Count, CountCallbacks } from './counter-store.ts'
import type { Limit } from './limit.ts'
import * as S from './limit-stats.ts'
import type { RateLimiter } from './rate-limiter.ts'

const NO_LIMIT: Status = { code: CodeOk, limit: null, remaining: 0, secondsUntilReset: -1 }
const UNLIMITED: Status = { code: CodeOk, limit: null, remaining: MAX_UINT32, secondsUntilReset: -1 }
const NO_HEADERS: Answer['responseHeaders'] = []

export class RateLimitCall implements CountCallbacks {
  readonly nowMs: number
  /** Per descriptor; null: none applies. */
  readonly limits: (Limit | null)[]
  /** Per descriptor; null: nothing is counted for it. */
  readonly counts: (Count | null)[]
  /** Per descriptor: known to be over without asking the store. Null: none is. */
  overLocally: boolean[] | null = null
  private readonly limiter: RateLimiter
  private readonly request: RateLimitRequest
  private readonly callbacks: AnswerCallbacks

  constructor(limiter: RateLimiter, request: RateLimitRequest, nowMs: number, callbacks: AnswerCallbacks) {
    const { length } = request.descriptors
    this.limiter = limiter
    this.request = request
    this.nowMs = nowMs
    this.callbacks = callbacks
    this.limits = new Array<Limit | null>(length).fill(null)
    this.counts = new Array<Count | null>(length).fill(null)
  }

  onCounted(failure: string | null): void {
    const { limiter, callbacks } = this
    if (failure !== null) {
      limiter.countStoreError()
      callbacks.onFailure({ kind: 'store', message: failure })
      return
    }
    const { length } = this.request.descriptors
    const statuses = new Array<Status>(length)
    let overLimits = 0
    let quotas = 0
    let overQuotas = 0
    for (let i = 0; i < length; i++) {
      const status = this.statusOf(i)
      statuses[i] = status
      if (status.limit === null) continue
      const quota = limiter.settings.quotaMode || status.limit.facts.quotaMode
      if (quota) quotas++
      if (status.code !== CodeOverLimit) continue
      if (quota) overQuotas++
      else overLimits++
    }
    // Quotas stand for each other: as long as one of them has room, the request passes.
    const over = overLimits > 0 || (quotas > 0 && quotas === overQuotas)
    const passes = !over || limiter.settings.shadowMode
    if (over && passes) limiter.countGlobalShadow()
    const responseHeaders = limiter.settings.headers === null ? NO_HEADERS : this.headersFor(statuses)
    callbacks.onAnswer({ overallCode: passes ? CodeOk : CodeOverLimit, statuses, responseHeaders })
  }

  private statusOf(i: number): Status {
    const count = this.counts[i]!
    if (count === null) return this.limits[i]?.facts.unlimited === true ? UNLIMITED : NO_LIMIT
    const { limit } = count
    const overLocally = this.overLocally?.[i] === true
    const over = overLocally || count.after > limit.requestsPerUnit
    if (over) countOver(count, overLocally)
    else countWithin(count)
    if (over && !overLocally) this.limiter.noteOver(count)
    return {
      code: over && !limit.facts.shadowMode ? CodeOverLimit : CodeOk,
      limit,
      remaining: over ? 0 : Math.min(limit.requestsPerUnit - Math.max(0, count.after), limit.requestsPerUnit),
      secondsUntilReset: limit.windowSeconds - (Math.floor(this.nowMs / 1000) % limit.windowSeconds),
    }
  }

  /** Of the limit that is nearest to being reached, or of the last that is over. */
  private headersFor(statuses: readonly Status[]): Answer['responseHeaders'] {
    let tightest: Status | null = null
    for (const status of statuses) {
      if (status.limit === null) continue
      const over = status.code === CodeOverLimit && !this.limiter.settings.quotaMode && !status.limit.facts.quotaMode
      if (over || tightest === null || status.remaining < tightest.remaining) tightest = status
    }
    if (tightest === null) return NO_HEADERS
    const { limit, remaining, reset } = this.limiter.settings.headers!
    return [
      [limit, String(tightest.limit!.requestsPerUnit)],
      [remaining, String(tightest.remaining)],
      [reset, String(tightest.secondsUntilReset)],
    ]
  }
}

/** A call that crosses a threshold counts for each side only with the hits that lie there. */
function countOver({ limit, hits, before, after }: Count, overLocally: boolean): void {
  const { requestsPerUnit, nearLimit } = limit
  const { cells } = limit.stats
  const allOver = overLocally || before >= requestsPerUnit
  const hitsOver = allOver ? hits : after - requestsPerUnit
  cells[S.OVER_LIMIT]! += hitsOver
  if (overLocally) cells[S.OVER_LIMIT_WITH_LOCAL_CACHE]! += hits
  else if (!allOver) cells[S.NEAR_LIMIT]! += requestsPerUnit - Math.max(nearLimit, before)
  if (limit.facts.shadowMode) cells[S.SHADOW_MODE]! += hitsOver
}

function countWithin({ limit, hits, before, after }: Count): void {
  const { nearLimit } = limit
  const { cells } = limit.stats
  // Hits that are given back were counted when they came.
  if (hits < 0) return
  if (after > nearLimit) cells[S.NEAR_LIMIT]! += before >= nearLimit ? hits : after - nearLimit
  cells[S.WITHIN_LIMIT]! += hits
}
