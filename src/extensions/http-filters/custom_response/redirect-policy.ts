// A response from elsewhere in place of the origin's: the request goes round again, to another URI.
import type { RedirectPolicyJson } from '#api/envoy/extensions/http/custom_response/redirect_policy/v3/redirect_policy_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import {
  CONTENT_LENGTH,
  compileHeaderMutations,
  FilterContinue,
  FilterStop,
  type HeaderMap,
  type HeaderMutations,
  type HttpFilterStatus,
  RedirectLocation,
  TRANSFER_ENCODING,
} from '../../../http/index.ts'
import { CUSTOM_RESPONSE_STATS } from './custom-response.ts'
import { REPLACEMENT_KEY, type Replacement, type ResponseContext, type ResponsePolicy } from './policy.ts'

const TYPE = 'envoy.extensions.http.custom_response.redirect_policy.v3.RedirectPolicy'

declareSupport(TYPE, {
  supported: ['uri', 'redirect_action', 'status_code', 'response_headers_to_add', 'request_headers_to_add'],
  refused: { modify_request_headers_action: 'there are no such actions in this release; use request_headers_to_add' },
})

const NO_ROUTE = CUSTOM_RESPONSE_STATS.slot('custom_response_redirect_no_route')
const INVALID_URI = CUSTOM_RESPONSE_STATS.slot('custom_response_invalid_uri')

class RedirectPolicy implements ResponsePolicy {
  private readonly uri: string | null
  private readonly location: RedirectLocation
  /** 0: that of the response which is replaced. */
  private readonly status: number
  private readonly requestAdditions: HeaderMutations
  private readonly responseAdditions: HeaderMutations

  constructor(json: RedirectPolicyJson, context: CompileContext, path: ConfigPath) {
    this.uri = json.uri ?? null
    this.location = new RedirectLocation(json.redirectAction ?? {}, null, null)
    checkTarget(json, context, path)
    this.status = json.statusCode ?? 0
    const additions = (list: RedirectPolicyJson['requestHeadersToAdd'], field: string): HeaderMutations =>
      compileHeaderMutations(list, undefined, context, path.field(field))
    this.requestAdditions = additions(json.requestHeadersToAdd, 'request_headers_to_add')
    this.responseAdditions = additions(json.responseHeadersToAdd, 'response_headers_to_add')
  }

  onResponse(response: HeaderMap, { callbacks, stats, requestSeen }: ResponseContext): HttpFilterStatus {
    const { info, requestHeaders: request } = callbacks
    // A body that is still under way cannot be called back.
    if (!requestSeen || request === null || !callbacks.requestComplete) return FilterContinue
    const target = parse(this.uri ?? this.location.of(request, info))
    if (target === null) {
      stats.cells[INVALID_URI]! += 1
      return FilterContinue
    }
    const { scheme, authority, path } = request
    request.scheme = target.protocol.slice(0, -1)
    request.authority = target.host
    request.path = target.pathname + target.search
    callbacks.clearRouteCache()
    this.requestAdditions.apply(request, request, response, info)
    if (callbacks.route === null) {
      request.scheme = scheme
      request.authority = authority
      request.path = path
      callbacks.clearRouteCache()
      stats.cells[NO_ROUTE]! += 1
      return FilterContinue
    }
    request.method = 'GET'
    request.remove(CONTENT_LENGTH)
    request.remove(TRANSFER_ENCODING)
    const replacement: Replacement = { policy: this, originalStatus: response.status }
    info.filterState ??= new Map()
    info.filterState.set(REPLACEMENT_KEY, replacement)
    info.responseCode = response.status
    info.responseCodeDetails = 'internal_redirect'
    callbacks.recreateStream(null, null)
    return FilterStop
  }

  onReplacement(headers: HeaderMap, originalStatus: number, { callbacks }: ResponseContext): void {
    this.responseAdditions.apply(headers, callbacks.requestHeaders, headers, callbacks.info)
    headers.status = this.status === 0 ? originalStatus : this.status
  }
}

function parse(uri: string): URL | null {
  const url = URL.parse(uri)
  return url !== null && (url.protocol === 'http:' || url.protocol === 'https:') ? url : null
}

function checkTarget(
  { uri, redirectAction: action }: RedirectPolicyJson,
  context: CompileContext,
  path: ConfigPath,
): void {
  const { diagnostics } = context
  if (uri !== undefined && parse(uri) === null) {
    diagnostics.error(path.field('uri'), 'is no http or https URL', { found: uri })
  }
  if (action === undefined) return
  const at = path.field('redirect_action')
  for (const [name, field] of [
    ['prefixRewrite', 'prefix_rewrite'],
    ['regexRewrite', 'regex_rewrite'],
    ['pathRewrite', 'path_rewrite'],
  ] as const) {
    if (action[name] !== undefined) diagnostics.error(at.field(field), 'has no meaning in a custom response')
  }
  const { pathRedirect = '', hostRedirect = '' } = action
  if (pathRedirect.includes('#'))
    diagnostics.error(at.field('path_redirect'), 'has a fragment', { found: pathRedirect })
  if (pathRedirect === '' && hostRedirect === '') {
    diagnostics.error(at, 'leads nowhere', { expected: 'host_redirect or path_redirect' })
  }
}

export const redirectPolicyFactory: ExtensionFactory<ResponsePolicy> = {
  name: 'envoy.extensions.http.custom_response.redirect_policy',
  category: 'envoy.http.custom_response',
  typeNames: [TYPE],
  compile: (config, context, path) => new RedirectPolicy(config as RedirectPolicyJson, context, path),
}
