import './support.ts'
import type { OAuth2Json, OAuth2PerRouteJson } from '#api/envoy/extensions/filters/http/oauth2/v3/oauth_pb.ts'
import type { ExtensionFactory } from '../../../config/index.ts'
import { type HttpFilterPlan, PER_ROUTE_CATEGORY } from '../../../http/index.ts'
import { OAuth2 } from './oauth2.ts'
import { OAuth2Plan } from './plan.ts'

const API = 'envoy.extensions.filters.http.oauth2.v3'
const NAME = 'envoy.filters.http.oauth2'

/** envoy.filters.http.oauth2 */
export const oauth2Factory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [`${API}.OAuth2`],
  compile: (config, context, path) => {
    const json = (config as OAuth2Json).config
    // Without a configuration it is there for routes that have one.
    const plan = json === undefined ? null : new OAuth2Plan(json, context, path.field('config'))
    let statPrefix = ''
    return {
      name: NAME,
      terminal: false,
      start: (thread, prefix) => {
        statPrefix = prefix
        plan?.statsOf(thread, prefix)
      },
      create: () => new OAuth2(plan, statPrefix),
    }
  },
}

export const oauth2PerRouteFactory: ExtensionFactory<OAuth2Plan> = {
  name: NAME,
  category: PER_ROUTE_CATEGORY,
  typeNames: [`${API}.OAuth2PerRoute`],
  compile: (config, context, path) =>
    new OAuth2Plan((config as OAuth2PerRouteJson).config ?? {}, context, path.field('config')),
}
