import type { Address } from '../../net/index.ts'
import type { WindowKind } from './limiter/counter-store.ts'
import type { LimitHeaders } from './limiter/rate-limiter.ts'
import type { RedisTarget } from './redis/redis-url.ts'

/** Everything that `outrider ratelimit` may be told, read from flags and environment by read-settings.ts. */
export interface RateLimitServerSettings {
  /** Directory, or file, of the configuration. */
  readonly configPath: string
  readonly mergeDomains: boolean
  readonly listen: Address
  /** Null: there is no HTTP port. */
  readonly http: Address | null
  /** A second HTTP port with the same pages, where envoyproxy/ratelimit has them on one of its own. */
  readonly debug: Address | null
  readonly redis: RedisTarget | null
  /** Has limits per second to itself; null: they are with the others. */
  readonly redisPerSecond: RedisTarget | null
  readonly redisTimeoutMs: number
  readonly window: WindowKind
  readonly maxCounters: number
  readonly stopWhenOver: boolean
  readonly expirationJitterSeconds: number
  readonly localCacheBytes: number
  readonly nearLimitRatio: number
  readonly keyPrefix: string
  readonly headers: LimitHeaders | null
  readonly shadowMode: boolean
  readonly quotaMode: boolean
  readonly healthNeedsConfig: boolean
  readonly healthNeedsRedis: boolean
  readonly maxConnectionAgeMs: number
  readonly maxConnectionAgeGraceMs: number
  /** From SIGTERM, when health says NOT_SERVING, to the closing of the port. */
  readonly drainDelayMs: number
  /** What calls under way may take then. */
  readonly drainTimeMs: number
  readonly maxDynamicStats: number
}
