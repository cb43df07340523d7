import type { HealthCheckJson } from '#api/envoy/extensions/filters/http/health_check/v3/health_check_pb.ts'
import {
  type CompileContext,
  type ConfigPath,
  declareSupport,
  durationMs,
  type ExtensionFactory,
} from '../../../config/index.ts'
import { compileHeaderMatchers, type HeaderPredicate, type HttpFilterPlan } from '../../../http/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import type { UpstreamThread } from '../../../upstream/index.ts'
import type { ClusterMinimum } from './cluster-verdict.ts'
import { HealthCheckFilter, type HealthCheckShared } from './health-check.ts'
import { ResponseCache } from './response-cache.ts'
import { HEALTH_CHECK_STATS } from './stats.ts'

const TYPE = 'envoy.extensions.filters.http.health_check.v3.HealthCheck'
const NAME = 'envoy.filters.http.health_check'

declareSupport(TYPE, {
  supported: ['pass_through_mode', 'cache_time', 'cluster_min_healthy_percentages', 'headers'],
})
declareSupport('envoy.type.v3.Percent', { supported: ['value'] })

class HealthCheckPlan implements HttpFilterPlan {
  readonly name = NAME
  readonly terminal = false
  private readonly config: HealthCheckJson
  private readonly headers: readonly HeaderPredicate[]
  private readonly minimums: readonly ClusterMinimum[]
  private shared!: HealthCheckShared

  constructor(config: HealthCheckJson, context: CompileContext, path: ConfigPath) {
    this.config = config
    this.headers = compileHeaderMatchers(config.headers, context, path.field('headers'))
    this.minimums = Object.entries(config.clusterMinHealthyPercentages ?? {}).map(([cluster, percent]) => ({
      cluster,
      // As Envoy: 12.5 % is 12 %.
      percent: Math.trunc(Number(percent.value ?? 0)),
    }))
    if (config.passThroughMode !== true && config.cacheTime !== undefined) {
      context.diagnostics.error(path.field('cache_time'), 'only answers of the origin are remembered', {
        expected: 'no cache_time, or pass_through_mode: true',
      })
    }
    if (config.passThroughMode === true && this.minimums.length > 0) {
      context.diagnostics.error(
        path.field('cluster_min_healthy_percentages'),
        'the origin answers in pass through mode, whatever the clusters are like',
        { expected: 'no percentages, or pass_through_mode: false' },
      )
    }
  }

  start(thread: ThreadContext, statPrefix: string): void {
    const cacheMs = durationMs(this.config.cacheTime, 0)
    this.shared = {
      thread: thread as UpstreamThread,
      stats: thread.stats.block(`${statPrefix}health_check.`, HEALTH_CHECK_STATS),
      passThrough: this.config.passThroughMode === true,
      headers: this.headers,
      minimums: this.minimums,
      cache: cacheMs > 0 ? new ResponseCache(thread.clock, cacheMs) : null,
      clusterName: thread.node.cluster ?? '',
    }
  }

  create(): HealthCheckFilter {
    return new HealthCheckFilter(this.shared)
  }
}

/** envoy.filters.http.health_check */
export const healthCheckFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [TYPE],
  compile: (config, context, path) => new HealthCheckPlan(config as HealthCheckJson, context, path),
}
