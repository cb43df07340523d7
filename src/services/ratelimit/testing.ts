// Test kit: a rate limiter on a clock that is set by hand.
import { StatReader, StatStore } from '../../observability/index.ts'
import type { Answer, Failure } from './answer.ts'
import { addDescriptors, DescriptorNode } from './config/descriptor-tree.ts'
import type { DescriptorConfig } from './config/domain-config.ts'
import { RateLimitConfig } from './config/rate-limit-config.ts'
import { unitNumber } from './config/unit.ts'
import type { CounterStore } from './limiter/counter-store.ts'
import { LimitStats } from './limiter/limit-stats.ts'
import { MemoryCounters, type MemorySettings } from './limiter/memory-counters.ts'
import { OverLimitCache } from './limiter/over-limit-cache.ts'
import { type LimiterSettings, RateLimiter } from './limiter/rate-limiter.ts'
import type { Descriptor } from './wire/rate-limit-request.ts'

export interface LimiterOptions extends Partial<LimiterSettings>, Partial<MemorySettings> {
  readonly store?: (stats: StatStore) => CounterStore
  readonly localCacheBytes?: number
  readonly maxDynamicStats?: number
}

/** 'key=value' -> an entry; a '5/minute' behind a key makes its limit. */
export function descriptorConfig(
  key: string,
  limit: string | null = null,
  more: Partial<DescriptorConfig> & { readonly name?: string; readonly replaces?: readonly string[] } = {},
): DescriptorConfig {
  const [name = '', value = ''] = key.split('=')
  const [count = '', unit = ''] = (limit ?? '').split('/')
  const { name: limitName = '', replaces = [], ...rest } = more
  const unlimited = limit === 'unlimited'
  return {
    key: name,
    value,
    rateLimit:
      limit === null
        ? null
        : {
            requestsPerUnit: unlimited ? 0 : Number(count),
            unit: unitNumber(unit),
            unlimited,
            name: limitName,
            replaces,
          },
    shadowMode: false,
    quotaMode: false,
    detailedMetric: false,
    valueToMetric: false,
    shareThreshold: false,
    descriptors: [],
    ...rest,
  }
}

/** 'a=1,b=2' as a descriptor of a request. */
export function descriptor(text: string, more: Partial<Descriptor> = {}): Descriptor {
  const entries = text.split(',').map(entry => {
    const [key = '', value = ''] = entry.split('=')
    return { key, value }
  })
  return { entries, limit: null, hitsAddend: -1, negativeHits: false, ...more }
}

export class TestLimiter {
  nowMs = 1_700_000_000_000
  readonly limiter: RateLimiter
  readonly reader = new StatReader()

  constructor(descriptors: readonly DescriptorConfig[], options: LimiterOptions = {}) {
    const stats = new StatStore(definitions => this.reader.define('main', definitions))
    const nearLimitRatio = options.nearLimitRatio ?? 0.8
    const limitStats = new LimitStats(stats, options.maxDynamicStats ?? 100)
    const root = new DescriptorNode(null, null)
    const maker = { stats: limitStats, nearLimitRatio }
    addDescriptors(root, 'd', descriptors, maker)
    const memory = { window: 'fixed', maxCounters: 1000, stopWhenOver: false, ...options } as const
    const settings = { keyPrefix: '', shadowMode: false, quotaMode: false, headers: null, ...options, nearLimitRatio }
    const cache = options.localCacheBytes === undefined ? null : new OverLimitCache(options.localCacheBytes)
    const store = options.store?.(stats) ?? new MemoryCounters(memory, stats)
    const config = new RateLimitConfig(new Map([['d', root]]), maker)
    this.limiter = new RateLimiter(settings, config, store, limitStats, cache, stats, () => this.nowMs)
  }

  ask(descriptors: readonly Descriptor[], hitsAddend = 0, domain = 'd'): Promise<Answer | Failure> {
    return new Promise(resolve =>
      this.limiter.decide({ domain, descriptors, hitsAddend }, { onAnswer: resolve, onFailure: resolve }),
    )
  }

  /** 'OVER OK:3/4 OVER:0/4': the answer, then each status with what remains of its limit. */
  async told(text: string, hitsAddend = 0, more: Partial<Descriptor> = {}): Promise<string> {
    const answer = await this.ask(
      text.split(' ').map(one => descriptor(one, more)),
      hitsAddend,
    )
    if ('kind' in answer) return `${answer.kind}: ${answer.message}`
    const word = (code: number): string => (code === 1 ? 'OK' : 'OVER')
    const statuses = answer.statuses.map(({ code, limit, remaining }) =>
      limit === null ? word(code) : `${word(code)}:${remaining}/${limit.requestsPerUnit}`,
    )
    return [word(answer.overallCode), ...statuses].join(' ')
  }

  /** Counters that are not 0, without what all names begin with. */
  counted(prefix = 'ratelimit.service.rate_limit.'): Record<string, number> {
    const entries = [...this.reader.numbers()]
      .filter(({ name, value }) => name.startsWith(prefix) && value !== 0)
      .map(({ name, value }) => [name.slice(prefix.length), value] as const)
    return Object.fromEntries(entries)
  }
}
