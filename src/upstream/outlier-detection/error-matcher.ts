// Which answers count as errors, where a cluster says so itself (HttpProtocolOptions.outlier_detection).
import type { ClusterJson } from '#api/envoy/config/cluster/v3/cluster_pb.ts'
import type { MatchPredicateJson } from '#api/envoy/config/common/matcher/v3/matcher_pb.ts'
import type { HttpProtocolOptionsJson } from '#api/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport, typeName } from '../../config/index.ts'
import { compileHeaderMatchers, type HeaderMap } from '../../http/index.ts'

const OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
const HEADERS_ONLY = 'an answer is judged when its headers come; use http_response_headers_match'

declareSupport(`${OPTIONS}.OutlierDetection`, { supported: ['error_matcher'] })

/** Of a response's headers. */
export type ErrorMatcher = (headers: HeaderMap) => boolean

function compilePredicate(json: MatchPredicateJson, context: CompileContext, path: ConfigPath): ErrorMatcher {
  const all = (rules: readonly MatchPredicateJson[] | undefined, field: string): readonly ErrorMatcher[] =>
    (rules ?? []).map((rule, i) => compilePredicate(rule, context, path.field(field).field('rules').index(i)))
  if (json.orMatch !== undefined) {
    const rules = all(json.orMatch.rules, 'or_match')
    return headers => rules.some(rule => rule(headers))
  }
  if (json.andMatch !== undefined) {
    const rules = all(json.andMatch.rules, 'and_match')
    return headers => rules.every(rule => rule(headers))
  }
  if (json.notMatch !== undefined) {
    const rule = compilePredicate(json.notMatch, context, path.field('not_match'))
    return headers => !rule(headers)
  }
  if (json.anyMatch === true) return () => true
  if (json.httpResponseHeadersMatch === undefined) {
    context.diagnostics.error(path, HEADERS_ONLY)
    return () => false
  }
  const at = path.field('http_response_headers_match').field('headers')
  const matchers = compileHeaderMatchers(json.httpResponseHeadersMatch.headers, context, at)
  return headers => matchers.every(matcher => matcher.matches(headers))
}

/** Null where the status decides: 5xx is an error. */
export function compileErrorMatcher(
  cluster: ClusterJson,
  context: CompileContext,
  path: ConfigPath,
): ErrorMatcher | null {
  for (const [name, any] of Object.entries(cluster.typedExtensionProtocolOptions ?? {})) {
    if (typeName(any as { '@type'?: string }) !== OPTIONS) continue
    const { outlierDetection } = any as HttpProtocolOptionsJson
    if (outlierDetection?.errorMatcher === undefined) continue
    const at = path.field('typed_extension_protocol_options').field(name)
    return compilePredicate(
      outlierDetection.errorMatcher,
      context,
      at.field('outlier_detection').field('error_matcher'),
    )
  }
  return null
}
