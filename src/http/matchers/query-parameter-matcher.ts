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

/** As `queryParameter`, with percent-encoding undone in names and values. */
export function decodedQueryParameter(path: string, name: string): string | undefined {
  const question = path.indexOf('?')
  if (question < 0) return undefined
  const hash = path.indexOf('#', question)
  for (const pair of path.slice(question + 1, hash < 0 ? path.length : hash).split('&')) {
    const equals = pair.indexOf('=')
    if (percentDecode(equals < 0 ? pair : pair.slice(0, equals)) !== name) continue
    return equals < 0 ? '' : percentDecode(pair.slice(equals + 1))
  }
  return undefined
}

/** `path` without the parameters of that name (in decoded form); what else it holds keeps its bytes. */
export function removeQueryParameter(path: string, name: string): string {
  const question = path.indexOf('?')
  if (question < 0) return path
  const hash = path.indexOf('#', question)
  const end = hash < 0 ? path.length : hash
  const kept = path
    .slice(question + 1, end)
    .split('&')
    .filter(pair => percentDecode(pair.split('=', 1)[0] as string) !== name)
  return path.slice(0, question) + (kept.length === 0 ? '' : `?${kept.join('&')}`) + path.slice(end)
}

/** What is no valid escape stays as it is. */
function percentDecode(text: string): string {
  if (!text.includes('%')) return text
  return text.replace(/%[0-9a-fA-F]{2}/g, byte => String.fromCharCode(Number.parseInt(byte.slice(1), 16)))
}

type Lookup = (path: string, name: string) => string | undefined

export function compileQueryParameterMatcher(
  matcher: QueryParameterMatcherJson,
  context: CompileContext,
  path: ConfigPath,
  lookup: Lookup = queryParameter,
): QueryParameterMatch {
  const name = toWireText(matcher.name ?? '')
  if (matcher.stringMatch !== undefined) {
    const predicate = compileStringMatcher(matcher.stringMatch, context, path.field('string_match'))
    return {
      matches: requestPath => {
        const value = lookup(requestPath, name)
        return value !== undefined && predicate(value)
      },
    }
  }
  const wanted = matcher.presentMatch ?? true
  return { matches: requestPath => (lookup(requestPath, name) !== undefined) === wanted }
}

/** All must match. */
export function compileQueryParameterMatchers(
  matchers: readonly QueryParameterMatcherJson[] | undefined,
  context: CompileContext,
  path: ConfigPath,
): readonly QueryParameterMatch[] {
  return (matchers ?? []).map((matcher, i) => compileQueryParameterMatcher(matcher, context, path.index(i)))
}

/** All must match the decoded query. */
export function compileDecodedQueryMatchers(
  matchers: readonly QueryParameterMatcherJson[] | undefined,
  context: CompileContext,
  path: ConfigPath,
): readonly QueryParameterMatch[] {
  return (matchers ?? []).map((matcher, i) =>
    compileQueryParameterMatcher(matcher, context, path.index(i), decodedQueryParameter),
  )
}
