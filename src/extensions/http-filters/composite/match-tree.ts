// Matcher trees that decide about filters.
import type { MatcherJson as OldMatcherJson } from '#api/envoy/config/common/matcher/v3/matcher_pb.ts'
import type { MatcherJson } from '#api/xds/type/matcher/v3/matcher_pb.ts'
import type { CompileContext, ConfigPath, TypedConfig } from '../../../config/index.ts'
import { EXCHANGE_INPUTS, exchangeInput, isKnownWithRequest, type MatchingData } from '../../../http/index.ts'
import { type MatcherTree, TreeCompiler } from '../../../net/index.ts'
import { compileAction, type FilterAction, type NamedChains } from './actions.ts'

/** A tree and what is known of it. */
export interface FilterTree {
  readonly tree: MatcherTree<MatchingData, FilterAction>
  /** The request's headers are enough for it. */
  readonly ofRequest: boolean
  readonly actions: readonly FilterAction[]
}

export function compileFilterTree(
  json: MatcherJson | OldMatcherJson,
  chains: NamedChains | null,
  context: CompileContext,
  path: ConfigPath,
): FilterTree {
  let ofRequest = true
  const actions: FilterAction[] = []
  const parts = {
    input: (type: string, config: object) => {
      if (!isKnownWithRequest(type)) ofRequest = false
      return exchangeInput(type, config)
    },
    inputNames: EXCHANGE_INPUTS,
    action: (config: object, at: ConfigPath) => {
      const action = compileAction(config as TypedConfig, chains, context, at)
      if (action !== undefined) actions.push(action)
      return action
    },
  }
  // Both messages say the same in the same words.
  const tree = new TreeCompiler<MatchingData, FilterAction>(parts, context).compile(json as MatcherJson, path)
  return Object.freeze({ tree, ofRequest, actions })
}

/** What a route says in place of the filter's own tree. */
export class RouteTree {
  readonly tree: FilterTree

  constructor(tree: FilterTree) {
    this.tree = tree
  }
}
