// typed_per_filter_config: what an HTTP filter does differently on a route, virtual host or weighted cluster.
import type { FilterConfigJson } from '#api/envoy/config/route/v3/route_components_pb.ts'
import { type CompileContext, type ConfigPath, Diagnostics, declareSupport, typeName } from '../../config/index.ts'
import { PER_ROUTE_CATEGORY, type PerFilterConfig } from '../../http/index.ts'

declareSupport('envoy.config.route.v3.FilterConfig', { supported: ['config', 'is_optional', 'disabled'] })

const WRAPPER = 'envoy.config.route.v3.FilterConfig'

/** By the name that the filter has in the connection manager's list. */
export type PerFilterConfigs = ReadonlyMap<string, PerFilterConfig>

type Payload = { readonly '@type'?: string }

/** An entry of one level: `plan` is null where it only says whether the filter runs. */
interface Entry {
  readonly disabled: boolean
  readonly plan: object | null
  readonly extension: string | null
}

/** `inherited` holds the entries of the less specific levels; those of this level stand on top of them. */
export function compilePerFilterConfigs(
  configs: Readonly<Record<string, object>> | undefined,
  inherited: PerFilterConfigs | null,
  context: CompileContext,
  path: ConfigPath,
): PerFilterConfigs | null {
  if (configs === undefined) return inherited
  const merged = new Map(inherited ?? [])
  for (const [name, any] of Object.entries(configs)) {
    const entry = compileEntry(name, any as Payload, context, path.field('typed_per_filter_config').key(name))
    if (entry !== undefined) merged.set(name, onTopOf(merged.get(name), entry))
  }
  return merged.size === 0 ? null : merged
}

/** As Envoy: whether the filter runs is said by the most specific entry, its settings by the most specific that has any. */
export function onTopOf(below: PerFilterConfig | undefined, { disabled, plan, extension }: Entry): PerFilterConfig {
  const levels = below?.levels ?? []
  if (plan === null)
    return Object.freeze({ disabled, plan: below?.plan ?? null, levels, extension: below?.extension ?? null })
  const alike = below?.extension === extension
  return Object.freeze({ disabled, plan, levels: alike ? [...levels, plan] : [plan], extension })
}

/** Undefined after a diagnostic. */
function compileEntry(name: string, any: Payload, context: CompileContext, path: ConfigPath): Entry | undefined {
  if (typeName(any) !== WRAPPER) return compileSettings(name, any, false, context, path)
  const wrapper = any as FilterConfigJson
  // As Envoy: a filter that is switched off needs no settings, and what is there is not looked at.
  if (wrapper.disabled === true) return { disabled: true, plan: null, extension: null }
  const config = wrapper.config as Payload | undefined
  if (config === undefined) {
    context.diagnostics.error(path, `the FilterConfig of ${name} says nothing`, {
      expected: 'config, or disabled: true; an empty config ({}) switches on a filter that is disabled in the chain',
    })
    return undefined
  }
  if (typeName(config) === '') return { disabled: false, plan: null, extension: null }
  return compileSettings(name, config, wrapper.isOptional === true, context, path.field('config'))
}

function compileSettings(
  name: string,
  typedConfig: Payload,
  optional: boolean,
  context: CompileContext,
  path: ConfigPath,
): Entry {
  const quiet: CompileContext = optional ? { ...context, diagnostics: new Diagnostics() } : context
  const factory = context.extensions.find(PER_ROUTE_CATEGORY, { name, typedConfig }, quiet, path)
  const plan = (factory?.compile(typedConfig, context, path) as object | undefined) ?? null
  return { disabled: false, plan, extension: factory?.name ?? null }
}
