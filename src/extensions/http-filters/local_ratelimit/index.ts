import './support.ts'
import type { LocalRateLimitJson } from '#api/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.ts'
import type { ExtensionFactory } from '../../../config/index.ts'
import { type HttpFilterPlan, PER_ROUTE_CATEGORY } from '../../../http/index.ts'
import { LocalRateLimit } from './local-rate-limit.ts'
import { LocalRateLimitPlan } from './local-rate-limit-plan.ts'

const NAME = 'envoy.filters.http.local_ratelimit'
const TYPE = 'envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit'

/** envoy.filters.http.local_ratelimit */
export const localRateLimitFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [TYPE],
  compile: (config, context, path) => {
    const plan = new LocalRateLimitPlan(config as LocalRateLimitJson, context, path)
    return {
      name: NAME,
      terminal: false,
      start: thread => plan.start(thread),
      create: () => new LocalRateLimit(plan),
    }
  },
}

export const localRateLimitPerRouteFactory: ExtensionFactory<LocalRateLimitPlan> = {
  name: NAME,
  category: PER_ROUTE_CATEGORY,
  typeNames: [TYPE],
  compile: (config, context, path) => {
    const json = config as LocalRateLimitJson
    if (json.tokenBucket === undefined) {
      context.diagnostics.error(path.field('token_bucket'), 'a route that has its own local rate limit needs a bucket')
    }
    return new LocalRateLimitPlan(json, context, path)
  },
}
