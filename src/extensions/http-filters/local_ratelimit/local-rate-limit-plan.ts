import type { LocalRateLimitJson } from '#api/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.ts'
import type { CompileContext, ConfigPath } from '../../../config/index.ts'
import {
  compileHeaderMutations,
  compileRateLimits,
  type HeaderMutations,
  httpStatusCode,
  type RateLimitPolicy,
} from '../../../http/index.ts'
import { type Connection, RuntimeFraction, type ThreadContext } from '../../../net/index.ts'
import { type StatBlock, statTemplate } from '../../../observability/index.ts'
import { Limiter } from './limiter.ts'
import { compileLimiter, type LimiterPlan } from './limiter-plan.ts'

export const LOCAL_RATE_LIMIT_STATS = statTemplate({
  counters: ['enabled', 'enforced', 'ok', 'rate_limited', 'shadow_mode'],
})

const TOO_MANY_REQUESTS = 429
const NONE = { defaultValue: {} }

/** One LocalRateLimit message: of the filter, or of a route in its place. */
export class LocalRateLimitPlan {
  readonly enabled: RuntimeFraction
  readonly enforced: RuntimeFraction
  readonly status: number
  readonly stage: number
  readonly xRateLimitHeaders: boolean
  readonly retryAfterHeader: boolean
  readonly resourceExhausted: boolean
  readonly vhRateLimits: 'OVERRIDE' | 'INCLUDE' | 'IGNORE'
  readonly hasDescriptors: boolean
  /** The limits are those of all proxies of the local cluster together: each has an equal share. */
  readonly sharedByCluster: boolean
  /** The filter's own; empty: the route's. */
  readonly rateLimits: RateLimitPolicy
  readonly requestHeaders: HeaderMutations
  readonly responseHeaders: HeaderMutations
  private readonly statPrefix: string
  private readonly limiterPlan: LimiterPlan
  private readonly place: string
  private readonly perConnection: WeakMap<Connection, Limiter> | null
  private shared: { readonly stats: StatBlock; readonly limiter: Limiter } | null = null

  constructor(json: LocalRateLimitJson, context: CompileContext, path: ConfigPath) {
    this.enabled = new RuntimeFraction(json.filterEnabled ?? NONE)
    this.enforced = new RuntimeFraction(json.filterEnforced ?? NONE)
    // As Envoy: a status that is no error is not what anybody means.
    const status = httpStatusCode(json.status, TOO_MANY_REQUESTS)
    this.status = status < 400 ? TOO_MANY_REQUESTS : status
    this.stage = json.stage ?? 0
    this.xRateLimitHeaders = json.enableXRatelimitHeaders === 'DRAFT_VERSION_03'
    this.retryAfterHeader = json.enableRetryAfterHeader === true
    this.resourceExhausted = json.rateLimitedAsResourceExhausted === true
    this.vhRateLimits = json.vhRateLimits ?? 'OVERRIDE'
    this.rateLimits = compileRateLimits(json.rateLimits, 'filter', context, path.field('rate_limits'))
    const request = 'request_headers_to_add_when_not_enforced'
    this.requestHeaders = compileHeaderMutations(
      json.requestHeadersToAddWhenNotEnforced,
      undefined,
      context,
      path.field(request),
    )
    const response = path.field('response_headers_to_add')
    this.responseHeaders = compileHeaderMutations(json.responseHeadersToAdd, undefined, context, response)
    this.statPrefix = json.statPrefix ?? ''
    this.limiterPlan = compileLimiter(json, context, path)
    this.hasDescriptors = this.limiterPlan.descriptors.length > 0
    this.sharedByCluster = json.localClusterRateLimit !== undefined
    if (this.sharedByCluster) checkSharing(json, context, path.field('local_cluster_rate_limit'))
    this.place = `http local_ratelimit at ${context.resource ?? ''} ${path}`
    this.perConnection = json.localRateLimitPerDownstreamConnection === true ? new WeakMap() : null
  }

  /** Of the filter's own message: its stats are there from the start. */
  start(thread: ThreadContext): void {
    this.shared ??= this.share(thread)
  }

  stats(thread: ThreadContext): StatBlock {
    return (this.shared ??= this.share(thread)).stats
  }

  limiter(thread: ThreadContext, connection: Connection): Limiter {
    const { perConnection } = this
    if (perConnection === null) return (this.shared ??= this.share(thread)).limiter
    let own = perConnection.get(connection)
    if (own === undefined) {
      own = new Limiter(this.limiterPlan, (_part, _content, length) => new BigInt64Array(length))
      perConnection.set(connection, own)
    }
    return own
  }

  private share(thread: ThreadContext): { readonly stats: StatBlock; readonly limiter: Limiter } {
    const { place, statPrefix } = this
    return {
      stats: thread.stats.block(`${statPrefix}.http_local_rate_limit.`, LOCAL_RATE_LIMIT_STATS),
      limiter: new Limiter(this.limiterPlan, (part, content, length) =>
        thread.sharedCells.piece(`${place} ${part}`, content, length),
      ),
    }
  }
}

function checkSharing(json: LocalRateLimitJson, context: CompileContext, path: ConfigPath): void {
  if (json.localRateLimitPerDownstreamConnection === true) {
    context.diagnostics.error(path, 'buckets of connections are shared with nobody', {
      expected: 'no local_rate_limit_per_downstream_connection',
    })
  }
  if ((context.localClusterName ?? null) !== null) return
  context.diagnostics.error(path, 'nothing says which cluster this proxy is a host of', {
    expected: 'cluster_manager.local_cluster_name in the bootstrap',
  })
}
