import { declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import { HttpFilter, type HttpFilterPlan, PER_ROUTE_CATEGORY } from '../../../http/index.ts'

const API = 'envoy.extensions.filters.http.on_demand.v3'
const NAME = 'envoy.filters.http.on_demand'
const ODCDS = 'clusters come with static_resources or cds_config here, never at the first request for them'

declareSupport(`${API}.OnDemand`, { supported: [], refused: { odcds: ODCDS } })
declareSupport(`${API}.PerRouteConfig`, { supported: [], refused: { odcds: ODCDS } })

/** Nothing is ever missing that a request could wait for. */
class OnDemand extends HttpFilter {}

/** envoy.filters.http.on_demand */
export const onDemandFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [`${API}.OnDemand`],
  compile: () => ({ name: NAME, terminal: false, create: () => new OnDemand() }),
}

export const onDemandPerRouteFactory: ExtensionFactory<object> = {
  name: NAME,
  category: PER_ROUTE_CATEGORY,
  typeNames: [`${API}.PerRouteConfig`],
  compile: () => ({}),
}
