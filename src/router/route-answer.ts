// Redirects and direct responses: what a route answers by itself.
import type { DirectResponsePlan, HeaderMap, HttpFilterCallbacks, Route } from '../http/index.ts'
import * as http from '../http/index.ts'
import { HttpStats } from '../http/index.ts'
import type { StreamInfo } from '../observability/index.ts'

/** The body of a direct response; '' of a redirect. */
export function routeBody(direct: DirectResponsePlan | null, headers: HeaderMap, info: StreamInfo): string {
  if (direct === null) return ''
  const { body, format } = direct
  if (format === null) return body
  const context = { requestHeaders: headers, responseHeaders: null, responseTrailers: null, info }
  return format.formatter.format({ ...context, localReplyBody: body })
}

export function answerFromRoute(
  route: Route,
  headers: HeaderMap,
  callbacks: HttpFilterCallbacks,
  suppressEnvoyHeaders: boolean,
): void {
  const { info } = callbacks
  callbacks.httpStats.cells[HttpStats.RQ_DIRECT_RESPONSE]! += 1
  const { status, location, path } = route.redirect(headers, info)
  // As Envoy: logs and response mutations read the path as it is rewritten.
  if (path !== '') {
    if (!suppressEnvoyHeaders) headers.set(http.X_ENVOY_ORIGINAL_PATH, headers.path)
    headers.path = path
  }
  const { directResponse: direct } = route
  const contentType = direct?.format?.contentType
  callbacks.sendLocalReply(status, routeBody(direct, headers, info), 'direct_response', reply => {
    if (location !== '') reply.append(http.LOCATION, location)
    // That of local replies stands already.
    if (contentType !== undefined && contentType !== 'text/plain') reply.set(http.CONTENT_TYPE, contentType)
    if (route.hasResponseMutations) route.finalizeResponse(reply, headers, info)
  })
}
