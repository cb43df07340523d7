import type { CorsPolicyJson } from '#api/envoy/extensions/filters/http/cors/v3/cors_pb.ts'
import { declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import { type HttpFilterPlan, PER_ROUTE_CATEGORY } from '../../../http/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import type { StatBlock } from '../../../observability/index.ts'
import { CORS_STATS, CorsFilter } from './cors.ts'
import { CorsPolicy } from './policy.ts'

const API = 'envoy.extensions.filters.http.cors.v3'
const NAME = 'envoy.filters.http.cors'

declareSupport(`${API}.Cors`, { supported: [] })

class CorsPlan implements HttpFilterPlan {
  readonly name = NAME
  readonly terminal = false
  private stats!: StatBlock

  start(thread: ThreadContext, statPrefix: string): void {
    this.stats = thread.stats.block(`${statPrefix}cors.`, CORS_STATS)
  }

  create(): CorsFilter {
    return new CorsFilter(this.stats)
  }
}

/** envoy.filters.http.cors */
export const corsFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [`${API}.Cors`],
  compile: () => new CorsPlan(),
}

export const corsPolicyFactory: ExtensionFactory<CorsPolicy> = {
  name: NAME,
  category: PER_ROUTE_CATEGORY,
  typeNames: [`${API}.CorsPolicy`],
  compile: (config, context, path) => new CorsPolicy(config as CorsPolicyJson, context, path),
}
