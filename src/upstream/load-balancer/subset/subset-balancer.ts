// HOT FILE (docs/hot-path.md): a balancer per subset of hosts; the route's metadata says which.
import { atOnce, type Steps } from '../../../base/index.ts'
import type { SubsetPlan } from '../../balancer-plan.ts'
import type { Host } from '../../host.ts'
import { filterHostSet, type HostSet, type LocalityHosts } from '../../host-set/host-set.ts'
import { CLUSTER_SLOTS as C } from '../../stats.ts'
import type { BalancerParts } from '../balancer-parts.ts'
import type { LoadBalancer, LoadBalancerContext } from '../load-balancer.ts'
import { countSubsets } from './count-subsets.ts'
import { indexSubsets, matchesMetadata, type SubsetMembers } from './subset-index.ts'
import { type SubsetLookup, subsetLookup } from './subset-lookup.ts'

/** Names of the subsets that no selector makes; keys of the others begin with a quotation mark. */
const ANY = 'any'
const BY_DEFAULT = 'default'

/** Makes the balancer of the wrapped policy. */
export type MakeChild = (set: HostSet) => LoadBalancer

class OneHost implements LoadBalancer {
  private readonly host: Host | null

  constructor(host: Host | null) {
    this.host = host
  }

  chooseHost(): Host | null {
    return this.host
  }

  *prepare(): Steps {}
}

/** Hosts of one subset; its balancer is made at its first use. */
class Subset {
  private readonly set: HostSet
  private readonly members: () => SubsetMembers
  private readonly plan: SubsetPlan
  private readonly make: MakeChild
  private balancer: LoadBalancer | null = null

  /** `members` is asked at the first use. */
  constructor(set: HostSet, members: () => SubsetMembers, plan: SubsetPlan, make: MakeChild) {
    this.set = set
    this.members = members
    this.plan = plan
    this.make = make
  }

  chooseHost(context: LoadBalancerContext | null): Host | null {
    return (this.balancer ??= this.makeBalancer()).chooseHost(context)
  }

  *prepare(): Steps {
    this.balancer ??= this.makeBalancer()
    yield
    yield* this.balancer.prepare()
  }

  get used(): boolean {
    return this.balancer !== null
  }

  private makeBalancer(): LoadBalancer {
    const { hosts, single } = this.members()
    const [only] = hosts
    // A single host is taken whatever its health: who asks for it means this one.
    if (single) return new OneHost(only ?? null)
    const { plan } = this
    const weightOf = (locality: LocalityHosts, left: number): number => localityWeight(plan, locality, left)
    return this.make(filterHostSet(this.set, hosts, plan.localityWeightAware ? weightOf : null))
  }
}

function localityWeight(plan: SubsetPlan, { weight, hosts }: LocalityHosts, left: number): number {
  if (!plan.scaleLocalityWeight) return weight
  return hosts.length === 0 ? 0 : Math.round((weight * left) / hosts.length)
}

export class SubsetBalancer implements LoadBalancer {
  private readonly plan: SubsetPlan
  private readonly cells: Float64Array
  private readonly set: HostSet
  private readonly all: readonly Host[]
  private readonly make: MakeChild
  private readonly parts: BalancerParts
  /** Null until prepared. */
  private bySubset: ReadonlyMap<string, Subset> | null = null
  private readonly any: Subset
  private readonly byDefault: Subset
  /** By the metadata of routes, which are few and live as long as their route. */
  private readonly lookups = new WeakMap<object, SubsetLookup>()

  constructor(set: HostSet, plan: SubsetPlan, make: MakeChild, parts: BalancerParts) {
    const all = set.priorities.flatMap(({ hosts }) => hosts)
    this.plan = plan
    this.cells = parts.stats.cells
    this.set = set
    this.all = all
    this.make = make
    this.parts = parts
    const matches = (host: Host): boolean => matchesMetadata(host, plan.defaultSubset, plan.listAsAny)
    this.any = this.subset(() => ({ hosts: new Set(all), single: false }))
    this.byDefault = this.subset(() => ({ hosts: new Set(all.filter(matches)), single: false }))
  }

  private subset(members: () => SubsetMembers): Subset {
    return new Subset(this.set, members, this.plan, this.make)
  }

  /** The subsets that requests have asked for are made ready with it. */
  *prepare(): Steps {
    const { memory } = this.parts
    const wanted = [...memory.usedSubsets()]
    const subsets = (this.bySubset ??= yield* this.build())
    for (const key of wanted) {
      const subset = key === ANY ? this.any : key === BY_DEFAULT ? this.byDefault : subsets.get(key)
      if (subset !== undefined) yield* subset.prepare()
    }
  }

  private *build(): Steps<ReadonlyMap<string, Subset>> {
    const { parts, plan } = this
    const index = yield* indexSubsets(this.all, plan, parts.memory.subsetKeys)
    const subsets = new Map([...index.subsets].map(([key, members]) => [key, this.subset(() => members)]))
    countSubsets(parts, new Set(subsets.keys()))
    if (plan.selectors.some(({ singleHostPerSubset }) => singleHostPerSubset)) {
      const gauge = parts.thread.stats.gauge(`${parts.stats.prefix}lb_subsets_single_host_per_subset_duplicate`)
      if (parts.thread.workerIndex <= 0) gauge.cells[gauge.slot] = index.duplicates
    }
    parts.memory.usedSubsets = () => this.used()
    return subsets
  }

  private *used(): Iterable<string> {
    if (this.any.used) yield ANY
    if (this.byDefault.used) yield BY_DEFAULT
    for (const [key, subset] of this.bySubset ?? []) if (subset.used) yield key
  }

  chooseHost(context: LoadBalancerContext | null): Host | null {
    this.bySubset ??= atOnce(this.build())
    const match = context === null ? null : context.metadataMatch
    return match === null ? this.fallBack(context) : this.choose(this.lookup(match), context)
  }

  private lookup(match: object): SubsetLookup {
    let known = this.lookups.get(match)
    if (known === undefined) {
      known = subsetLookup(match, this.plan, key => this.bySubset?.has(key) === true)
      this.lookups.set(match, known)
    }
    return known
  }

  private choose(lookup: SubsetLookup, context: LoadBalancerContext | null): Host | null {
    if (lookup.alternatives !== null) return this.firstOf(lookup.alternatives, context)
    if (lookup.subset !== null) {
      this.cells[C.lb_subsets_selected]! += 1
      return this.bySubset?.get(lookup.subset)?.chooseHost(context) ?? null
    }
    if (lookup.fewerKeys !== null) return this.choose(lookup.fewerKeys, context)
    switch (lookup.fallback) {
      case 'cluster':
        return this.fallBack(context)
      case 'any':
        return this.any.chooseHost(context)
      case 'default':
        return this.byDefault.chooseHost(context)
      default:
        return null
    }
  }

  private firstOf(lookups: readonly SubsetLookup[], context: LoadBalancerContext | null): Host | null {
    for (const lookup of lookups) {
      const host = this.choose(lookup, context)
      if (host !== null) return host
    }
    return null
  }

  /** The cluster's own fallback. */
  private fallBack(context: LoadBalancerContext | null): Host | null {
    const { fallback, panicModeAny } = this.plan
    if (fallback === 'NO_FALLBACK') return null
    const host = (fallback === 'ANY_ENDPOINT' ? this.any : this.byDefault).chooseHost(context)
    if (host !== null) {
      this.cells[C.lb_subsets_fallback]! += 1
      return host
    }
    const last = panicModeAny ? this.any.chooseHost(context) : null
    if (last !== null) this.cells[C.lb_subsets_fallback_panic]! += 1
    return last
  }
}
