// HOT FILE (docs/hot-path.md): the limit that a descriptor comes under; made with the configuration, read per request.
import type { StatBlock } from '../../../observability/index.ts'
import { unitSeconds } from '../config/unit.ts'

export interface LimitFacts {
  /** The descriptor's place in the configuration, as stats are named: 'domain.key_value.key'. */
  readonly fullKey: string
  readonly requestsPerUnit: number
  readonly unit: number
  /** How many units a window lasts. */
  readonly unitMultiplier: number
  readonly unlimited: boolean
  readonly shadowMode: boolean
  readonly quotaMode: boolean
  readonly name: string
  readonly replaces: readonly string[]
  readonly detailedMetric: boolean
}

export class Limit {
  readonly facts: LimitFacts
  readonly requestsPerUnit: number
  readonly unit: number
  readonly windowSeconds: number
  readonly stats: StatBlock
  /** From here on hits count as near the limit. */
  readonly nearLimit: number
  /** By entry: the pattern that stands for the value in the counter's key; null: the value itself. Null: all of them. */
  readonly sharedValues: readonly (string | null)[] | null
  /** RateLimitResponse.RateLimit in protobuf, behind its tag and length; made with the first answer. */
  encoded: Uint8Array | null = null

  constructor(
    facts: LimitFacts,
    stats: StatBlock,
    nearLimitRatio: number,
    sharedValues: readonly (string | null)[] | null = null,
  ) {
    this.facts = facts
    this.requestsPerUnit = facts.requestsPerUnit
    this.unit = facts.unit
    this.windowSeconds = unitSeconds(facts.unit) * facts.unitMultiplier
    this.stats = stats
    // In single precision, as envoyproxy/ratelimit does it: 0.8 of 10 would be 7 for one and 8 for the other.
    this.nearLimit = Math.floor(Math.fround(Math.fround(facts.requestsPerUnit) * Math.fround(nearLimitRatio)))
    this.sharedValues = sharedValues
  }
}
