// Predicates of a matcher list: one value compared, and, or, not.
import type { TypedExtensionConfigJson } from '#api/xds/core/v3/extension_pb.ts'
import type {
  Matcher_MatcherList_PredicateJson as PredicateJson,
  Matcher_MatcherList_Predicate_PredicateListJson as PredicateListJson,
  Matcher_MatcherList_Predicate_SinglePredicateJson as SingleJson,
} from '#api/xds/type/matcher/v3/matcher_pb.ts'
import { type CompileContext, type ConfigPath, compileStringMatcher } from '../../config/index.ts'
import { compileValueMatch } from './value-match.ts'

export type Predicate<Subject> = (subject: Subject) => boolean

type CompileInput<Subject> = (json: TypedExtensionConfigJson, path: ConfigPath) => (subject: Subject) => unknown

export function compilePredicate<Subject>(
  json: PredicateJson,
  input: CompileInput<Subject>,
  context: CompileContext,
  path: ConfigPath,
): Predicate<Subject> {
  const all = ({ predicate = [] }: PredicateListJson, at: ConfigPath): readonly Predicate<Subject>[] =>
    predicate.map((each, i) => compilePredicate(each, input, context, at.field('predicate').index(i)))
  if (json.orMatcher !== undefined) {
    const some = all(json.orMatcher, path.field('or_matcher'))
    return subject => some.some(holds => holds(subject))
  }
  if (json.andMatcher !== undefined) {
    const every = all(json.andMatcher, path.field('and_matcher'))
    return subject => every.every(holds => holds(subject))
  }
  if (json.notMatcher !== undefined) {
    const holds = compilePredicate(json.notMatcher, input, context, path.field('not_matcher'))
    return subject => !holds(subject)
  }
  return single(json.singlePredicate ?? {}, input, context, path.field('single_predicate'))
}

function single<Subject>(
  json: SingleJson,
  compileInput: CompileInput<Subject>,
  context: CompileContext,
  path: ConfigPath,
): Predicate<Subject> {
  const input = compileInput(json.input ?? {}, path.field('input'))
  if (json.valueMatch !== undefined) {
    const matches = compileStringMatcher(json.valueMatch, context, path.field('value_match'))
    return subject => {
      const value = input(subject)
      return typeof value === 'string' && matches(value)
    }
  }
  const matches = compileValueMatch(json.customMatch ?? {}, context, path.field('custom_match'))
  return subject => matches(input(subject))
}
