// type.matcher.v3.ValueMatcher and MetadataMatcher: predicates over JSON values, as metadata holds them.
import type { MetadataMatcherJson } from '#api/envoy/type/matcher/v3/metadata_pb.ts'
import type { DoubleMatcherJson } from '#api/envoy/type/matcher/v3/number_pb.ts'
import type { ValueMatcherJson } from '#api/envoy/type/matcher/v3/value_pb.ts'
import type { CompileContext } from '../compile-context.ts'
import type { ConfigPath } from '../config-path.ts'
import { declareSupport } from '../support.ts'
import { compileStringMatcher } from './string-matcher.ts'

declareSupport('envoy.type.matcher.v3.ValueMatcher', {
  supported: ['null_match', 'double_match', 'string_match', 'bool_match', 'present_match', 'list_match', 'or_match'],
})
declareSupport('envoy.type.matcher.v3.ValueMatcher.NullMatch', { supported: [] })
declareSupport('envoy.type.matcher.v3.DoubleMatcher', { supported: ['range', 'exact'] })
declareSupport('envoy.type.v3.DoubleRange', { supported: ['start', 'end'] })
declareSupport('envoy.type.matcher.v3.ListMatcher', { supported: ['one_of'] })
declareSupport('envoy.type.matcher.v3.OrMatcher', { supported: ['value_matchers'] })
declareSupport('envoy.type.matcher.v3.MetadataMatcher', { supported: ['filter', 'path', 'value', 'invert'] })
declareSupport('envoy.type.matcher.v3.MetadataMatcher.PathSegment', { supported: ['key'] })

/** `undefined` stands for a value that is not set. */
export type ValuePredicate = (value: unknown) => boolean

export function compileValueMatcher(
  matcher: ValueMatcherJson,
  context: CompileContext,
  path: ConfigPath,
): ValuePredicate {
  if (matcher.nullMatch !== undefined) return value => value === null
  if (matcher.doubleMatch !== undefined) return doublePredicate(matcher.doubleMatch)
  if (matcher.boolMatch !== undefined) {
    const wanted = matcher.boolMatch
    return value => value === wanted
  }
  if (matcher.presentMatch !== undefined) {
    const wanted = matcher.presentMatch
    return value => (value !== undefined) === wanted
  }
  if (matcher.stringMatch !== undefined) {
    const predicate = compileStringMatcher(matcher.stringMatch, context, path.field('string_match'))
    return value => typeof value === 'string' && predicate(value)
  }
  if (matcher.listMatch !== undefined) {
    const oneOf = compileValueMatcher(matcher.listMatch.oneOf ?? {}, context, path.field('list_match').field('one_of'))
    return value => Array.isArray(value) && value.some(oneOf)
  }
  const at = path.field('or_match').field('value_matchers')
  const some = (matcher.orMatch?.valueMatchers ?? []).map((m, i) => compileValueMatcher(m, context, at.index(i)))
  return value => some.some(predicate => predicate(value))
}

function doublePredicate(matcher: DoubleMatcherJson): ValuePredicate {
  const { range } = matcher
  if (range === undefined) {
    const exact = Number(matcher.exact ?? 0)
    return value => value === exact
  }
  const start = Number(range.start ?? 0)
  const end = Number(range.end ?? 0)
  return value => typeof value === 'number' && value >= start && value < end
}

/** `metadata`: namespace -> fields, as dynamic metadata and filter_metadata hold them. */
export type MetadataPredicate = (metadata: ReadonlyMap<string, Readonly<Record<string, unknown>>> | null) => boolean

export function compileMetadataMatcher(
  matcher: MetadataMatcherJson,
  context: CompileContext,
  path: ConfigPath,
): MetadataPredicate {
  const namespace = matcher.filter ?? ''
  const keys = (matcher.path ?? []).map(segment => segment.key ?? '')
  const predicate = compileValueMatcher(matcher.value ?? {}, context, path.field('value'))
  const inverted = matcher.invert === true
  return metadata => {
    let value: unknown = metadata?.get(namespace)
    for (const key of keys) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) value = undefined
      else value = (value as Record<string, unknown>)[key]
    }
    return predicate(value) !== inverted
  }
}
