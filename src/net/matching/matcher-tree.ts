// xds.type.matcher.v3.Matcher: an action is found by asking conditions in turn, or by looking a value up.
import './support.ts'
import type { TypedExtensionConfigJson } from '#api/xds/core/v3/extension_pb.ts'
import type { ServerNameMatcherJson } from '#api/xds/type/matcher/v3/domain_pb.ts'
import type { IPMatcherJson } from '#api/xds/type/matcher/v3/ip_pb.ts'
import type {
  Matcher_MatcherListJson as ListJson,
  MatcherJson,
  Matcher_OnMatchJson as OnMatchJson,
  Matcher_MatcherTreeJson as TreeJson,
} from '#api/xds/type/matcher/v3/matcher_pb.ts'
import { type CompileContext, type ConfigPath, typeName } from '../../config/index.ts'
import { IpRanges } from './ip-ranges.ts'
import { ExactMap, PrefixMap } from './maps.ts'
import { compilePredicate, type Predicate } from './predicate.ts'
import { ServerNames } from './server-names.ts'

/** A value of the subject; null: it has none. Text, but for structured metadata. */
export type MatchInput<Subject> = (subject: Subject) => unknown

/** What the owner of a tree brings: what can be looked at, and what can be found. */
export interface TreeParts<Subject, Found> {
  /** Undefined for a type that is not offered here. */
  input(typeName: string, config: object): MatchInput<Subject> | undefined
  /** The types of `input`, for diagnostics. */
  readonly inputNames: readonly string[]
  /** Undefined after a diagnostic. */
  action(config: TypedExtensionConfigJson, path: ConfigPath): Found | undefined
}

export interface MatcherTree<Subject, Found> {
  find(subject: Subject): Found | null
}

/** A step that found nothing lets what stands behind it be asked. */
type Step<Subject, Found> = (subject: Subject) => Found | null

const nothing = (): null => null

class Tree<Subject, Found> implements MatcherTree<Subject, Found> {
  private readonly first: Step<Subject, Found>
  private readonly otherwise: Step<Subject, Found>

  constructor(first: Step<Subject, Found>, otherwise: Step<Subject, Found>) {
    this.first = first
    this.otherwise = otherwise
  }

  find(subject: Subject): Found | null {
    return this.first(subject) ?? this.otherwise(subject)
  }
}

export class TreeCompiler<Subject, Found> {
  private readonly parts: TreeParts<Subject, Found>
  private readonly context: CompileContext

  constructor(parts: TreeParts<Subject, Found>, context: CompileContext) {
    this.parts = parts
    this.context = context
  }

  compile(matcher: MatcherJson, path: ConfigPath): MatcherTree<Subject, Found> {
    const { matcherList, matcherTree, onNoMatch } = matcher
    const otherwise = onNoMatch === undefined ? nothing : this.onMatch(onNoMatch, path.field('on_no_match'))
    if (matcherList !== undefined) return new Tree(this.list(matcherList, path.field('matcher_list')), otherwise)
    if (matcherTree !== undefined) return new Tree(this.tree(matcherTree, path.field('matcher_tree')), otherwise)
    return new Tree(nothing, otherwise)
  }

  private onMatch(json: OnMatchJson, path: ConfigPath): Step<Subject, Found> {
    if (json.matcher !== undefined) {
      const tree = this.compile(json.matcher, path.field('matcher'))
      return subject => tree.find(subject)
    }
    const found = json.action === undefined ? undefined : this.parts.action(json.action, path.field('action'))
    return found === undefined ? nothing : () => found
  }

  private list({ matchers = [] }: ListJson, path: ConfigPath): Step<Subject, Found> {
    const at = path.field('matchers')
    const input = (config: TypedExtensionConfigJson, where: ConfigPath) => this.input(config, where)
    const entries: { readonly holds: Predicate<Subject>; readonly step: Step<Subject, Found> }[] = []
    for (const [i, { predicate = {}, onMatch = {} }] of matchers.entries()) {
      entries.push({
        holds: compilePredicate(predicate, input, this.context, at.index(i).field('predicate')),
        step: this.onMatch(onMatch, at.index(i).field('on_match')),
      })
    }
    return subject => {
      for (const { holds, step } of entries) {
        const found = holds(subject) ? step(subject) : null
        if (found !== null) return found
      }
      return null
    }
  }

  private tree(json: TreeJson, path: ConfigPath): Step<Subject, Found> {
    const input = this.input(json.input, path.field('input'))
    const map = json.exactMatchMap ?? json.prefixMatchMap
    if (map !== undefined) {
      const at = path.field(json.exactMatchMap === undefined ? 'prefix_match_map' : 'exact_match_map').field('map')
      const steps = Object.entries(map.map ?? {}).map(
        ([key, onMatch]) => [key, this.onMatch(onMatch, at.key(key))] as const,
      )
      const values = json.exactMatchMap === undefined ? new PrefixMap(steps) : new ExactMap(steps)
      return subject => values.find(input(subject), step => step(subject))
    }
    return this.custom(json.customMatch, input, path.field('custom_match'))
  }

  private custom(
    json: TypedExtensionConfigJson | undefined,
    input: MatchInput<Subject>,
    path: ConfigPath,
  ): Step<Subject, Found> {
    const config = (json?.typedConfig ?? {}) as { '@type'?: string }
    const at = path.field('typed_config')
    const onMatch = (on: OnMatchJson | undefined, where: ConfigPath) => this.onMatch(on ?? {}, where)
    switch (typeName(config)) {
      case 'xds.type.matcher.v3.IPMatcher': {
        const ranges = IpRanges.compile(config as IPMatcherJson, onMatch, this.context, at)
        return subject => ranges.find(input(subject), step => step(subject))
      }
      case 'xds.type.matcher.v3.ServerNameMatcher': {
        const names = ServerNames.compile(config as ServerNameMatcherJson, onMatch, at)
        return subject => names.find(input(subject), step => step(subject))
      }
    }
    this.context.diagnostics.error(at, `no such matcher: ${typeName(config)}`, {
      expected: 'xds.type.matcher.v3.IPMatcher or xds.type.matcher.v3.ServerNameMatcher',
      code: 'unknown-extension',
    })
    return nothing
  }

  private input(json: TypedExtensionConfigJson | undefined, path: ConfigPath): MatchInput<Subject> {
    const config = (json?.typedConfig ?? {}) as { '@type'?: string }
    const input = this.parts.input(typeName(config), config)
    if (input !== undefined) return input
    this.context.diagnostics.error(path.field('typed_config'), `${typeName(config)} cannot be looked at here`, {
      expected: `one of ${this.parts.inputNames.join(', ')}`,
      code: 'unknown-extension',
    })
    return nothing
  }
}
