// What a route's metadata leads to: worked out once per route and snapshot, in the order in which it is tried.
import type { SubsetPlan } from '../../balancer-plan.ts'
import { selectorFor, sortedPairs, subsetKey } from './subset-index.ts'

export interface SubsetLookup {
  /** Key of the subset; null: the metadata names none that exists. */
  readonly subset: string | null
  /** What follows when there is no such subset. */
  readonly fallback: 'cluster' | 'none' | 'any' | 'default'
  /** Instead of `fallback`: the same with fewer keys. */
  readonly fewerKeys: SubsetLookup | null
  /** Instead of everything above: the first of these that yields a host. */
  readonly alternatives: readonly SubsetLookup[] | null
}

const FALLBACK_LIST = 'fallback_list'
const FALLBACKS = { NO_FALLBACK: 'none', ANY_ENDPOINT: 'any', DEFAULT_SUBSET: 'default' } as const

type Fields = Readonly<Record<string, unknown>>

function only(fields: Fields, keys: readonly string[]): Fields {
  return Object.fromEntries(keys.filter(key => Object.hasOwn(fields, key)).map(key => [key, fields[key]]))
}

/** With redundant keys allowed, the keys of the first selector that is contained in them count. */
function withoutRedundant(fields: Fields, plan: SubsetPlan): Fields {
  if (!plan.allowRedundantKeys) return fields
  const selector = plan.selectors.find(({ keys }) => keys.every(key => Object.hasOwn(fields, key)))
  return selector === undefined ? fields : only(fields, selector.keys)
}

function lookUp(asked: Fields, plan: SubsetPlan, exists: (key: string) => boolean): SubsetLookup {
  const pairs = sortedPairs(withoutRedundant(asked, plan))
  const key = subsetKey(pairs)
  const subset = exists(key) ? key : null
  const none = { subset, fewerKeys: null, alternatives: null }
  const selector = selectorFor(
    plan,
    pairs.map(([name]) => name),
  )
  if (selector === undefined || selector.fallback === 'NOT_DEFINED') return { ...none, fallback: 'cluster' }
  if (selector.fallback !== 'KEYS_SUBSET') return { ...none, fallback: FALLBACKS[selector.fallback] }
  const fewer = only(Object.fromEntries(pairs), selector.fallbackKeys)
  return { ...none, fallback: 'none', fewerKeys: lookUp(fewer, plan, exists) }
}

/** `metadataMatch`: envoy.lb metadata of the route. */
export function subsetLookup(metadataMatch: object, plan: SubsetPlan, exists: (key: string) => boolean): SubsetLookup {
  const { [FALLBACK_LIST]: list, ...fields } = metadataMatch as Fields
  if (!plan.metadataFallback || list === undefined) return lookUp(metadataMatch as Fields, plan, exists)
  const alternatives = (Array.isArray(list) ? list : []) as readonly Fields[]
  if (alternatives.length === 0) return lookUp(fields, plan, exists)
  return {
    subset: null,
    fallback: 'none',
    fewerKeys: null,
    alternatives: alternatives.map(other => lookUp({ ...fields, ...other }, plan, exists)),
  }
}
