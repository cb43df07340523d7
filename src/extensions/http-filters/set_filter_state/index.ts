import type { ConfigJson } from '#api/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import { type HttpFilterPlan, PER_ROUTE_CATEGORY } from '../../../http/index.ts'
import { compileStateValues } from '../../../net/index.ts'
import { SetFilterState, type SetFilterStatePlan } from './set-filter-state.ts'

const TYPE = 'envoy.extensions.filters.http.set_filter_state.v3.Config'
const NAME = 'envoy.filters.http.set_filter_state'

declareSupport(TYPE, { supported: ['on_request_headers', 'clear_route_cache'] })
function compilePlan(json: ConfigJson, context: CompileContext, path: ConfigPath): SetFilterStatePlan {
  const values = compileStateValues(json.onRequestHeaders, false, context, path.field('on_request_headers'))
  return { values, clearsRouteCache: json.clearRouteCache === true }
}

/** envoy.filters.http.set_filter_state */
export const setFilterStateFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [TYPE],
  compile: (config, context, path) => {
    const plan = compilePlan(config as ConfigJson, context, path)
    return { name: NAME, terminal: false, create: () => new SetFilterState(plan) }
  },
}

export const setFilterStatePerRouteFactory: ExtensionFactory<SetFilterStatePlan> = {
  name: NAME,
  category: PER_ROUTE_CATEGORY,
  typeNames: [TYPE],
  compile: (config, context, path) => compilePlan(config as ConfigJson, context, path),
}
