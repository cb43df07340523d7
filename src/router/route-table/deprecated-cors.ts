// The cors fields of routes and virtual hosts, older than typed_per_filter_config and still written by many.
import type { CorsPolicyJson } from '#api/envoy/config/route/v3/route_components_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport } from '../../config/index.ts'
import { PER_ROUTE_CATEGORY, ROUTE_CORS_POLICY } from '../../http/index.ts'
import { onTopOf, type PerFilterConfigs } from './per-filter-config.ts'

declareSupport(ROUTE_CORS_POLICY, {
  supported: [
    'allow_origin_string_match',
    'allow_methods',
    'allow_headers',
    'expose_headers',
    'max_age',
    'allow_credentials',
    'filter_enabled',
    'shadow_enabled',
    'allow_private_network_access',
    'forward_not_matching_preflights',
  ],
})

const TYPED = 'type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy'

/**
 * The policy, under the name of its message among the settings of the filters: it holds for a cors filter of any name. It
 * says the same as a CorsPolicy of the filter, field by field, and is compiled as one.
 */
export function withDeprecatedCors(
  cors: CorsPolicyJson | undefined,
  configs: PerFilterConfigs | null,
  context: CompileContext,
  path: ConfigPath,
): PerFilterConfigs | null {
  if (cors === undefined) return configs
  const typedConfig = { ...cors, '@type': TYPED }
  const factory = context.extensions.find(PER_ROUTE_CATEGORY, { name: ROUTE_CORS_POLICY, typedConfig }, context, path)
  const plan = factory?.compile(typedConfig, context, path) as object | undefined
  if (plan === undefined) return configs
  const below = configs?.get(ROUTE_CORS_POLICY)
  return new Map(configs ?? []).set(
    ROUTE_CORS_POLICY,
    onTopOf(below, { disabled: false, plan, extension: factory?.name ?? null }),
  )
}
