import type { CacheConfigJson } from '#api/envoy/extensions/filters/http/cache/v3/cache_pb.ts'
import {
  type CompileContext,
  type ConfigPath,
  declareSupport,
  type ExtensionFactory,
  typeName,
} from '../../../config/index.ts'
import { HttpFilter, type HttpFilterPlan } from '../../../http/index.ts'
import { CacheFilter } from './cache-filter.ts'
import { CachePlan } from './cache-plan.ts'

const API = 'envoy.extensions.filters.http.cache.v3'
const NAME = 'envoy.filters.http.cache'
const SIMPLE = 'envoy.extensions.http.cache.simple_http_cache.v3.SimpleHttpCacheConfig'

declareSupport(`${API}.CacheConfig`, {
  supported: [
    'typed_config',
    'disabled',
    'allowed_vary_headers',
    'max_body_bytes',
    'ignore_request_cache_control_header',
  ],
  refused: { key_creator_params: 'Envoy has never read it either; scheme, host and path with its query are the key' },
})
declareSupport(SIMPLE, { supported: [] })

function checkCache({ typedConfig, disabled }: CacheConfigJson, context: CompileContext, path: ConfigPath): void {
  if (disabled === true) return
  const type = typeName((typedConfig ?? {}) as { '@type'?: string })
  if (type === SIMPLE) return
  context.diagnostics.error(path.field('typed_config'), `${type === '' ? 'nothing' : type} is no cache`, {
    expected: `${SIMPLE}, or disabled: true`,
    code: 'unknown-extension',
  })
}

/** `disabled`. */
class NoCache extends HttpFilter {}

/** envoy.filters.http.cache */
export const cacheFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [`${API}.CacheConfig`],
  compile: (config, context, path) => {
    const json = config as CacheConfigJson
    checkCache(json, context, path)
    const plan = json.disabled === true ? null : new CachePlan(json, context, path)
    return {
      name: NAME,
      terminal: false,
      create: () => (plan === null ? new NoCache() : new CacheFilter(plan)),
    }
  },
}
