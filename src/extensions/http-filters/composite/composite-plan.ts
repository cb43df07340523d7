import type { MatcherJson as OldMatcherJson } from '#api/envoy/config/common/matcher/v3/matcher_pb.ts'
import type { CompositeJson } from '#api/envoy/extensions/filters/http/composite/v3/composite_pb.ts'
import type { MatcherJson } from '#api/xds/type/matcher/v3/matcher_pb.ts'
import type { CompileContext, ConfigPath } from '../../../config/index.ts'
import type { HttpFilter, HttpFilterPlan } from '../../../http/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import type { StatBlock } from '../../../observability/index.ts'
import { compileChain, ExecuteAction, type NamedChains } from './actions.ts'
import { COMPOSITE_STATS, CompositePlace, Delegation } from './composite.ts'
import { compileFilterTree, type FilterTree } from './match-tree.ts'

export const COMPOSITE = 'envoy.filters.http.composite'

export class CompositePlan implements HttpFilterPlan {
  /** Of the extension that stands in the chain: routes have settings for that one. */
  readonly name: string
  readonly terminal = false
  private readonly tree: FilterTree | null
  private stats!: StatBlock

  constructor(name: string, tree: FilterTree | null) {
    this.name = name
    this.tree = tree
  }

  start(thread: ThreadContext, statPrefix: string): void {
    this.stats = thread.stats.block(`${statPrefix}composite.`, COMPOSITE_STATS)
    for (const action of this.tree?.actions ?? []) {
      if (action instanceof ExecuteAction) action.filters.plansFor(thread, statPrefix)
    }
  }

  create(): HttpFilter {
    return new CompositePlace(new Delegation(this.stats))
  }

  createBehind(first: HttpFilter): readonly HttpFilter[] {
    return (first as CompositePlace).settle(this.tree)
  }
}

/** `matcher`: of an ExtensionWithMatcher around it; it counts before the composite's own. */
export function compileComposite(
  name: string,
  { namedFilterChains = {}, matcher: own }: CompositeJson,
  matcher: MatcherJson | OldMatcherJson | undefined,
  context: CompileContext,
  path: ConfigPath,
  matcherPath: ConfigPath,
): CompositePlan {
  const at = path.field('named_filter_chains')
  const chains: NamedChains = new Map(
    Object.entries(namedFilterChains).map(([name, chain]) => [name, compileChain(chain, context, at.key(name))]),
  )
  const json = matcher ?? own
  if (json === undefined) return new CompositePlan(name, null)
  const treePath = matcher === undefined ? path.field('matcher') : matcherPath
  return new CompositePlan(name, compileFilterTree(json, chains, context, treePath))
}
