// What the rate limit filters say about a request: an ordered list of keys and values. Texts are wire text (latin1).
import type { StreamInfo } from '../../observability/index.ts'
import type { HeaderMap } from '../headers.ts'
import type { Route } from '../route.ts'

export interface DescriptorEntry {
  readonly key: string
  readonly value: string
}

export interface LimitOverride {
  readonly requestsPerUnit: number
  /** A value of envoy.type.v3.RateLimitUnit. */
  readonly unit: string
}

export type XRateLimitOption = 'UNSPECIFIED' | 'OFF' | 'DRAFT_VERSION_03'

export interface RateLimitDescriptor {
  readonly entries: readonly DescriptorEntry[]
  readonly limit: LimitOverride | null
  /** null: not said, which counts as 1. */
  readonly hitsAddend: number | null
  /** The hits are given back instead of taken. */
  readonly isNegativeHits: boolean
  readonly xRateLimitOption: XRateLimitOption
}

/** What descriptors are made of. */
export interface RateLimitSubject {
  readonly headers: HeaderMap
  readonly info: StreamInfo
  readonly route: Route | null
  /** The name of this proxy's own service: node.cluster. */
  readonly serviceCluster: string
}

/** One part of a descriptor; false: the request has no such descriptor. */
export interface RateLimitAction {
  populate(entries: DescriptorEntry[], subject: RateLimitSubject): boolean
}
