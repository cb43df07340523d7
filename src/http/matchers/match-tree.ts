// xds.type.matcher.v3.Matcher: which of several actions a request or response gets.

import type { StringMatcherJson } from '#api/envoy/type/matcher/v3/string_pb.ts'
import type {
  MatcherJson,
  Matcher_MatcherTree_MatchMapJson as MatchMapJson,
  Matcher_OnMatchJson as OnMatchJson,
  Matcher_MatcherList_PredicateJson as PredicateJson,
} from '#api/xds/type/matcher/v3/matcher_pb.ts'
import { toWireText } from '../../base/index.ts'
import {
  type CompileContext,
  type ConfigPath,
  compileStringMatcher,
  declareSupport,
  type TypedConfig,
} from '../../config/index.ts'
import { compileMatchInput, type MatchFacts, type MatchInput } from './match-input.ts'

export type { MatchFacts } from './match-input.ts'

const API = 'xds.type.matcher.v3'
const NO_CUSTOM = 'custom matchers are not part of this release; use value_match'

declareSupport(`${API}.Matcher`, { supported: ['matcher_list', 'matcher_tree', 'on_no_match'] })
declareSupport(`${API}.Matcher.OnMatch`, { supported: ['matcher', 'action'] })
declareSupport(`${API}.Matcher.MatcherList`, { supported: ['matchers'] })
declareSupport(`${API}.Matcher.MatcherList.FieldMatcher`, { supported: ['predicate', 'on_match'] })
declareSupport(`${API}.Matcher.MatcherList.Predicate`, {
  supported: ['single_predicate', 'or_matcher', 'and_matcher', 'not_matcher'],
})
declareSupport(`${API}.Matcher.MatcherList.Predicate.PredicateList`, { supported: ['predicate'] })
declareSupport(`${API}.Matcher.MatcherList.Predicate.SinglePredicate`, {
  supported: ['input', 'value_match'],
  refused: { custom_match: NO_CUSTOM },
})
declareSupport(`${API}.Matcher.MatcherTree`, {
  supported: ['input', 'exact_match_map', 'prefix_match_map'],
  refused: { custom_match: NO_CUSTOM },
})
declareSupport(`${API}.Matcher.MatcherTree.MatchMap`, { supported: ['map'] })
declareSupport(`${API}.StringMatcher`, {
  supported: ['exact', 'prefix', 'suffix', 'safe_regex', 'contains', 'ignore_case'],
})
declareSupport(`${API}.RegexMatcher`, { supported: ['google_re2', 'regex'] })
declareSupport(`${API}.RegexMatcher.GoogleRE2`, { supported: [] })
declareSupport('xds.core.v3.TypedExtensionConfig', { supported: ['name', 'typed_config'] })

/** Null: nothing matches. */
export type MatchTree<A> = (facts: MatchFacts) => A | null

type CompileAction<A> = (action: TypedConfig, path: ConfigPath) => A | null
type Predicate = (facts: MatchFacts) => boolean

const NOTHING = (): null => null
const NEVER = (): boolean => false

class Compiler<A> {
  private readonly action: CompileAction<A>
  private readonly context: CompileContext

  constructor(action: CompileAction<A>, context: CompileContext) {
    this.action = action
    this.context = context
  }

  matcher(json: MatcherJson, path: ConfigPath): MatchTree<A> {
    const otherwise = json.onNoMatch === undefined ? NOTHING : this.onMatch(json.onNoMatch, path.field('on_no_match'))
    const found =
      json.matcherTree === undefined
        ? this.list(json, path.field('matcher_list'))
        : this.tree(json, path.field('matcher_tree'))
    return facts => found(facts) ?? otherwise(facts)
  }

  private onMatch({ matcher, action }: OnMatchJson, path: ConfigPath): MatchTree<A> {
    if (matcher !== undefined) return this.matcher(matcher, path.field('matcher'))
    const compiled = this.action((action ?? {}) as TypedConfig, path.field('action'))
    return () => compiled
  }

  private list({ matcherList }: MatcherJson, path: ConfigPath): MatchTree<A> {
    const fields = (matcherList?.matchers ?? []).map((json, i) => {
      const at = path.field('matchers').index(i)
      const matches = this.predicate(json.predicate ?? {}, at.field('predicate'))
      const then = this.onMatch(json.onMatch ?? {}, at.field('on_match'))
      return { matches, then }
    })
    return facts => {
      for (const { matches, then } of fields) {
        const found = matches(facts) ? then(facts) : null
        if (found !== null) return found
      }
      return null
    }
  }

  private predicate(json: PredicateJson, path: ConfigPath): Predicate {
    const several = (list: readonly PredicateJson[] | undefined, field: string): readonly Predicate[] =>
      (list ?? []).map((one, i) => this.predicate(one, path.field(field).field('predicate').index(i)))
    if (json.orMatcher !== undefined) {
      const rules = several(json.orMatcher.predicate, 'or_matcher')
      return facts => rules.some(rule => rule(facts))
    }
    if (json.andMatcher !== undefined) {
      const rules = several(json.andMatcher.predicate, 'and_matcher')
      return facts => rules.every(rule => rule(facts))
    }
    if (json.notMatcher !== undefined) {
      const rule = this.predicate(json.notMatcher, path.field('not_matcher'))
      return facts => !rule(facts)
    }
    const { input, valueMatch } = json.singlePredicate ?? {}
    const at = path.field('single_predicate')
    const read = compileMatchInput(input as TypedConfig | undefined, this.context, at.field('input'))
    // The two messages are alike.
    const matcher = (valueMatch ?? {}) as StringMatcherJson
    const fits = compileStringMatcher(matcher, this.context, at.field('value_match'))
    if (read === undefined) return NEVER
    return facts => {
      const value = read(facts)
      return value !== null && fits(value)
    }
  }

  private tree({ matcherTree }: MatcherJson, path: ConfigPath): MatchTree<A> {
    const { input, exactMatchMap, prefixMatchMap } = matcherTree ?? {}
    const read = compileMatchInput(input as TypedConfig | undefined, this.context, path.field('input'))
    if (read === undefined) return NOTHING
    if (exactMatchMap !== undefined) return exact(read, this.map(exactMatchMap, path.field('exact_match_map')))
    return longestPrefix(read, this.map(prefixMatchMap ?? {}, path.field('prefix_match_map')))
  }

  private map({ map = {} }: MatchMapJson, path: ConfigPath): ReadonlyMap<string, MatchTree<A>> {
    const entries = Object.entries(map).map(
      ([key, json]) => [toWireText(key), this.onMatch(json, path.field('map').field(key))] as const,
    )
    return new Map(entries)
  }
}

function exact<A>(read: MatchInput, map: ReadonlyMap<string, MatchTree<A>>): MatchTree<A> {
  return facts => {
    const value = read(facts)
    return (value === null ? undefined : map.get(value))?.(facts) ?? null
  }
}

function longestPrefix<A>(read: MatchInput, map: ReadonlyMap<string, MatchTree<A>>): MatchTree<A> {
  const prefixes = [...map].sort(([a], [b]) => b.length - a.length)
  return facts => {
    const value = read(facts)
    const found = value === null ? undefined : prefixes.find(([prefix]) => value.startsWith(prefix))
    return found?.[1](facts) ?? null
  }
}

/** `action` compiles what an OnMatch names; null after a diagnostic. */
export function compileMatchTree<A>(
  json: MatcherJson,
  action: CompileAction<A>,
  context: CompileContext,
  path: ConfigPath,
): MatchTree<A> {
  return new Compiler(action, context).matcher(json, path)
}
