import type {
  ExtensionWithMatcherJson,
  ExtensionWithMatcherPerRouteJson,
} from '#api/envoy/extensions/common/matching/v3/extension_matcher_pb.ts'
import type {
  CompositeJson,
  CompositePerRouteJson,
} from '#api/envoy/extensions/filters/http/composite/v3/composite_pb.ts'
import type { MatcherJson } from '#api/xds/type/matcher/v3/matcher_pb.ts'
import {
  type CompileContext,
  type ConfigPath,
  declareSupport,
  type ExtensionFactory,
  typeName,
} from '../../../config/index.ts'
import { type HttpFilterPlan, PER_ROUTE_CATEGORY } from '../../../http/index.ts'
import { COMPOSITE, compileComposite } from './composite-plan.ts'
import { compileDelegated } from './delegated-filters.ts'
import { MatchDelegate } from './match-delegate.ts'
import { compileFilterTree, RouteTree } from './match-tree.ts'

const API = 'envoy.extensions.filters.http.composite.v3'
const MATCHING = 'envoy.extensions.common.matching.v3'
const MATCH_DELEGATE = 'envoy.filters.http.match_delegate'
const OLD = 'envoy.config.common.matcher.v3.Matcher'

declareSupport(`${API}.Composite`, { supported: ['named_filter_chains', 'matcher'] })
declareSupport(`${API}.CompositePerRoute`, { supported: ['matcher'] })
declareSupport(`${MATCHING}.ExtensionWithMatcher`, { supported: ['matcher', 'xds_matcher', 'extension_config'] })
declareSupport(`${MATCHING}.ExtensionWithMatcherPerRoute`, { supported: ['xds_matcher'] })
declareSupport(OLD, { supported: ['matcher_list', 'matcher_tree', 'on_no_match'] })
declareSupport(`${OLD}.OnMatch`, {
  supported: ['matcher', 'action'],
  refused: { keep_matching: 'the first match decides, as only one can for a filter; leave it out' },
})
declareSupport(`${OLD}.MatcherList`, { supported: ['matchers'] })
declareSupport(`${OLD}.MatcherList.FieldMatcher`, { supported: ['predicate', 'on_match'] })
declareSupport(`${OLD}.MatcherList.Predicate`, {
  supported: ['single_predicate', 'or_matcher', 'and_matcher', 'not_matcher'],
})
declareSupport(`${OLD}.MatcherList.Predicate.SinglePredicate`, { supported: ['input', 'value_match', 'custom_match'] })
declareSupport(`${OLD}.MatcherList.Predicate.PredicateList`, { supported: ['predicate'] })
declareSupport(`${OLD}.MatcherTree`, { supported: ['input', 'exact_match_map', 'prefix_match_map', 'custom_match'] })
declareSupport(`${OLD}.MatcherTree.MatchMap`, { supported: ['map'] })

/** envoy.filters.http.composite */
export const compositeFactory: ExtensionFactory<HttpFilterPlan> = {
  name: COMPOSITE,
  category: 'envoy.filters.http',
  typeNames: [`${API}.Composite`],
  compile: (config, context, path) =>
    compileComposite(COMPOSITE, config as CompositeJson, undefined, context, path, path),
}

export const compositePerRouteFactory: ExtensionFactory<RouteTree> = {
  name: COMPOSITE,
  category: PER_ROUTE_CATEGORY,
  typeNames: [`${API}.CompositePerRoute`],
  compile: (config, context, path) =>
    compileRouteTree((config as CompositePerRouteJson).matcher, context, path.field('matcher')),
}

/** envoy.filters.http.match_delegate */
export const matchDelegateFactory: ExtensionFactory<HttpFilterPlan> = {
  name: MATCH_DELEGATE,
  category: 'envoy.filters.http',
  typeNames: [`${MATCHING}.ExtensionWithMatcher`],
  compile: (config, context, path) => compileMatchDelegate(config as ExtensionWithMatcherJson, context, path),
}

export const matchDelegatePerRouteFactory: ExtensionFactory<RouteTree> = {
  name: MATCH_DELEGATE,
  category: PER_ROUTE_CATEGORY,
  typeNames: [`${MATCHING}.ExtensionWithMatcherPerRoute`],
  compile: (config, context, path) =>
    compileRouteTree((config as ExtensionWithMatcherPerRouteJson).xdsMatcher, context, path.field('xds_matcher')),
}

function compileRouteTree(json: MatcherJson | undefined, context: CompileContext, path: ConfigPath): RouteTree {
  return new RouteTree(compileFilterTree(json ?? {}, null, context, path))
}

function compileMatchDelegate(
  { matcher: old, xdsMatcher, extensionConfig = {} }: ExtensionWithMatcherJson,
  context: CompileContext,
  path: ConfigPath,
): HttpFilterPlan {
  const json = xdsMatcher ?? old
  const treePath = path.field(xdsMatcher === undefined ? 'matcher' : 'xds_matcher')
  const at = path.field('extension_config')
  const inner = (extensionConfig.typedConfig ?? {}) as { '@type'?: string }
  if (typeName(inner) === `${API}.Composite`) {
    return compileComposite(MATCH_DELEGATE, inner as CompositeJson, json, context, at.field('typed_config'), treePath)
  }
  const tree = json === undefined ? null : compileFilterTree(json, null, context, treePath)
  const plan = compileDelegated(extensionConfig, context, at)
  return {
    name: MATCH_DELEGATE,
    terminal: false,
    start: (thread, statPrefix) => plan?.start?.(thread, statPrefix),
    create: () => new MatchDelegate(plan as HttpFilterPlan),
    createBehind: first => (first as MatchDelegate).settle(tree),
  }
}
