import type {
  StatefulSessionJson,
  StatefulSessionPerRouteJson,
} from '#api/envoy/extensions/filters/http/stateful_session/v3/stateful_session_pb.ts'
import {
  type CompileContext,
  type ConfigPath,
  declareSupport,
  type ExtensionFactory,
  type TypedConfig,
} from '../../../config/index.ts'
import { type HttpFilterPlan, PER_ROUTE_CATEGORY } from '../../../http/index.ts'
import type { SessionState } from './session-state.ts'
import { type SessionSettings, StatefulSessionFilter } from './stateful-session.ts'

export { cookieSessionStateFactory } from './cookie-state.ts'
export { headerSessionStateFactory } from './header-state.ts'

const API = 'envoy.extensions.filters.http.stateful_session.v3'
const NAME = 'envoy.filters.http.stateful_session'

declareSupport(`${API}.StatefulSession`, {
  supported: ['session_state', 'strict'],
  refused: {
    stat_prefix: 'this filter keeps no stats in this release',
    status_on_strict_destination_not_found: 'a strict session without its host is answered 503',
  },
})
declareSupport(`${API}.StatefulSessionPerRoute`, { supported: ['disabled', 'stateful_session'] })

const DISABLED: SessionSettings = Object.freeze({ state: null, strict: false })

function compileSession(json: StatefulSessionJson, context: CompileContext, path: ConfigPath): SessionSettings {
  if (json.sessionState === undefined) return DISABLED
  const config = json.sessionState as TypedConfig
  const at = path.field('session_state')
  const factory = context.extensions.find('envoy.http.stateful_session', config, context, at)
  if (factory === undefined) return DISABLED
  const state = factory.compile(config.typedConfig as object, context, at.field('typed_config')) as SessionState
  return Object.freeze({ state, strict: json.strict === true })
}

/** envoy.filters.http.stateful_session */
export const statefulSessionFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [`${API}.StatefulSession`],
  compile: (config, context, path) => {
    const settings = compileSession(config as StatefulSessionJson, context, path)
    return { name: NAME, terminal: false, create: () => new StatefulSessionFilter(settings) }
  },
}

export const statefulSessionPerRouteFactory: ExtensionFactory<SessionSettings> = {
  name: NAME,
  category: PER_ROUTE_CATEGORY,
  typeNames: [`${API}.StatefulSessionPerRoute`],
  compile: (config, context, path) => {
    const { statefulSession } = config as StatefulSessionPerRouteJson
    return statefulSession === undefined
      ? DISABLED
      : compileSession(statefulSession, context, path.field('stateful_session'))
  },
}
