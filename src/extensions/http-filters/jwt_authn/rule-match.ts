// route.v3.RouteMatch as rules use it.
import type { RouteMatchJson } from '#api/envoy/config/route/v3/route_components_pb.ts'
import { toWireText } from '../../../base/index.ts'
import { asciiLowerCase, type CompileContext, type ConfigPath, compileRegexMatcher } from '../../../config/index.ts'
import {
  compileHeaderMatchers,
  compileQueryParameterMatchers,
  compileUriTemplateMatch,
  type HeaderMap,
  withoutQuery,
} from '../../../http/index.ts'

export type RuleMatch = (headers: HeaderMap) => boolean

/** Kinds of matches that need more than the request's head; all others are understood. */
const OTHERS = [
  ['grpc', 'grpc'],
  ['tlsContext', 'tls_context'],
  ['dynamicMetadata', 'dynamic_metadata'],
  ['filterState', 'filter_state'],
  ['runtimeFraction', 'runtime_fraction'],
] as const

export function compileRuleMatch(json: RouteMatchJson, context: CompileContext, path: ConfigPath): RuleMatch {
  for (const [key, field] of OTHERS) {
    if (json[key as keyof RouteMatchJson] === undefined) continue
    context.diagnostics.error(path.field(field), `${field} does not work in the rules of jwt_authn`, {
      expected:
        'prefix, path, safe_regex, path_separated_prefix, path_match_policy, connect_matcher, headers and query_parameters',
    })
  }
  const ofPath = compilePath(json, context, path)
  const connects = json.connectMatcher !== undefined
  const headers = compileHeaderMatchers(json.headers, context, path.field('headers'))
  const parameters = compileQueryParameterMatchers(json.queryParameters, context, path.field('query_parameters'))
  return request =>
    (connects ? request.method === 'CONNECT' : ofPath(withoutQuery(request.path))) &&
    headers.every(matcher => matcher.matches(request)) &&
    parameters.every(matcher => matcher.matches(request.path))
}

function compilePath(json: RouteMatchJson, context: CompileContext, path: ConfigPath): (path: string) => boolean {
  const fold = json.caseSensitive === false ? asciiLowerCase : (text: string): string => text
  if (json.path !== undefined) {
    const exact = fold(toWireText(json.path))
    return text => fold(text) === exact
  }
  if (json.safeRegex !== undefined) {
    const regex = compileRegexMatcher(json.safeRegex, context, path.field('safe_regex'))
    return text => regex?.matches(text) === true
  }
  if (json.pathMatchPolicy !== undefined) {
    const template = compileUriTemplateMatch(json.pathMatchPolicy, context, path.field('path_match_policy'))
    return text => template?.matches(text) === true
  }
  if (json.pathSeparatedPrefix !== undefined) {
    const prefix = fold(toWireText(json.pathSeparatedPrefix))
    return text => fold(text) === prefix || fold(text).startsWith(`${prefix}/`)
  }
  const prefix = fold(toWireText(json.prefix ?? ''))
  return text => fold(text).startsWith(prefix)
}
