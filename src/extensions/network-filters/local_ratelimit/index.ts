import type { LocalRateLimitJson } from '#api/envoy/extensions/filters/network/local_ratelimit/v3/local_rate_limit_pb.ts'
import type { TokenBucketSettings } from '../../../base/index.ts'
import { compileTokenBucket, declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import { type NetworkFilterPlan, sharedBucket, type ThreadContext } from '../../../net/index.ts'
import { LOCAL_RATE_LIMIT_STATS, LocalRateLimit, type LocalRateLimitShared } from './local-rate-limit.ts'

declareSupport('envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit', {
  supported: ['stat_prefix', 'token_bucket', 'runtime_enabled', 'share_key'],
})

class LocalRateLimitPlan implements NetworkFilterPlan {
  readonly terminal = false
  private readonly config: LocalRateLimitJson
  private readonly bucket: TokenBucketSettings
  private readonly place: string
  private shared: LocalRateLimitShared | null = null

  constructor(config: LocalRateLimitJson, bucket: TokenBucketSettings, place: string) {
    this.config = config
    this.bucket = bucket
    const { shareKey = '' } = config
    this.place = shareKey === '' ? `network local_ratelimit at ${place}` : `network local_ratelimit shared ${shareKey}`
  }

  prepare(thread: ThreadContext): void {
    this.shared ??= this.share(thread)
  }

  create(thread: ThreadContext): LocalRateLimit {
    this.shared ??= this.share(thread)
    return new LocalRateLimit(this.shared)
  }

  private share(thread: ThreadContext): LocalRateLimitShared {
    const { statPrefix, runtimeEnabled } = this.config
    return {
      thread,
      stats: thread.stats.block(`local_rate_limit.${statPrefix}.`, LOCAL_RATE_LIMIT_STATS),
      bucket: sharedBucket(thread, this.place, this.bucket),
      runtimeKey: runtimeEnabled?.runtimeKey ?? '',
      enabledByDefault: runtimeEnabled?.defaultValue ?? true,
    }
  }
}

/** envoy.filters.network.local_ratelimit */
export const networkLocalRateLimitFactory: ExtensionFactory<NetworkFilterPlan> = {
  name: 'envoy.filters.network.local_ratelimit',
  category: 'envoy.filters.network',
  typeNames: ['envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit'],
  compile: (config, context, path) => {
    const json = config as LocalRateLimitJson
    const bucket = compileTokenBucket(json.tokenBucket ?? {}, context, path.field('token_bucket'))
    return new LocalRateLimitPlan(json, bucket, `${context.resource ?? ''} ${path}`)
  },
}
