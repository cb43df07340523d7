// Redirects and direct responses: what a route answers by itself.
import type { HeaderMap, HttpFilterCallbacks, Route } from '../http/index.ts'
import * as http from '../http/index.ts'
import { HttpStats } from '../http/index.ts'

export function answerFromRoute(route: Route, headers: HeaderMap, callbacks: HttpFilterCallbacks): void {
  const { cells } = callbacks.httpStats
  const mutate = (reply: HeaderMap): void => {
    if (route.hasResponseMutations) route.finalizeResponse(reply, headers, callbacks.info)
  }
  cells[HttpStats.RQ_DIRECT_RESPONSE]! += 1
  const { status, location } = route.redirect(headers)
  const body = route.directResponse?.body ?? ''
  callbacks.sendLocalReply(status, body, 'direct_response', reply => {
    if (location !== '') reply.append(http.LOCATION, location)
    mutate(reply)
  })
}
