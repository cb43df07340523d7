import type { CustomResponseJson } from '#api/envoy/extensions/filters/http/custom_response/v3/custom_response_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import { type HttpFilterPlan, PER_ROUTE_CATEGORY } from '../../../http/index.ts'
import type { StatBlock } from '../../../observability/index.ts'
import { CUSTOM_RESPONSE_STATS, CustomResponse, type CustomResponsePlan } from './custom-response.ts'
import { compileResponseTree } from './response-tree.ts'

export { localResponsePolicyFactory } from './local-response-policy.ts'
export { redirectPolicyFactory } from './redirect-policy.ts'

const TYPE = 'envoy.extensions.filters.http.custom_response.v3.CustomResponse'
const NAME = 'envoy.filters.http.custom_response'

declareSupport(TYPE, { supported: ['custom_response_matcher'] })

function compilePlan(json: CustomResponseJson, context: CompileContext, path: ConfigPath): CustomResponsePlan {
  const { customResponseMatcher: matcher } = json
  if (matcher === undefined) return { tree: null }
  return { tree: compileResponseTree(matcher, context, path.field('custom_response_matcher')) }
}

/** envoy.filters.http.custom_response */
export const customResponseFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [TYPE],
  compile: (config, context, path) => {
    const plan = compilePlan(config as CustomResponseJson, context, path)
    let stats: StatBlock
    return {
      name: NAME,
      terminal: false,
      start: (thread, prefix) => {
        stats = thread.stats.block(prefix, CUSTOM_RESPONSE_STATS)
      },
      create: () => new CustomResponse(plan, stats),
    }
  },
}

export const customResponsePerRouteFactory: ExtensionFactory<CustomResponsePlan> = {
  name: NAME,
  category: PER_ROUTE_CATEGORY,
  typeNames: [TYPE],
  compile: (config, context, path) => compilePlan(config as CustomResponseJson, context, path),
}
