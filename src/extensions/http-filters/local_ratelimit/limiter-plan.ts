import type { LocalRateLimitDescriptorJson } from '#api/envoy/extensions/common/ratelimit/v3/ratelimit_pb.ts'
import type { LocalRateLimitJson } from '#api/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.ts'
import { type TokenBucketSettings, toWireText } from '../../../base/index.ts'
import { type CompileContext, type ConfigPath, compileTokenBucket } from '../../../config/index.ts'
import type { Pattern } from './descriptor-bucket.ts'
import { DescriptorTree } from './descriptor-tree.ts'

const DEFAULT_DYNAMIC_DESCRIPTORS = 20

export interface DescriptorPlan {
  readonly pattern: Pattern
  readonly isWildcard: boolean
  readonly bucket: TokenBucketSettings
  readonly shadowMode: boolean
}

export interface LimiterPlan {
  /** Null: requests without a descriptor pass. */
  readonly defaultBucket: TokenBucketSettings | null
  readonly descriptors: readonly DescriptorPlan[]
  readonly alwaysConsumeDefault: boolean
  readonly maxDynamicDescriptors: number
}

export function compileLimiter(json: LocalRateLimitJson, context: CompileContext, path: ConfigPath): LimiterPlan {
  const descriptors = (json.descriptors ?? []).map((descriptor, i) =>
    compileDescriptor(descriptor, context, path.field('descriptors').index(i)),
  )
  refuseTwins(descriptors, context, path.field('descriptors'))
  return {
    defaultBucket:
      json.tokenBucket === undefined ? null : compileTokenBucket(json.tokenBucket, context, path.field('token_bucket')),
    descriptors,
    alwaysConsumeDefault: json.alwaysConsumeDefaultTokenBucket ?? true,
    maxDynamicDescriptors: json.maxDynamicDescriptors ?? DEFAULT_DYNAMIC_DESCRIPTORS,
  }
}

function compileDescriptor(
  json: LocalRateLimitDescriptorJson,
  context: CompileContext,
  path: ConfigPath,
): DescriptorPlan {
  const entries = json.entries ?? []
  const values = entries.map(({ value = '' }) => (value === '' ? null : toWireText(value)))
  return {
    pattern: { keys: entries.map(({ key = '' }) => toWireText(key)), values },
    isWildcard: values.includes(null),
    bucket: compileTokenBucket(json.tokenBucket ?? {}, context, path.field('token_bucket')),
    shadowMode: json.shadowMode === true,
  }
}

function refuseTwins(descriptors: readonly DescriptorPlan[], context: CompileContext, path: ConfigPath): void {
  const tree = new DescriptorTree<number>()
  descriptors.forEach(({ pattern, isWildcard }, i) => {
    if (isWildcard || tree.add(pattern.keys, pattern.values as readonly string[], i)) return
    context.diagnostics.error(path.index(i), 'there is a descriptor with the same entries already')
  })
}
