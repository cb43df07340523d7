// Listener.filter_chain_matcher: a tree whose leaves name filter chains.
import type { FilterChainJson } from '#api/envoy/config/listener/v3/listener_components_pb.ts'
import type { MatcherJson } from '#api/xds/type/matcher/v3/matcher_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport, nearestName, typeName } from '../config/index.ts'
import { type MatcherTree, NETWORK_INPUTS, type NetworkSubject, networkInput, TreeCompiler } from '../net/index.ts'

const NAME = 'google.protobuf.StringValue'
declareSupport(NAME, { supported: ['value'] })

/** Finds the index of a filter chain. */
export type FilterChainTree = MatcherTree<NetworkSubject, number>

export function compileFilterChainTree(
  matcher: MatcherJson,
  chains: readonly FilterChainJson[],
  context: CompileContext,
  path: ConfigPath,
): FilterChainTree {
  const names = chains.map(({ name = '' }) => name)
  checkChains(chains, context, path.field('filter_chains'))
  const parts = {
    input: networkInput,
    inputNames: NETWORK_INPUTS,
    action: ({ typedConfig }: { readonly typedConfig?: unknown }, at: ConfigPath): number | undefined => {
      const config = (typedConfig ?? {}) as { readonly '@type'?: string; readonly value?: string }
      const where = at.field('typed_config')
      if (typeName(config) !== NAME) {
        context.diagnostics.error(where, 'does not name a filter chain', { expected: NAME, found: typeName(config) })
        return undefined
      }
      const name = config.value ?? ''
      const index = name === '' ? -1 : names.indexOf(name)
      if (index >= 0) return index
      const suggestion = nearestName(
        name,
        names.filter(each => each !== ''),
      )
      context.diagnostics.error(where.field('value'), `no filter chain of filter_chains is named '${name}'`, {
        ...(suggestion === undefined ? {} : { suggestion }),
      })
      return undefined
    },
  }
  return new TreeCompiler<NetworkSubject, number>(parts, context).compile(matcher, path.field('filter_chain_matcher'))
}

function checkChains(chains: readonly FilterChainJson[], { diagnostics }: CompileContext, path: ConfigPath): void {
  chains.forEach(({ name = '', filterChainMatch }, i) => {
    if (name === '') diagnostics.error(path.index(i).field('name'), 'filter_chain_matcher finds filter chains by name')
    if (filterChainMatch === undefined) return
    diagnostics.warn(path.index(i).field('filter_chain_match'), 'has no effect: filter_chain_matcher decides', {
      code: 'no-effect',
    })
  })
}
