// The conditions of a RouteMatch one by one, each compiled and asked as live traffic asks all of them.
import type { RouteMatchJson } from '#api/envoy/config/route/v3/route_components_pb.ts'
import { type CompileContext, ConfigPath, Diagnostics, snakeCase } from '../../config/index.ts'
import { type HeaderMap, HeaderName, queryParameter, withoutQuery } from '../../http/index.ts'
import type { StreamInfo } from '../../observability/index.ts'
import { RouteIndex } from '../route-table/route-index.ts'
import { compileRouteMatch } from '../route-table/route-match.ts'

export interface RequestFacts {
  readonly headers: HeaderMap
  readonly info: StreamInfo
  readonly random: number
}

export interface Predicate {
  /** Within the route, such as `match.headers[0]`. */
  readonly at: string
  /** What the configuration asks for. */
  readonly wanted: object
  /** What the request has. */
  readonly found: string
  readonly holds: boolean
}

const PATHS = ['prefix', 'path', 'safeRegex', 'connectMatcher', 'pathSeparatedPrefix', 'pathMatchPolicy'] as const
const LISTS = ['headers', 'queryParameters', 'dynamicMetadata', 'filterState', 'cookies'] as const
const SINGLES = ['runtimeFraction', 'grpc', 'tlsContext'] as const

/** The path first, then the others in the order of live traffic. */
export function* predicatesOf(
  match: RouteMatchJson,
  ignorePathParameters: boolean,
  facts: RequestFacts,
  context: CompileContext,
): Iterable<Predicate> {
  // The configuration has been judged already.
  const quiet = { ...context, diagnostics: new Diagnostics() }
  yield pathPredicate(match, ignorePathParameters, facts, quiet)
  for (const field of SINGLES) {
    const value = match[field]
    if (value !== undefined) yield condition({ [field]: value }, field, value, '', facts, quiet)
  }
  for (const field of LISTS) {
    for (const [i, value] of (
      (match[field as keyof RouteMatchJson] as readonly object[] | undefined) ?? []
    ).entries()) {
      yield condition({ [field]: [value] }, field, value, `[${i}]`, facts, quiet)
    }
  }
}

function pathPredicate(
  match: RouteMatchJson,
  ignorePathParameters: boolean,
  { headers, info, random }: RequestFacts,
  context: CompileContext,
): Predicate {
  const field = PATHS.find(name => match[name] !== undefined) ?? 'prefix'
  const alone = {
    [field]: match[field],
    ...(match.caseSensitive === undefined ? {} : { caseSensitive: match.caseSensitive }),
  }
  const matcher = compileRouteMatch(alone, context, ConfigPath.root)
  const holds = new RouteIndex([matcher], ignorePathParameters).find(headers, info, random) === 0
  const found = headers.hasPath ? headers.path : `no path, method ${headers.method}`
  return { at: `match.${snakeCase(field)}`, wanted: alone, found, holds }
}

function condition(
  alone: RouteMatchJson,
  field: string,
  wanted: object,
  place: string,
  facts: RequestFacts,
  context: CompileContext,
): Predicate {
  const matcher = compileRouteMatch({ prefix: '/', ...alone }, context, ConfigPath.root)
  const holds = matcher.conditionsHold(facts.headers, facts.info, facts.random)
  return { at: `match.${snakeCase(field)}${place}`, wanted, found: foundOf(field, wanted, facts), holds }
}

function foundOf(field: string, wanted: { readonly name?: string }, { headers, info, random }: RequestFacts): string {
  const { name = '' } = wanted
  switch (field) {
    case 'headers':
      return headerText(headers, name)
    case 'queryParameters': {
      const value = queryParameter(headers.path, name)
      return value === undefined ? `no parameter ${name} in ${headers.path}` : `${name}=${value}`
    }
    case 'runtimeFraction':
      return `the request's number ${random}, ${((100 * random) / 0x100000000).toFixed(2)} % of the way to the top`
    case 'grpc':
      return headerText(headers, 'content-type')
    case 'tlsContext':
      return info.connection.ssl === null ? 'a connection without TLS' : 'a TLS connection without client certificate'
    case 'cookies':
      return headerText(headers, 'cookie')
    default:
      return 'nothing: no filter has run that could have set it'
  }
}

function headerText(headers: HeaderMap, name: string): string {
  if (name.startsWith(':') && name !== ':authority') {
    const value = headers.lookup(name)
    return value === undefined ? `no ${name}` : `${name}: ${value}`
  }
  const values = headers.getAll(HeaderName.of(name === ':authority' ? 'host' : name))
  return values.length === 0 ? `no header ${name}` : values.map(value => `${name}: ${value}`).join(', ')
}

/** How much of the path a literal of the match shares with the request's: what tells near routes from far ones. */
export function sharedLength(match: RouteMatchJson, headers: HeaderMap): number {
  const text = match.prefix ?? match.path ?? match.pathSeparatedPrefix ?? ''
  const path = withoutQuery(headers.path)
  let i = 0
  while (i < text.length && i < path.length && text[i]?.toLowerCase() === path[i]?.toLowerCase()) i++
  return i
}
