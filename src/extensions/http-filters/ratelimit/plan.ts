import type {
  RateLimitJson,
  RateLimitPerRouteJson,
} from '#api/envoy/extensions/filters/http/ratelimit/v3/rate_limit_pb.ts'
import { type CompileContext, type ConfigPath, durationMs } from '../../../config/index.ts'
import {
  compileHeaderMutations,
  compileRateLimits,
  type HeaderMutations,
  httpStatusCode,
  type RateLimitPolicy,
} from '../../../http/index.ts'
import { RuntimeFraction, type ThreadContext } from '../../../net/index.ts'
import { type StatBlock, statTemplate } from '../../../observability/index.ts'
import { type Cluster, compileRateLimitService, type RateLimitService } from '../../../upstream/index.ts'

const DEFAULT_TIMEOUT_MS = 20
const ALL = { defaultValue: { numerator: 100 } } as const

export const RATE_LIMIT_STATS = statTemplate({ counters: ['ok', 'error', 'over_limit', 'failure_mode_allowed'] })

export interface RoutePlan {
  readonly vhRateLimits: 'OVERRIDE' | 'INCLUDE' | 'IGNORE'
  /** '': the filter's. */
  readonly domain: string
  /** In place of all others; empty: those of the filter, or of route and virtual host. */
  readonly rateLimits: RateLimitPolicy
}

export class RateLimitPlan {
  readonly service: RateLimitService
  readonly domain: string
  readonly stage: number
  readonly requestType: string
  readonly rateLimits: RateLimitPolicy
  readonly resourceExhausted: boolean
  readonly rateLimitedStatus: number
  readonly statusOnError: number
  readonly xRateLimitHeaders: boolean
  readonly envoyRateLimitedHeader: boolean
  readonly retryAfterHeader: boolean
  readonly responseHeaders: HeaderMutations
  /** 'ratelimit.' or 'ratelimit.<stat_prefix>.' */
  readonly statRoot: string
  readonly enabled: RuntimeFraction
  readonly enforced: RuntimeFraction
  readonly denyOnError: RuntimeFraction | boolean
  readonly metadataNamespace: string
  private readonly byCluster = new WeakMap<Cluster, StatBlock>()

  constructor(json: RateLimitJson, context: CompileContext, path: ConfigPath) {
    const timeoutMs = durationMs(json.timeout, DEFAULT_TIMEOUT_MS)
    this.service = compileRateLimitService(json.rateLimitService, timeoutMs, context, path.field('rate_limit_service'))
    this.domain = json.domain ?? ''
    this.stage = json.stage ?? 0
    this.requestType = json.requestType ?? ''
    this.rateLimits = compileRateLimits(json.rateLimits, 'filter', context, path.field('rate_limits'))
    this.resourceExhausted = json.rateLimitedAsResourceExhausted === true
    const limited = httpStatusCode(json.rateLimitedStatus, 429)
    this.rateLimitedStatus = limited < 400 ? 429 : limited
    this.statusOnError = httpStatusCode(json.statusOnError, 500)
    this.xRateLimitHeaders = json.enableXRatelimitHeaders === 'DRAFT_VERSION_03'
    this.envoyRateLimitedHeader = json.disableXEnvoyRatelimitedHeader !== true
    this.retryAfterHeader = json.enableRetryAfterHeader === true
    const at = path.field('response_headers_to_add')
    this.responseHeaders = compileHeaderMutations(json.responseHeadersToAdd, undefined, context, at)
    const { statPrefix = '' } = json
    this.statRoot = statPrefix === '' ? 'ratelimit.' : `ratelimit.${statPrefix}.`
    this.enabled = new RuntimeFraction(json.filterEnabled ?? { ...ALL, runtimeKey: 'ratelimit.http_filter_enabled' })
    this.enforced = new RuntimeFraction(
      json.filterEnforced ?? { ...ALL, runtimeKey: 'ratelimit.http_filter_enforcing' },
    )
    const percent = json.failureModeDenyPercent
    this.denyOnError = percent === undefined ? json.failureModeDeny === true : new RuntimeFraction(percent)
    this.metadataNamespace =
      json.metadataNamespace === undefined || json.metadataNamespace === ''
        ? 'envoy.filters.http.ratelimit'
        : json.metadataNamespace
  }

  clusterStats(thread: ThreadContext, cluster: Cluster): StatBlock {
    let stats = this.byCluster.get(cluster)
    if (stats === undefined) {
      stats = thread.stats.block(cluster.stats.prefix + this.statRoot, RATE_LIMIT_STATS)
      this.byCluster.set(cluster, stats)
    }
    return stats
  }
}

export function compileRoutePlan(json: RateLimitPerRouteJson, context: CompileContext, path: ConfigPath): RoutePlan {
  return {
    vhRateLimits: json.vhRateLimits ?? 'OVERRIDE',
    domain: json.domain ?? '',
    rateLimits: compileRateLimits(json.rateLimits, 'filter', context, path.field('rate_limits')),
  }
}
