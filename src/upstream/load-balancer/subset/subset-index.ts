// Which hosts belong to which subset: by the values that their envoy.lb metadata has under a selector's keys.
import type { Steps } from '../../../base/index.ts'
import type { SubsetPlan, SubsetSelectorPlan } from '../../balancer-plan.ts'
import type { Host } from '../../host.ts'

/** Hosts of one subset; `single`: one host alone, whatever its health. */
export interface SubsetMembers {
  readonly hosts: Set<Host>
  readonly single: boolean
}

/** What places a host in subsets. */
export type Described = Pick<Host, 'metadata'>

export interface SubsetIndex {
  /** By subsetKey(). */
  readonly subsets: ReadonlyMap<string, SubsetMembers>
  /** Hosts that a subset for one host alone has turned away. */
  readonly duplicates: number
}

type Fields = Readonly<Record<string, unknown>>

export function lbMetadataOf(host: Described): Fields {
  return (host.metadata?.['envoy.lb'] as Fields | undefined) ?? {}
}

/** A text that is the same for equal JSON values only: 1 and "1" are different, the order of fields is not. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  )
}

/** `pairs` in the order of their keys. */
export function subsetKey(pairs: readonly (readonly [string, unknown])[]): string {
  return pairs.map(([key, value]) => `${JSON.stringify(key)}=${canonical(value)}`).join(',')
}

/** Fields of an object in the order in which subset keys list them. */
export function sortedPairs(fields: object): (readonly [string, unknown])[] {
  return Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
}

/** The subsets of one selector that a host is in; with `listAsAny` a list stands for each of its values. */
function keysOf(host: Described, keys: readonly string[], listAsAny: boolean): string[] {
  const fields = lbMetadataOf(host)
  let combinations: (readonly [string, unknown])[][] = [[]]
  for (const key of keys) {
    if (!Object.hasOwn(fields, key)) return []
    const value = fields[key]
    const values: readonly unknown[] = listAsAny && Array.isArray(value) ? value : [value]
    combinations = combinations.flatMap(pairs => values.map(one => [...pairs, [key, one] as const]))
  }
  return combinations.map(subsetKey)
}

/** Keys of the subsets of a host, by selector; remembered by its metadata, since health changes far more often. */
export type KnownKeys = WeakMap<object, readonly (readonly string[])[]>

function keysBySelector(host: Described, plan: SubsetPlan, known: KnownKeys): readonly (readonly string[])[] {
  const { metadata } = host
  if (metadata === null) return []
  let keys = known.get(metadata)
  if (keys === undefined) {
    keys = plan.selectors.map(selector => keysOf(host, selector.keys, plan.listAsAny))
    known.set(metadata, keys)
  }
  return keys
}

/** Keys of all subsets that there are. */
export function subsetKeysOf(hosts: Iterable<Described>, plan: SubsetPlan, known: KnownKeys): ReadonlySet<string> {
  const keys = new Set<string>()
  for (const host of hosts) for (const own of keysBySelector(host, plan, known)) for (const key of own) keys.add(key)
  return keys
}

/** How many hosts are looked at in one step. */
const STEP = 256

export function* indexSubsets(hosts: readonly Host[], plan: SubsetPlan, known: KnownKeys): Steps<SubsetIndex> {
  const subsets = new Map<string, SubsetMembers>()
  let duplicates = 0
  for (const [at, host] of hosts.entries()) {
    if (at % STEP === STEP - 1) yield
    for (const [index, keys] of keysBySelector(host, plan, known).entries()) {
      for (const key of keys) {
        let members = subsets.get(key)
        if (members === undefined) {
          members = { hosts: new Set(), single: plan.selectors[index]?.singleHostPerSubset === true }
          subsets.set(key, members)
        }
        if (members.single && members.hosts.size > 0 && !members.hosts.has(host)) duplicates++
        else members.hosts.add(host)
      }
    }
  }
  return { subsets, duplicates }
}

/** Whether a host has all of `wanted`; a list in the host's metadata holds the value when `listAsAny`. */
export function matchesMetadata(host: Described, wanted: Fields, listAsAny: boolean): boolean {
  const fields = lbMetadataOf(host)
  return Object.entries(wanted).every(([key, value]) => {
    if (!Object.hasOwn(fields, key)) return false
    const own = fields[key]
    const text = canonical(value)
    return canonical(own) === text || (listAsAny && Array.isArray(own) && own.some(one => canonical(one) === text))
  })
}

/** The selector whose keys are exactly these; the first that is written so counts. */
export function selectorFor(plan: SubsetPlan, keys: readonly string[]): SubsetSelectorPlan | undefined {
  const text = keys.join('\0')
  return plan.selectors.find(selector => selector.keys.join('\0') === text)
}
