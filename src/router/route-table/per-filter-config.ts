// typed_per_filter_config: what an HTTP filter does differently on a route, virtual host or weighted cluster.
import type { FilterConfigJson } from '#api/envoy/config/route/v3/route_components_pb.ts'
import { type CompileContext, type ConfigPath, Diagnostics, declareSupport, typeName } from '../../config/index.ts'
import type { PerFilterConfig } from '../../http/index.ts'

declareSupport('envoy.config.route.v3.FilterConfig', { supported: ['config', 'is_optional', 'disabled'] })

/** Extensions that read such a config register a factory of this category. */
export const PER_ROUTE_CATEGORY = 'envoy.filters.http.per_route'
const WRAPPER = 'envoy.config.route.v3.FilterConfig'

export type PerFilterConfigs = ReadonlyMap<string, PerFilterConfig>

type Payload = { readonly '@type'?: string }

/** `inherited` holds the entries of the less specific levels; those of this level replace them. */
export function compilePerFilterConfigs(
  configs: Readonly<Record<string, object>> | undefined,
  inherited: PerFilterConfigs | null,
  context: CompileContext,
  path: ConfigPath,
): PerFilterConfigs | null {
  if (configs === undefined) return inherited
  const merged = new Map(inherited ?? [])
  for (const [name, any] of Object.entries(configs)) {
    const compiled = compileOne(name, any as Payload, context, path.field('typed_per_filter_config').key(name))
    if (compiled !== undefined) merged.set(name, compiled)
  }
  return merged.size === 0 ? null : merged
}

function compileOne(
  name: string,
  any: Payload,
  context: CompileContext,
  path: ConfigPath,
): PerFilterConfig | undefined {
  if (typeName(any) !== WRAPPER) return { disabled: false, plan: compilePlan(name, any, false, context, path) }
  const wrapper = any as FilterConfigJson
  if (wrapper.config === undefined) return { disabled: wrapper.disabled === true, plan: null }
  const plan = compilePlan(name, wrapper.config as Payload, wrapper.isOptional === true, context, path.field('config'))
  if (plan === null && wrapper.isOptional === true && wrapper.disabled !== true) return undefined
  return { disabled: wrapper.disabled === true, plan }
}

function compilePlan(
  name: string,
  typedConfig: Payload,
  optional: boolean,
  context: CompileContext,
  path: ConfigPath,
): object | null {
  const quiet: CompileContext = optional ? { ...context, diagnostics: new Diagnostics() } : context
  const factory = context.extensions.find(PER_ROUTE_CATEGORY, { name, typedConfig }, quiet, path)
  return (factory?.compile(typedConfig, context, path) as object | undefined) ?? null
}
