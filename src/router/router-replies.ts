// What the router answers by itself, where no host is asked or none answers.
import * as http from '../http/index.ts'
import { HeaderMap, HttpStats } from '../http/index.ts'
import { ResponseFlag } from '../observability/index.ts'
import { CLUSTER_SLOTS as C } from '../upstream/index.ts'
import { chargeStatus } from './charges.ts'
import type { RouterFilter } from './router-filter.ts'
import { malformedHeader } from './strict-headers.ts'
import type { TurnedAway } from './turn-away.ts'

export function replyFromRouter(
  router: RouterFilter,
  status: number,
  body: string,
  details: string,
  modify: ((reply: HeaderMap) => void) | null = null,
): void {
  router.endTimeouts()
  router.callbacks.sendLocalReply(status, body, details, reply => {
    modify?.(reply)
    if (router.route.virtualHost.includeAttemptCountInResponse && router.attempts > 0) {
      reply.set(http.X_ENVOY_ATTEMPT_COUNT, String(router.attempts))
    }
  })
}

export function replyRouteNotFound({ callbacks, info }: RouterFilter): void {
  callbacks.httpStats.cells[HttpStats.NO_ROUTE]! += 1
  info.flags |= ResponseFlag.NoRouteFound
  callbacks.sendLocalReply(404, '', 'route_not_found')
}

export function replyClusterNotFound(router: RouterFilter): void {
  router.callbacks.httpStats.cells[HttpStats.NO_CLUSTER]! += 1
  router.info.flags |= ResponseFlag.NoClusterFound
  replyFromRouter(router, router.route.clusterNotFoundStatus, '', 'cluster_not_found')
}

export function replyTurnedAway(router: RouterFilter, { flag, body, details, header }: TurnedAway): void {
  router.info.flags |= flag
  chargeStatus(router, 503, null, false)
  replyFromRouter(router, 503, body, details, reply => reply.append(header, 'true'))
}

/** strict_check_headers: whether the request has been refused for one of them. */
export function refuseMalformed({ plan, info, callbacks }: RouterFilter, headers: HeaderMap): boolean {
  const name = malformedHeader(plan.strictHeaders, headers)
  if (name === undefined) return false
  info.flags |= ResponseFlag.InvalidEnvoyRequestHeaders
  const body = `invalid header '${name.text}' with value '${headers.get(name)}'`
  callbacks.sendLocalReply(400, body, `request_headers_failed_strict_check{${name.text}}`)
  return true
}

/** The cluster has no host for the next attempt, or is gone itself. */
export function replyNoHealthyUpstream(router: RouterFilter): void {
  const { info } = router
  const attempt = router.attempts + 1
  if (!router.clusterGone) router.cluster.stats.cells[C.upstream_cx_none_healthy]! += 1
  info.upstreamRequestAttemptCount = attempt
  info.flags |= ResponseFlag.NoHealthyUpstream
  info.cause = {
    phase: 'choose_host',
    host: null,
    errno: null,
    attempt,
    elapsedMs: 0,
    reason: 'no_healthy_upstream',
  }
  chargeStatus(router, 503, null, false)
  replyFromRouter(router, 503, 'no healthy upstream', 'no_healthy_upstream')
}

/** An HTTP/1 origin that answers a WebSocket's handshake as if it were a request does not speak the protocol (Envoy). */
export function refuseHandshake(router: RouterFilter, response: HeaderMap): boolean {
  if ((router.headers as HeaderMap).get(http.UPGRADE)?.toLowerCase() !== 'websocket') return false
  const { status } = response
  HeaderMap.release(response)
  replyFromRouter(router, status, '', 'websocket_handshake_unsuccessful')
  return true
}
