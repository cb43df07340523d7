import type { FilterStateValueJson } from '#api/envoy/extensions/filters/common/set_filter_state/v3/value_pb.ts'
import type { ConfigJson } from '#api/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import { type HttpFilterPlan, PER_ROUTE_CATEGORY } from '../../../http/index.ts'
import { compileSubstitutionFormat } from '../../../net/index.ts'
import { objectFactory } from './object-factories.ts'
import { SetFilterState, type SetFilterStatePlan, type StateValue } from './set-filter-state.ts'

const TYPE = 'envoy.extensions.filters.http.set_filter_state.v3.Config'
const VALUE = 'envoy.extensions.filters.common.set_filter_state.v3.FilterStateValue'
const NAME = 'envoy.filters.http.set_filter_state'
const NOT_SHARED = 'connections to upstreams carry no filter state in this release'

declareSupport(TYPE, { supported: ['on_request_headers', 'clear_route_cache'] })
declareSupport(VALUE, {
  supported: ['object_key', 'factory_key', 'format_string', 'read_only', 'shared_with_upstream', 'skip_if_empty'],
  values: { shared_with_upstream: { ONCE: NOT_SHARED, TRANSITIVE: NOT_SHARED } },
})

function compilePlan(json: ConfigJson, context: CompileContext, path: ConfigPath): SetFilterStatePlan {
  const values = (json.onRequestHeaders ?? []).flatMap((value, i) => {
    const compiled = compileValue(value, context, path.field('on_request_headers').index(i))
    return compiled === undefined ? [] : [compiled]
  })
  return { values, clearsRouteCache: json.clearRouteCache === true }
}

function compileValue(json: FilterStateValueJson, context: CompileContext, path: ConfigPath): StateValue | undefined {
  const { objectKey = '', factoryKey = '', formatString = {} } = json
  const field = factoryKey === '' ? 'object_key' : 'factory_key'
  const make = objectFactory(factoryKey === '' ? objectKey : factoryKey, context, path.field(field))
  const formatter = compileSubstitutionFormat(formatString, context, path.field('format_string'))
  if (make === undefined || formatter === undefined) return undefined
  return { key: objectKey, formatter, make, readOnly: json.readOnly === true, skipIfEmpty: json.skipIfEmpty === true }
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
