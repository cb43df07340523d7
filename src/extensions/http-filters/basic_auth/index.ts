import type {
  BasicAuthJson,
  BasicAuthPerRouteJson,
} from '#api/envoy/extensions/filters/http/basic_auth/v3/basic_auth_pb.ts'
import { declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import { HeaderName, type HttpFilterPlan, PER_ROUTE_CATEGORY } from '../../../http/index.ts'
import { BASIC_AUTH_STATS, BasicAuth, type BasicAuthPlan, type BasicAuthRoutePlan } from './basic-auth.ts'
import { compileUsers } from './users.ts'

const API = 'envoy.extensions.filters.http.basic_auth.v3'
const NAME = 'envoy.filters.http.basic_auth'

declareSupport(`${API}.BasicAuth`, {
  supported: [
    'users',
    'forward_username_header',
    'authentication_header',
    'allow_missing',
    'emit_dynamic_metadata',
    'realm',
  ],
})
declareSupport(`${API}.BasicAuthPerRoute`, { supported: ['users', 'realm'] })

const named = (text: string | undefined): HeaderName | null =>
  text === undefined || text === '' ? null : HeaderName.of(text)

/** envoy.filters.http.basic_auth */
export const basicAuthFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [`${API}.BasicAuth`],
  compile: (config, context, path) => {
    const json = config as BasicAuthJson
    const plan: BasicAuthPlan = {
      users: compileUsers(json.users ?? {}, context, path.field('users')),
      realm: json.realm ?? '',
      credentialHeader: named(json.authenticationHeader) ?? HeaderName.of('authorization'),
      usernameHeader: named(json.forwardUsernameHeader),
      allowMissing: json.allowMissing === true,
      emitsMetadata: json.emitDynamicMetadata === true,
      stats: null,
    }
    return {
      name: NAME,
      terminal: false,
      start: (thread, prefix) => {
        plan.stats = thread.stats.block(`${prefix}basic_auth.`, BASIC_AUTH_STATS)
      },
      create: () => new BasicAuth(plan),
    }
  },
}

export const basicAuthPerRouteFactory: ExtensionFactory<BasicAuthRoutePlan> = {
  name: NAME,
  category: PER_ROUTE_CATEGORY,
  typeNames: [`${API}.BasicAuthPerRoute`],
  compile: (config, context, path) => {
    const { users = {}, realm = '' } = config as BasicAuthPerRouteJson
    return { users: compileUsers(users, context, path.field('users')), realm }
  },
}
