import './support.ts'
import type {
  RateLimitJson,
  RateLimitPerRouteJson,
} from '#api/envoy/extensions/filters/http/ratelimit/v3/rate_limit_pb.ts'
import type { ExtensionFactory } from '../../../config/index.ts'
import { type HttpFilterPlan, PER_ROUTE_CATEGORY } from '../../../http/index.ts'
import { compileRoutePlan, RateLimitPlan, type RoutePlan } from './plan.ts'
import { RateLimit } from './rate-limit.ts'

const API = 'envoy.extensions.filters.http.ratelimit.v3'
const NAME = 'envoy.filters.http.ratelimit'

/** envoy.filters.http.ratelimit */
export const rateLimitFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [`${API}.RateLimit`],
  compile: (config, context, path) => {
    const plan = new RateLimitPlan(config as RateLimitJson, context, path)
    return {
      name: NAME,
      terminal: false,
      start: () => plan.service.prepare(),
      create: () => new RateLimit(plan),
    }
  },
}

export const rateLimitPerRouteFactory: ExtensionFactory<RoutePlan> = {
  name: NAME,
  category: PER_ROUTE_CATEGORY,
  typeNames: [`${API}.RateLimitPerRoute`],
  compile: (config, context, path) => compileRoutePlan(config as RateLimitPerRouteJson, context, path),
}
