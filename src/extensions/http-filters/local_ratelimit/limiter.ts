// HOT FILE (docs/hot-path.md): which bucket a request takes its token from, and whether there is one.
import { type Clock, TokenBucket } from '../../../base/index.ts'
import type { RateLimitDescriptor, XRateLimitOption } from '../../../http/index.ts'
import { matchesPattern, wildcardValues } from './descriptor-bucket.ts'
import { DescriptorTree } from './descriptor-tree.ts'
import { DynamicBuckets, dynamicCells } from './dynamic-buckets.ts'
import type { DescriptorPlan, LimiterPlan } from './limiter-plan.ts'

/** One cache line per bucket. */
const STRIDE = 8

export const Allowed = 0
/** Over a limit that only watches. */
export const Shadowed = 1
export const Denied = 2

interface Match {
  readonly bucket: TokenBucket
  readonly shadow: boolean
  readonly hits: number
  readonly option: XRateLimitOption
}

interface Exact {
  readonly bucket: TokenBucket
  readonly shadow: boolean
}

interface Wildcard {
  readonly plan: DescriptorPlan
  readonly buckets: DynamicBuckets
}

/** Where a limiter's buckets live: in memory that all workers share, or in its own. */
export type CellSource = (part: string, content: string, length: number) => BigInt64Array

export class Limiter {
  /** Answers of the last `decide`: the bucket that the client is told of, and how its descriptor wants that. */
  bucket: TokenBucket | null = null
  option: XRateLimitOption = 'UNSPECIFIED'
  private readonly plan: LimiterPlan
  private readonly defaultBucket: TokenBucket | null
  private readonly exact = new DescriptorTree<Exact>()
  private readonly wildcards: Wildcard[] = []
  private readonly matches: Match[] = []

  constructor(plan: LimiterPlan, cellsOf: CellSource) {
    this.plan = plan
    const content = JSON.stringify([plan.defaultBucket, plan.descriptors.map(({ bucket }) => bucket)])
    const cells = cellsOf('buckets', content, (plan.descriptors.length + 1) * STRIDE)
    this.defaultBucket = plan.defaultBucket === null ? null : new TokenBucket(plan.defaultBucket, cells, 0)
    plan.descriptors.forEach((descriptor, i) => {
      const { keys, values } = descriptor.pattern
      if (descriptor.isWildcard) this.addWildcard(descriptor, i, cellsOf)
      else {
        const bucket = new TokenBucket(descriptor.bucket, cells, (i + 1) * STRIDE)
        this.exact.add(keys, values as readonly string[], { bucket, shadow: descriptor.shadowMode })
      }
    })
  }

  private addWildcard(plan: DescriptorPlan, index: number, cellsOf: CellSource): void {
    const capacity = this.plan.maxDynamicDescriptors
    const content = JSON.stringify([plan.bucket, plan.pattern, capacity])
    const cells = cellsOf(`values of ${index}`, content, dynamicCells(capacity))
    this.wildcards.push({ plan, buckets: new DynamicBuckets(plan.bucket, capacity, cells) })
  }

  /** `price`: tokens that a hit costs: 1, or as many as there are proxies that share the limit. */
  decide(descriptors: readonly RateLimitDescriptor[], clock: Clock, price: number): 0 | 1 | 2 {
    const { matches } = this
    matches.length = 0
    for (let i = 0; i < descriptors.length; i++) this.match(descriptors[i]!)
    // The scarcest one first: what it refuses costs the others nothing.
    if (matches.length > 1) matches.sort(byRate)
    let shadowed: Match | null = null
    for (let i = 0; i < matches.length; i++) {
      const match = matches[i]!
      const { bucket, shadow, hits, option } = match
      // As Envoy: a request that takes nothing is refused.
      if (hits > 0 && bucket.tryTake(clock, hits * price)) continue
      if (!shadow) return this.answer(bucket, option, Denied)
      shadowed ??= match
    }
    const { defaultBucket } = this
    const first = matches[0]
    if (defaultBucket !== null && (first === undefined || this.plan.alwaysConsumeDefault)) {
      if (!defaultBucket.tryTake(clock, price)) return this.answer(defaultBucket, 'UNSPECIFIED', Denied)
    }
    if (first === undefined) return this.answer(defaultBucket, 'UNSPECIFIED', Allowed)
    // The client is told of the limit that would have refused it.
    return shadowed === null
      ? this.answer(first.bucket, first.option, Allowed)
      : this.answer(shadowed.bucket, shadowed.option, Shadowed)
  }

  private answer(bucket: TokenBucket | null, option: XRateLimitOption, outcome: 0 | 1 | 2): 0 | 1 | 2 {
    this.bucket = bucket
    this.option = option
    return outcome
  }

  private match(descriptor: RateLimitDescriptor): void {
    const { xRateLimitOption: option } = descriptor
    const hits = descriptor.hitsAddend ?? 1
    const exact = this.exact.find(descriptor)
    if (exact !== null) {
      this.matches.push({ bucket: exact.bucket, shadow: exact.shadow, hits, option })
      return
    }
    for (let i = 0; i < this.wildcards.length; i++) {
      const { plan, buckets } = this.wildcards[i]!
      if (!matchesPattern(plan.pattern, descriptor)) continue
      const bucket = buckets.bucket(wildcardValues(plan.pattern, descriptor))
      this.matches.push({ bucket, shadow: plan.shadowMode, hits, option })
      return
    }
  }
}

function byRate(a: Match, b: Match): number {
  return a.bucket.rate - b.bucket.rate
}
