import type { HeaderMatcherJson } from '#api/envoy/config/route/v3/route_components_pb.ts'
import type { StringMatcherJson } from '#api/envoy/type/matcher/v3/string_pb.ts'
import { type CompileContext, type ConfigPath, compileStringMatcher, int64 } from '../config/index.ts'
import type { HeaderLookup } from '../observability/index.ts'

const INTEGER = /^[ \t]*[+-]?[0-9]+[ \t]*$/

/** A HeaderMatcher over what a log entry knows of headers: the first value of each name. null: there are none. */
export function compileHeaderLookupMatcher(
  matcher: HeaderMatcherJson,
  context: CompileContext,
  path: ConfigPath,
): (headers: HeaderLookup | null) => boolean {
  const name = (matcher.name ?? '').toLowerCase()
  const inverted = matcher.invertMatch ?? false
  const missingIsEmpty = matcher.treatMissingHeaderAsEmpty ?? false
  const predicate = compilePredicate(matcher, context, path)
  return headers => {
    const value = headers?.lookup(name) ?? (missingIsEmpty ? '' : undefined)
    if (predicate === null) return (value !== undefined) === ((matcher.presentMatch ?? true) !== inverted)
    return value !== undefined && predicate(value) !== inverted
  }
}

/** null: the header's presence is all that is asked. */
function compilePredicate(
  matcher: HeaderMatcherJson,
  context: CompileContext,
  path: ConfigPath,
): ((value: string) => boolean) | null {
  if (matcher.rangeMatch !== undefined) {
    const start = int64(matcher.rangeMatch.start ?? 0)
    const end = int64(matcher.rangeMatch.end ?? 0)
    return value => INTEGER.test(value) && Number(value) >= start && Number(value) < end
  }
  const text = stringMatcherOf(matcher)
  return text === null ? null : compileStringMatcher(text, context, path)
}

/** The deprecated fields are StringMatchers by other names. */
function stringMatcherOf(matcher: HeaderMatcherJson): StringMatcherJson | null {
  if (matcher.stringMatch !== undefined) return matcher.stringMatch
  if (matcher.exactMatch !== undefined) return { exact: matcher.exactMatch }
  if (matcher.prefixMatch !== undefined) return { prefix: matcher.prefixMatch }
  if (matcher.suffixMatch !== undefined) return { suffix: matcher.suffixMatch }
  if (matcher.containsMatch !== undefined) return { contains: matcher.containsMatch }
  if (matcher.safeRegexMatch !== undefined) return { safeRegex: matcher.safeRegexMatch }
  return null
}
