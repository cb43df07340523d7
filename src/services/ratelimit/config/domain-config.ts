/** A configuration file of envoyproxy/ratelimit after it was checked; fields that are left out have their defaults. */
export interface DomainConfig {
  readonly domain: string
  readonly descriptors: readonly DescriptorConfig[]
}

export interface DescriptorConfig {
  readonly key: string
  /** '': any value. May hold '*'. */
  readonly value: string
  readonly rateLimit: RateLimitConfig | null
  readonly shadowMode: boolean
  readonly quotaMode: boolean
  readonly detailedMetric: boolean
  readonly valueToMetric: boolean
  readonly shareThreshold: boolean
  readonly descriptors: readonly DescriptorConfig[]
}

export interface RateLimitConfig {
  readonly requestsPerUnit: number
  /** 0 when unlimited. */
  readonly unit: number
  readonly unlimited: boolean
  readonly name: string
  /** Names of limits that do not count in a request that this one applies to. */
  readonly replaces: readonly string[]
}

/** What a level of the tree is found by: the key alone, or key and value. */
export function compositeKey(key: string, value: string): string {
  return value === '' ? key : `${key}_${value}`
}
