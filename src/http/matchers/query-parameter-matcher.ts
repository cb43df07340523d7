// route.v3.QueryParameterMatcher. Names and values are compared as they stand in the query, without percent-decoding.
import type { QueryParameterMatcherJson } from '#api/envoy/config/route/v3/route_components_pb.ts'
import { toWireText } from '../../base/index.ts'
import { type CompileContext, type ConfigPath, compileStringMatcher, declareSupport } from '../../config/index.ts'

declareSupport('envoy.config.route.v3.QueryParameterMatcher', { supported: ['name', 'string_match', 'present_match'] })

export interface QueryParameterMatch {
  /** `path`: with its query. */
  matches(path: string): boolean
}

/** The first value of `name` in the query of `path`; '' for a name without '='; undefined when it is not there. */
export function queryParameter(path: string, name: string): string | undefined {
  const question = path.indexOf('?')
  if (question < 0) return undefined
  const hash = path.indexOf('#', question)
  const end = hash < 0 ? path.length : hash
  for (let at = question + 1; at < end; ) {
    const ampersand = path.indexOf('&', at)
    const next = ampersand < 0 || ampersand > end ? end : ampersand
    if (path.startsWith(name, at)) {
      const after = at + name.length
      if (after === next) return ''
      if (after < next && path.charCodeAt(after) === 61) return path.slice(after + 1, next)
    }
    at = next + 1
  }
  return undefined
}

export function compileQueryParameterMatcher(
  matcher: QueryParameterMatcherJson,
  context: CompileContext,
  path: ConfigPath,
): QueryParameterMatch {
  const name = toWireText(matcher.name ?? '')
  if (matcher.stringMatch !== undefined) {
    const predicate = compileStringMatcher(matcher.stringMatch, context, path.field('string_match'))
    return {
      matches: requestPath => {
        const value = queryParameter(requestPath, name)
        return value !== undefined && predicate(value)
      },
    }
  }
  const wanted = matcher.presentMatch ?? true
  return { matches: requestPath => (queryParameter(requestPath, name) !== undefined) === wanted }
}

/** All must match. */
export function compileQueryParameterMatchers(
  matchers: readonly QueryParameterMatcherJson[] | undefined,
  context: CompileContext,
  path: ConfigPath,
): readonly QueryParameterMatch[] {
  return (matchers ?? []).map((matcher, i) => compileQueryParameterMatcher(matcher, context, path.index(i)))
}
