export { parseAbsoluteUrl } from './absolute-url.ts'
export * from './body-buffer.ts'
export * from './body-codec.ts'
export * from './codec/codec.ts'
export { Http1ClientCodec } from './codec/http1/client.ts'
export { reasonPhrase } from './codec/http1/encode.ts'
export { hasToken } from './codec/http1/framing.ts'
export type { HeadLimits } from './codec/http1/head-scanner.ts'
export { properCaseWords } from './codec/http1/header-case.ts'
export type { HeaderCase, Http1Options } from './codec/http1/options.ts'
export { Http1ServerCodec } from './codec/http1/server.ts'
export { Http2ClientCodec } from './codec/http2/client.ts'
export { DEFAULT_HTTP2_OPTIONS, type Http2Options, type KeepaliveOptions } from './codec/http2/options.ts'
export { Http2ServerCodec } from './codec/http2/server.ts'
export { cookieValue, removeCookie } from './cookies.ts'
export * from './grpc/frames.ts'
export * from './grpc/grpc.ts'
export * from './grpc/method-stats.ts'
export * from './grpc/rpc-status.ts'
export { type HeadChange, headChanges, headFields } from './head-changes.ts'
export {
  compileHeaderMutations,
  compileMutationLevel,
  HeaderMutations,
  type MutationLevel,
  type MutationLists,
} from './header-mutation/header-mutations.ts'
export { compileMutationList, type MutationList } from './header-mutation/mutation-list.ts'
export { HeaderMutationRules } from './header-mutation/mutation-rules.ts'
export * from './header-name.ts'
export * from './headers.ts'
export * from './http-filter.ts'
export * as HttpStats from './http-stats.ts'
export { httpStatusCode } from './http-status.ts'
export { compileHttp1Options, headLimits } from './http1-options.ts'
export { compileHttp2Options } from './http2-options.ts'
export { HTTP2_STATS } from './http2-stats.ts'
export { isKnownInterim } from './interim-status.ts'
export * from './known-headers.ts'
export { compileHeaderMatcher, compileHeaderMatchers, type HeaderMatch } from './matchers/header-matcher.ts'
export { MatchPredicate, MatchState } from './matchers/match-predicate.ts'
export { compilePathMatcher, pathLength, withoutQuery } from './matchers/path-matcher.ts'
export {
  compileQueryParameterMatcher,
  compileQueryParameterMatchers,
  decodedQueryParameter,
  type QueryParameterMatch,
  queryParameter,
  removeQueryParameter,
} from './matchers/query-parameter-matcher.ts'
export { CONNECTION_INPUTS, connectionInput } from './matching/connection-inputs.ts'
export { filterStateText } from './matching/filter-state.ts'
export { REQUEST_INPUTS, requestInput } from './matching/http-inputs.ts'
export { EXCHANGE_INPUTS, exchangeInput, isKnownWithRequest, MatchingData } from './matching/matching-data.ts'
export { type OAuthTokens, printable, readOAuthTokens, type TokenAnswer, type TokenFailure } from './oauth-tokens.ts'
export { originalUri } from './original-uri.ts'
export { overwriteHeader } from './overwrite-header.ts'
export { urlEncode } from './percent-encoding.ts'
export { PreparedLine } from './prepared-line.ts'
export * from './rate-limit-descriptors/index.ts'
export * from './rbac/index.ts'
export { type RedirectFormat, RedirectLocation } from './redirect-location.ts'
export { compileRetryOn, RETRY_ON } from './retry-conditions.ts'
export * from './route.ts'
export { isServiceField, refuseServiceField, serviceFieldProblem } from './service-field.ts'
export * from './stream-rate-limiter.ts'
export * from './tracing/index.ts'
export { zlib } from './zlib.ts'
