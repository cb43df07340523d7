// Subset load balancing: Cluster.LbSubsetConfig and the Subset policy have the same fields.
import type { CompileContext, ConfigPath } from '../../../config/index.ts'
import type { BalancerPlan, SubsetFallback, SubsetPlan, SubsetSelectorPlan } from '../../balancer-plan.ts'

interface SelectorFields {
  readonly keys?: readonly string[]
  readonly singleHostPerSubset?: boolean
  readonly fallbackPolicy?: string
  readonly fallbackKeysSubset?: readonly string[]
}

export interface SubsetFields {
  readonly fallbackPolicy?: string
  readonly defaultSubset?: object
  readonly subsetSelectors?: readonly SelectorFields[]
  readonly allowRedundantKeys?: boolean
  readonly localityWeightAware?: boolean
  readonly scaleLocalityWeight?: boolean
  readonly panicModeAny?: boolean
  readonly listAsAny?: boolean
  readonly metadataFallbackPolicy?: string
}

function distinct(keys: readonly string[] | undefined): string[] {
  return [...new Set(keys ?? [])].sort()
}

function compileSelector(fields: SelectorFields, context: CompileContext, path: ConfigPath): SubsetSelectorPlan {
  const { diagnostics } = context
  const keys = distinct(fields.keys)
  const fallbackKeys = distinct(fields.fallbackKeysSubset)
  const fallback = (fields.fallbackPolicy ?? 'NOT_DEFINED') as SubsetSelectorPlan['fallback']
  const fallbackPath = path.field('fallback_keys_subset')
  if (fields.singleHostPerSubset === true && keys.length !== 1) {
    diagnostics.error(path.field('single_host_per_subset'), 'needs exactly one key', { found: `${keys.length} keys` })
  }
  if (fallback === 'KEYS_SUBSET' && fallbackKeys.length === 0) {
    diagnostics.error(fallbackPath, 'KEYS_SUBSET needs the keys to fall back to')
  } else if (fallback === 'KEYS_SUBSET' && fallbackKeys.some(key => !keys.includes(key))) {
    diagnostics.error(fallbackPath, 'names a key that the selector does not have', { expected: keys.join(', ') })
  } else if (fallback === 'KEYS_SUBSET' && fallbackKeys.length === keys.length) {
    diagnostics.error(fallbackPath, 'must leave out at least one of the keys')
  } else if (fallback !== 'KEYS_SUBSET' && fallbackKeys.length > 0) {
    diagnostics.error(fallbackPath, 'has a meaning with fallback_policy KEYS_SUBSET only')
  }
  return { keys, singleHostPerSubset: fields.singleHostPerSubset ?? false, fallback, fallbackKeys }
}

/**
 * As in Envoy 1.40, the fallback of a selector whose keys (sorted) an earlier one begins with is never looked at. Said,
 * since it is easy to write: [version, stage] before [stage].
 */
function withoutHiddenFallbacks(
  selectors: readonly SubsetSelectorPlan[],
  context: CompileContext,
  path: ConfigPath,
): SubsetSelectorPlan[] {
  return selectors.map((selector, index) => {
    if (selector.fallback === 'NOT_DEFINED') return selector
    const hidden = selectors
      .slice(0, index)
      .some(({ keys }) => selector.keys.every((key, position) => keys[position] === key))
    if (!hidden) return selector
    const at = path.index(index).field('fallback_policy')
    context.diagnostics.warn(at, 'has no effect, because an earlier selector has these keys too; put this one first')
    return { ...selector, fallback: 'NOT_DEFINED' }
  })
}

/** Without selectors there are no subsets, and the wrapped policy stands alone. */
export function compileSubsets(
  fields: SubsetFields,
  child: BalancerPlan,
  context: CompileContext,
  path: ConfigPath,
): BalancerPlan {
  const selectors = fields.subsetSelectors ?? []
  if (selectors.length === 0) return child
  const at = path.field('subset_selectors')
  const compiled = selectors.map((selector, index) => compileSelector(selector, context, at.index(index)))
  const plan: SubsetPlan = {
    kind: 'subset',
    fallback: (fields.fallbackPolicy ?? 'NO_FALLBACK') as SubsetFallback,
    defaultSubset: (fields.defaultSubset ?? {}) as Readonly<Record<string, unknown>>,
    selectors: withoutHiddenFallbacks(compiled, context, at),
    localityWeightAware: fields.localityWeightAware ?? false,
    scaleLocalityWeight: fields.scaleLocalityWeight ?? false,
    panicModeAny: fields.panicModeAny ?? false,
    listAsAny: fields.listAsAny ?? false,
    allowRedundantKeys: fields.allowRedundantKeys ?? false,
    metadataFallback: fields.metadataFallbackPolicy === 'FALLBACK_LIST',
    child,
  }
  return plan
}
