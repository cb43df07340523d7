// Which headers of a request are signed, as filters configure it.
import type { StringMatcherJson } from '#api/envoy/type/matcher/v3/string_pb.ts'
import { type CompileContext, type ConfigPath, compileStringMatcher } from '../../config/index.ts'
import type { SignsHeader } from './canonical-request.ts'

/** As Envoy: proxies change these. */
const CHANGED_ON_THE_WAY = new Set(['x-forwarded-for', 'x-forwarded-proto', 'x-amzn-trace-id'])

export interface SignedHeadersJson {
  readonly matchIncludedHeaders?: readonly StringMatcherJson[]
  readonly matchExcludedHeaders?: readonly StringMatcherJson[]
}

/** Those that are included, or else all but those that are excluded. */
export function compileSigned(json: SignedHeadersJson, context: CompileContext, path: ConfigPath): SignsHeader {
  const matchers = (field: keyof SignedHeadersJson, name: string) =>
    (json[field] ?? []).map((matcher, i) => compileStringMatcher(matcher, context, path.field(name).index(i)))
  const included = matchers('matchIncludedHeaders', 'match_included_headers')
  const excluded = matchers('matchExcludedHeaders', 'match_excluded_headers')
  if (included.length > 0) return name => included.some(matches => matches(name))
  return name => !CHANGED_ON_THE_WAY.has(name) && !excluded.some(matches => matches(name))
}
