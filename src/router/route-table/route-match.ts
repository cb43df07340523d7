// route.v3.RouteMatch: which path (one of six kinds) and which conditions beside it.
import type { RouteMatchJson } from '#api/envoy/config/route/v3/route_components_pb.ts'
import { toWireText } from '../../base/index.ts'
import {
  type CompileContext,
  type ConfigPath,
  compileMetadataMatcher,
  compileRegexMatcher,
  declareSupport,
} from '../../config/index.ts'
import {
  CONTENT_TYPE,
  compileHeaderMatchers,
  compileQueryParameterMatchers,
  compileUriTemplateMatch,
  type HeaderMap,
  type HeaderMatch,
  UPGRADE,
  type UriTemplate,
} from '../../http/index.ts'
import type { StreamInfo } from '../../observability/index.ts'
import type { Candidate } from './candidate-list.ts'
import type { PathKind } from './path-trie.ts'
import { compileRuntimeFraction } from './runtime-fraction.ts'
import { compileStateConditions } from './state-conditions.ts'

declareSupport('envoy.config.route.v3.RouteMatch', {
  supported: [
    'prefix',
    'path',
    'safe_regex',
    'connect_matcher',
    'path_separated_prefix',
    'path_match_policy',
    'case_sensitive',
    'runtime_fraction',
    'headers',
    'query_parameters',
    'grpc',
    'dynamic_metadata',
    'tls_context',
    'filter_state',
    'cookies',
  ],
})
declareSupport('envoy.config.route.v3.RouteMatch.TlsContextMatchOptions', { supported: ['presented', 'validated'] })
declareSupport('envoy.config.route.v3.RouteMatch.ConnectMatcher', { supported: [] })
declareSupport('envoy.config.route.v3.RouteMatch.GrpcRouteMatchOptions', { supported: [] })

export type Condition = (headers: HeaderMap, info: StreamInfo, random: number) => boolean

export class RouteMatcher {
  /** 'other': only `pathHolds` knows. */
  readonly kind: PathKind | 'other'
  /** The path or prefix; for kind 'other' what the path must begin with, '' when nothing is known. */
  readonly text: string
  readonly caseSensitive: boolean
  readonly conditions: readonly Condition[]
  readonly exactHeader: Candidate['exactHeader']
  readonly template: UriTemplate | null
  private readonly otherPath: (path: string, headers: HeaderMap) => boolean

  constructor(
    path: PathTest,
    caseSensitive: boolean,
    conditions: readonly Condition[],
    headers: readonly HeaderMatch[],
  ) {
    this.kind = path.kind
    this.text = path.text
    // Patterns say themselves whether case matters.
    this.caseSensitive = caseSensitive || path.kind === 'other'
    this.conditions = conditions
    this.template = path.template
    this.otherPath = path.test
    const keyed = headers.find(match => match.exact !== null && match.header !== null)
    this.exactHeader =
      keyed === undefined || keyed.header === null || keyed.exact === null
        ? null
        : { name: keyed.header, value: keyed.exact }
  }

  /** Can stand in a tree of paths. */
  get inTree(): boolean {
    return this.kind !== 'other' || this.text !== ''
  }

  /** Matches every path that leads to it. */
  get unconditional(): boolean {
    return this.kind !== 'other' && this.conditions.length === 0
  }

  conditionsHold(headers: HeaderMap, info: StreamInfo, random: number): boolean {
    const { conditions } = this
    for (let i = 0; i < conditions.length; i++) if (!conditions[i]!(headers, info, random)) return false
    return true
  }

  /** For kind 'other'. `path`: without query. */
  pathHolds(path: string, headers: HeaderMap): boolean {
    return this.otherPath(path, headers)
  }
}

interface PathTest {
  readonly kind: PathKind | 'other'
  readonly text: string
  readonly template: UriTemplate | null
  readonly test: (path: string, headers: HeaderMap) => boolean
}

const never = (): boolean => false

export function compileRouteMatch(match: RouteMatchJson, context: CompileContext, path: ConfigPath): RouteMatcher {
  const headers = compileHeaderMatchers(match.headers, context, path.field('headers'))
  const conditions = compileConditions(match, headers, context, path)
  return new RouteMatcher(compilePath(match, context, path), match.caseSensitive ?? true, conditions, headers)
}

function compilePath(match: RouteMatchJson, context: CompileContext, path: ConfigPath): PathTest {
  const text = match.prefix ?? match.path ?? match.pathSeparatedPrefix
  if (text !== undefined) {
    const kind = match.prefix !== undefined ? 'prefix' : match.path !== undefined ? 'exact' : 'separated'
    return { kind, text: toWireText(text), template: null, test: never }
  }
  const other = (test: PathTest['test'], prefix = '', template: UriTemplate | null = null): PathTest => ({
    kind: 'other',
    text: prefix,
    template,
    test,
  })
  if (match.safeRegex !== undefined) {
    const regex = compileRegexMatcher(match.safeRegex, context, path.field('safe_regex'))
    if (regex === undefined) return other(never)
    const test: PathTest['test'] = (requestPath, headers) => headers.hasPath && regex.matches(requestPath)
    return other(test, regex.literalPrefix)
  }
  if (match.pathMatchPolicy !== undefined) {
    const template = compileUriTemplateMatch(match.pathMatchPolicy, context, path.field('path_match_policy'))
    if (template === undefined) return other(never)
    return other(
      (requestPath, headers) => headers.hasPath && template.matches(requestPath),
      template.literalPrefix,
      template,
    )
  }
  return other((_path, headers) => isConnect(headers))
}

function isConnect(headers: HeaderMap): boolean {
  if (headers.method === 'CONNECT') return true
  return headers.has(UPGRADE) && headers.get(UPGRADE)?.toLowerCase() === 'connect-udp'
}

function compileConditions(
  match: RouteMatchJson,
  headerMatches: readonly HeaderMatch[],
  context: CompileContext,
  path: ConfigPath,
): readonly Condition[] {
  const conditions: Condition[] = []
  if (match.runtimeFraction !== undefined) {
    const fraction = compileRuntimeFraction(match.runtimeFraction, context)
    conditions.push((_headers, _info, random) => fraction(random))
  }
  if (match.grpc !== undefined) conditions.push(isGrpc)
  for (const header of headerMatches) conditions.push(headers => header.matches(headers))
  for (const query of compileQueryParameterMatchers(match.queryParameters, context, path.field('query_parameters'))) {
    conditions.push(headers => query.matches(headers.path))
  }
  const { presented, validated } = match.tlsContext ?? {}
  if (presented != null) {
    conditions.push((_headers, info) => (info.connection.ssl?.peerCertificatePresented ?? false) === presented)
  }
  if (validated != null) {
    conditions.push((_headers, info) => (info.connection.ssl?.peerCertificateValidated ?? false) === validated)
  }
  const metadata = path.field('dynamic_metadata')
  for (const [i, matcher] of (match.dynamicMetadata ?? []).entries()) {
    const predicate = compileMetadataMatcher(matcher, context, metadata.index(i))
    conditions.push((_headers, info) => predicate(info.dynamicMetadata))
  }
  conditions.push(...compileStateConditions(match, context, path))
  return conditions
}

/** `application/grpc`, alone or followed by '+' and the message format. */
function isGrpc(headers: HeaderMap): boolean {
  const type = headers.get(CONTENT_TYPE)
  if (type === undefined || !type.startsWith('application/grpc')) return false
  return type.length === 16 || type.charCodeAt(16) === 43
}
