import type { RateLimitDescriptorJson } from '#api/envoy/extensions/common/ratelimit/v3/ratelimit_pb.ts'
import type { RateLimitJson } from '#api/envoy/extensions/filters/network/ratelimit/v3/rate_limit_pb.ts'
import { toWireText } from '../../../base/index.ts'
import {
  type CompileContext,
  type ConfigPath,
  declareSupport,
  durationMs,
  type ExtensionFactory,
  int64,
} from '../../../config/index.ts'
import { celSettings, type NetworkFilterPlan, type ThreadContext } from '../../../net/index.ts'
import { compileFormat, type Formatter } from '../../../observability/index.ts'
import { compileRateLimitService, type UpstreamThread } from '../../../upstream/index.ts'
import { type DescriptorPlan, RATE_LIMIT_STATS, RateLimit, type RateLimitShared } from './rate-limit.ts'

declareSupport('envoy.extensions.filters.network.ratelimit.v3.RateLimit', {
  supported: ['stat_prefix', 'domain', 'descriptors', 'timeout', 'failure_mode_deny', 'rate_limit_service'],
})
declareSupport('envoy.extensions.common.ratelimit.v3.RateLimitDescriptor', {
  supported: ['entries', 'limit', 'hits_addend', 'is_negative_hits'],
})
declareSupport('envoy.extensions.common.ratelimit.v3.RateLimitDescriptor.RateLimitOverride', {
  supported: ['requests_per_unit', 'unit'],
  refused: { unit_multiplier: 'rate limit services of this release know windows of one unit' },
})

const DEFAULT_TIMEOUT_MS = 20

class RateLimitPlan implements NetworkFilterPlan {
  readonly terminal = false
  private readonly parts: Omit<RateLimitShared, 'thread' | 'stats'>
  private readonly statPrefix: string
  private shared: RateLimitShared | null = null

  constructor(json: RateLimitJson, context: CompileContext, path: ConfigPath) {
    const timeoutMs = durationMs(json.timeout, DEFAULT_TIMEOUT_MS)
    const at = path.field('rate_limit_service')
    this.parts = {
      service: compileRateLimitService(json.rateLimitService, timeoutMs, context, at),
      domain: json.domain ?? '',
      descriptors: (json.descriptors ?? []).map((descriptor, i) =>
        compileDescriptor(descriptor, context, path.field('descriptors').index(i)),
      ),
      failureModeDeny: json.failureModeDeny === true,
    }
    this.statPrefix = json.statPrefix ?? ''
  }

  prepare(thread: ThreadContext): void {
    this.shared ??= this.share(thread)
  }

  create(thread: ThreadContext): RateLimit {
    this.shared ??= this.share(thread)
    return new RateLimit(this.shared)
  }

  private share(thread: ThreadContext): RateLimitShared {
    return {
      ...this.parts,
      thread: thread as UpstreamThread,
      stats: thread.stats.block(`ratelimit.${this.statPrefix}.`, RATE_LIMIT_STATS),
    }
  }
}

function compileDescriptor(json: RateLimitDescriptorJson, context: CompileContext, path: ConfigPath): DescriptorPlan {
  const entries = (json.entries ?? []).map(({ key = '', value = '' }, i) => ({
    key: toWireText(key),
    value: compileValue(value, context, path.field('entries').index(i).field('value')),
  }))
  const { limit } = json
  return {
    entries,
    limit: limit === undefined ? null : { requestsPerUnit: limit.requestsPerUnit ?? 0, unit: limit.unit ?? 'UNKNOWN' },
    hitsAddend: json.hitsAddend === undefined ? null : int64(json.hitsAddend),
    isNegativeHits: json.isNegativeHits === true,
  }
}

function compileValue(value: string, context: CompileContext, path: ConfigPath): Formatter | string {
  if (!value.includes('%')) return toWireText(value)
  const formatter = compileFormat(value, { missing: '', cel: celSettings(undefined, context) })
  if (!('error' in formatter)) return formatter
  context.diagnostics.error(path, formatter.error, { found: value, code: 'bad-format' })
  return ''
}

/** envoy.filters.network.ratelimit */
export const networkRateLimitFactory: ExtensionFactory<NetworkFilterPlan> = {
  name: 'envoy.filters.network.ratelimit',
  category: 'envoy.filters.network',
  typeNames: ['envoy.extensions.filters.network.ratelimit.v3.RateLimit'],
  compile: (config, context, path) => new RateLimitPlan(config as RateLimitJson, context, path),
}
