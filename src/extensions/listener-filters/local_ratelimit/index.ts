import type { LocalRateLimitJson } from '#api/envoy/extensions/filters/listener/local_ratelimit/v3/local_ratelimit_pb.ts'
import type { TokenBucket, TokenBucketSettings } from '../../../base/index.ts'
import { compileTokenBucket, declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import {
  Continue,
  DropConnection,
  type ListenerFilter,
  type ListenerFilterPlan,
  type ListenerFilterStatus,
  sharedBucket,
  type ThreadContext,
} from '../../../net/index.ts'
import { type StatBlock, statTemplate } from '../../../observability/index.ts'

declareSupport('envoy.extensions.filters.listener.local_ratelimit.v3.LocalRateLimit', {
  supported: ['stat_prefix', 'token_bucket', 'runtime_enabled'],
})

const STATS = statTemplate({ counters: ['rate_limited'] })
const RATE_LIMITED = STATS.slot('rate_limited')

interface Shared {
  readonly stats: StatBlock
  readonly bucket: TokenBucket
}

class LocalRateLimitPlan implements ListenerFilterPlan {
  private readonly config: LocalRateLimitJson
  private readonly settings: TokenBucketSettings
  private readonly place: string
  private shared: Shared | null = null

  constructor(config: LocalRateLimitJson, settings: TokenBucketSettings, place: string) {
    this.config = config
    this.settings = settings
    this.place = place
  }

  create(thread: ThreadContext): ListenerFilter {
    const { statPrefix, runtimeEnabled } = this.config
    const { stats, bucket } = (this.shared ??= {
      stats: thread.stats.block(`listener_local_ratelimit.${statPrefix}.`, STATS),
      bucket: sharedBucket(thread, this.place, this.settings),
    })
    return {
      maxBytes: 0,
      onAccept: (): ListenerFilterStatus => {
        const { snapshot } = thread.runtime
        if (!snapshot.getBoolean(runtimeEnabled?.runtimeKey ?? '', runtimeEnabled?.defaultValue ?? true))
          return Continue
        if (bucket.tryTake(thread.clock)) return Continue
        stats.cells[RATE_LIMITED]! += 1
        return DropConnection
      },
      onData: () => Continue,
    }
  }
}

/** envoy.filters.listener.local_ratelimit */
export const listenerLocalRateLimitFactory: ExtensionFactory<ListenerFilterPlan> = {
  name: 'envoy.filters.listener.local_ratelimit',
  category: 'envoy.filters.listener',
  typeNames: ['envoy.extensions.filters.listener.local_ratelimit.v3.LocalRateLimit'],
  compile: (config, context, path) => {
    const json = config as LocalRateLimitJson
    const settings = compileTokenBucket(json.tokenBucket ?? {}, context, path.field('token_bucket'))
    return new LocalRateLimitPlan(json, settings, `listener local_ratelimit at ${context.resource ?? ''} ${path}`)
  },
}
