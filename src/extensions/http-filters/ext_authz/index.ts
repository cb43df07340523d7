import './support.ts'
import type {
  ExtAuthzJson,
  ExtAuthzPerRouteJson,
} from '#api/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.ts'
import type { ExtensionFactory } from '../../../config/index.ts'
import { type HttpFilterPlan, PER_ROUTE_CATEGORY } from '../../../http/index.ts'
import { ExtAuthz } from './ext-authz.ts'
import { compileRoutePlan, ExtAuthzPlan, type RoutePlan } from './plan.ts'

const API = 'envoy.extensions.filters.http.ext_authz.v3'
const NAME = 'envoy.filters.http.ext_authz'

/** envoy.filters.http.ext_authz */
export const extAuthzFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [`${API}.ExtAuthz`],
  compile: (config, context, path) => {
    const plan = new ExtAuthzPlan(config as ExtAuthzJson, context, path)
    if (plan.service === null) {
      context.diagnostics.error(path, 'nobody can be asked', { expected: 'grpc_service or http_service' })
    }
    return {
      name: NAME,
      terminal: false,
      start: (thread, prefix) => plan.start(thread, prefix),
      create: () => new ExtAuthz(plan),
    }
  },
}

export const extAuthzPerRouteFactory: ExtensionFactory<RoutePlan> = {
  name: NAME,
  category: PER_ROUTE_CATEGORY,
  typeNames: [`${API}.ExtAuthzPerRoute`],
  compile: (config, context, path) => compileRoutePlan(config as ExtAuthzPerRouteJson, context, path),
}
