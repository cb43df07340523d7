import { type StatBlock, type StatStore, statTemplate } from '../../../observability/index.ts'

export const LIMIT_STATS = statTemplate({
  counters: ['near_limit', 'over_limit', 'over_limit_with_local_cache', 'shadow_mode', 'total_hits', 'within_limit'],
})
export const NEAR_LIMIT = LIMIT_STATS.slot('near_limit')
export const OVER_LIMIT = LIMIT_STATS.slot('over_limit')
export const OVER_LIMIT_WITH_LOCAL_CACHE = LIMIT_STATS.slot('over_limit_with_local_cache')
export const SHADOW_MODE = LIMIT_STATS.slot('shadow_mode')
export const TOTAL_HITS = LIMIT_STATS.slot('total_hits')
export const WITHIN_LIMIT = LIMIT_STATS.slot('within_limit')

const DOMAIN_STATS = statTemplate({ counters: ['domain_not_found'] })

const PREFIX = 'ratelimit.service.rate_limit.'
/** Counts what found no room under a name of its own. */
const OTHERS = 'ratelimit.service.rate_limit_others.'
const IPV4 = /\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}/g

/** Characters that mean something to statsd, and the dots of addresses, which would look like levels. */
export function statName(key: string): string {
  return key.replace(/[:|]/g, '_').replace(IPV4, address => address.replaceAll('.', '_'))
}

/** Stats by descriptor. Names that requests bring are bounded: a counter is never given back. */
export class LimitStats {
  private readonly store: StatStore
  private readonly maxRequested: number
  private readonly requested = new Map<string, StatBlock>()
  private readonly unknownDomains = new Map<string, StatBlock>()

  constructor(store: StatStore, maxRequested: number) {
    this.store = store
    this.maxRequested = maxRequested
  }

  /** Of a limit that the configuration holds. */
  configured(fullKey: string): StatBlock {
    return this.store.block(`${PREFIX}${statName(fullKey)}.`, LIMIT_STATS)
  }

  /** Of a name made of a request's values. */
  ofRequest(fullKey: string): StatBlock {
    const known = this.requested.get(fullKey)
    if (known !== undefined) return known
    if (this.requested.size >= this.maxRequested) return this.store.block(OTHERS, LIMIT_STATS)
    const block = this.configured(fullKey)
    this.requested.set(fullKey, block)
    return block
  }

  countUnknownDomain(domain: string): void {
    let block = this.unknownDomains.get(domain)
    if (block === undefined) {
      const full = this.unknownDomains.size >= this.maxRequested
      block = this.store.block(full ? OTHERS : `${PREFIX}${statName(domain)}.`, DOMAIN_STATS)
      if (!full) this.unknownDomains.set(domain, block)
    }
    block.cells[0]! += 1
  }
}
