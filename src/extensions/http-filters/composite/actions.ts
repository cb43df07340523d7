// What a tree may decide: that filters run (which, by which name they are told of, for which share of requests), or that one
// does not.
import type { TypedExtensionConfigJson } from '#api/envoy/config/core/v3/extension_pb.ts'
import type {
  ExecuteFilterActionJson,
  FilterChainConfigurationJson,
} from '#api/envoy/extensions/filters/http/composite/v3/composite_pb.ts'
import {
  type CompileContext,
  type ConfigPath,
  declareSupport,
  type TypedConfig,
  typeName,
} from '../../../config/index.ts'
import { RuntimeFraction, type ThreadContext } from '../../../net/index.ts'
import { DelegatedFilters } from './delegated-filters.ts'

const API = 'envoy.extensions.filters.http.composite.v3'
const EXECUTE = `${API}.ExecuteFilterAction`
const SKIP = 'envoy.extensions.filters.common.matcher.action.v3.SkipFilter'
declareSupport(SKIP, { supported: [] })
declareSupport(EXECUTE, {
  supported: ['typed_config', 'filter_chain', 'filter_chain_name', 'sample_percent'],
  refused: { dynamic_config: 'extension configuration is not discovered by this release; use typed_config' },
})
declareSupport(`${API}.FilterChainConfiguration`, { supported: ['typed_config'] })

/** By name; undefined: none are named here. */
export type NamedChains = ReadonlyMap<string, DelegatedFilters>

export class ExecuteAction {
  readonly name: string
  readonly filters: DelegatedFilters
  private readonly share: RuntimeFraction | null

  constructor(name: string, filters: DelegatedFilters, share: RuntimeFraction | null) {
    this.name = name
    this.filters = filters
    this.share = share
  }

  isDrawn(thread: ThreadContext): boolean {
    return this.share === null || this.share.enabled(thread)
  }
}

export function compileChain(
  { typedConfig = [] }: FilterChainConfigurationJson,
  context: CompileContext,
  path: ConfigPath,
): DelegatedFilters {
  const at = path.field('typed_config')
  return new DelegatedFilters(
    typedConfig,
    context,
    typedConfig.map((_, i) => at.index(i)),
  )
}

export class SkipAction {}

export type FilterAction = ExecuteAction | SkipAction

/** Undefined after a diagnostic. `chains` null: they are not known here, or nothing but a skip makes sense. */
export function compileAction(
  action: TypedConfig,
  chains: NamedChains | null,
  context: CompileContext,
  path: ConfigPath,
): FilterAction | undefined {
  const type = typeName(action.typedConfig ?? {})
  if (type === SKIP) return new SkipAction()
  const at = path.field('typed_config')
  if (type !== EXECUTE) {
    context.diagnostics.error(at, `${type} is no action of filters`, {
      expected: `${EXECUTE} or ${SKIP}`,
      code: 'unknown-extension',
    })
    return undefined
  }
  const json = action.typedConfig as ExecuteFilterActionJson
  const found = filtersOf(json, chains, context, at)
  if (found === undefined) return undefined
  const share = json.samplePercent === undefined ? null : new RuntimeFraction(json.samplePercent)
  return new ExecuteAction(found.name, found.filters, share)
}

/** As Envoy: an inline chain counts before a name, and both before a single filter. */
function filtersOf(
  { filterChain, filterChainName = '', typedConfig }: ExecuteFilterActionJson,
  chains: NamedChains | null,
  context: CompileContext,
  path: ConfigPath,
): { readonly name: string; readonly filters: DelegatedFilters } | undefined {
  if (filterChain !== undefined) {
    return { name: 'filter_chain', filters: compileChain(filterChain, context, path.field('filter_chain')) }
  }
  if (filterChainName !== '') return namedChain(filterChainName, chains, context, path.field('filter_chain_name'))
  if (typedConfig !== undefined) {
    const config: TypedExtensionConfigJson = typedConfig
    return { name: config.name ?? '', filters: new DelegatedFilters([config], context, [path.field('typed_config')]) }
  }
  context.diagnostics.error(path, 'an action needs filters', {
    expected: 'typed_config, filter_chain or filter_chain_name',
  })
  return undefined
}

function namedChain(name: string, chains: NamedChains | null, context: CompileContext, path: ConfigPath) {
  const filters = chains?.get(name)
  if (filters !== undefined) return { name, filters }
  const known = [...(chains?.keys() ?? [])]
  context.diagnostics.error(path, `there is no filter chain of the name ${name}`, {
    expected: known.length === 0 ? 'a chain of named_filter_chains, or filter_chain' : `one of ${known.join(', ')}`,
  })
  return undefined
}
