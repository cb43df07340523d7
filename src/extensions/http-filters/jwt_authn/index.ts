import './support.ts'
import type {
  JwtAuthenticationJson,
  PerRouteConfigJson,
} from '#api/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts'
import type { ExtensionFactory } from '../../../config/index.ts'
import { type HttpFilterPlan, PER_ROUTE_CATEGORY } from '../../../http/index.ts'
import type { UpstreamThread } from '../../../upstream/index.ts'
import { JwtAuthn } from './jwt-authn.ts'
import { compileRoutePlan, JwtPlan, type RoutePlan } from './plan.ts'

const API = 'envoy.extensions.filters.http.jwt_authn.v3'
const NAME = 'envoy.filters.http.jwt_authn'

/** envoy.filters.http.jwt_authn */
export const jwtAuthnFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [`${API}.JwtAuthentication`],
  compile: (config, context, path) => {
    const plan = new JwtPlan(config as JwtAuthenticationJson, context, path)
    return {
      name: NAME,
      terminal: false,
      start: (thread, prefix) => plan.start(thread as UpstreamThread, prefix),
      create: () => new JwtAuthn(plan),
    }
  },
}

export const jwtAuthnPerRouteFactory: ExtensionFactory<RoutePlan> = {
  name: NAME,
  category: PER_ROUTE_CATEGORY,
  typeNames: [`${API}.PerRouteConfig`],
  compile: config => compileRoutePlan(config as PerRouteConfigJson),
}
