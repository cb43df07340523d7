import type {
  ApiKeyAuthJson,
  ApiKeyAuthPerRouteJson,
} from '#api/envoy/extensions/filters/http/api_key_auth/v3/api_key_auth_pb.ts'
import { declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import { type HttpFilterPlan, PER_ROUTE_CATEGORY } from '../../../http/index.ts'
import { API_KEY_AUTH_STATS, ApiKeyAuth, type ApiKeyAuthShared } from './api-key-auth.ts'
import { type ApiKeySettings, compileSettings } from './settings.ts'

const API = 'envoy.extensions.filters.http.api_key_auth.v3'
const NAME = 'envoy.filters.http.api_key_auth'

declareSupport(`${API}.ApiKeyAuth`, { supported: ['credentials', 'key_sources', 'forwarding'] })
declareSupport(`${API}.ApiKeyAuthPerRoute`, {
  supported: ['credentials', 'key_sources', 'allowed_clients', 'forwarding'],
})
declareSupport(`${API}.Credential`, { supported: ['key', 'client'] })
declareSupport(`${API}.KeySource`, { supported: ['header', 'query', 'cookie'] })
declareSupport(`${API}.Forwarding`, { supported: ['header', 'hide_credentials'] })

/** envoy.filters.http.api_key_auth */
export const apiKeyAuthFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [`${API}.ApiKeyAuth`],
  compile: (config, context, path) => {
    const shared: ApiKeyAuthShared = { own: compileSettings(config as ApiKeyAuthJson, context, path), stats: null }
    return {
      name: NAME,
      terminal: false,
      start: (thread, prefix) => {
        shared.stats = thread.stats.block(`${prefix}api_key_auth.`, API_KEY_AUTH_STATS)
      },
      create: () => new ApiKeyAuth(shared),
    }
  },
}

export const apiKeyAuthPerRouteFactory: ExtensionFactory<ApiKeySettings> = {
  name: NAME,
  category: PER_ROUTE_CATEGORY,
  typeNames: [`${API}.ApiKeyAuthPerRoute`],
  compile: (config, context, path) => compileSettings(config as ApiKeyAuthPerRouteJson, context, path),
}
