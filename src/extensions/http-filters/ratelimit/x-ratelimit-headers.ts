// x-ratelimit-limit, -remaining and -reset: draft-ietf-httpapi-ratelimit-headers-03, as Envoy writes them.
import { type HeaderMap, HeaderName, type RateLimitDescriptor } from '../../../http/index.ts'
import type { RateLimitStatus } from '../../../upstream/index.ts'

const LIMIT = HeaderName.of('x-ratelimit-limit')
const REMAINING = HeaderName.of('x-ratelimit-remaining')
const RESET = HeaderName.of('x-ratelimit-reset')

/** Seconds by RateLimitResponse.RateLimit.Unit. */
const WINDOW_SECONDS = [0, 1, 60, 3600, 86_400, 2_592_000, 31_536_000, 604_800]

/**
 * The descriptor with the least left speaks, and only where it wants these headers; the limits of all that want them follow the
 * first number. `byDefault`: whether those want them that do not say.
 */
export function addRateLimitHeaders(
  headers: HeaderMap,
  statuses: readonly RateLimitStatus[],
  descriptors: readonly RateLimitDescriptor[],
  byDefault: boolean,
): void {
  let tightest: RateLimitStatus | null = null
  let speaks = false
  let policy = ''
  for (const [at, status] of statuses.entries()) {
    const limit = status.currentLimit
    if (limit === undefined) continue
    const option = descriptors[at]?.xRateLimitOption ?? 'UNSPECIFIED'
    const wanted = option === 'UNSPECIFIED' ? byDefault : option !== 'OFF'
    if (tightest === null || status.limitRemaining < tightest.limitRemaining) {
      tightest = status
      speaks = wanted
    }
    const seconds = WINDOW_SECONDS[limit.unit] ?? 0
    if (!wanted || seconds === 0) continue
    policy += `, ${limit.requestsPerUnit};w=${seconds}`
    if (limit.name !== '') policy += `;name="${limit.name}"`
  }
  if (tightest === null || !speaks) return
  headers.append(LIMIT, `${tightest.currentLimit?.requestsPerUnit ?? 0}${policy}`)
  headers.append(REMAINING, String(tightest.limitRemaining))
  headers.append(RESET, secondsUntilReset(tightest))
}

export function secondsUntilReset({ durationUntilReset }: RateLimitStatus): string {
  return String(durationUntilReset?.seconds ?? 0n)
}
