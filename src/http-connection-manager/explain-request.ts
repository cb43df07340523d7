// What a connection manager makes of a request before it is routed, told instead of done: for `outrider explain route`.
import { CONNECTION, type HeaderMap, ignoreUpgrades, type RouteTable, UPGRADE } from '../http/index.ts'
import type { ConnectionInfo, StreamInfo } from '../observability/index.ts'
import { mutateEarly } from './early-mutations.ts'
import { ConnectionIdentity, hasEmptyForwardedProto } from './forwarded.ts'
import { normalizePath, PathOk, PathRedirected } from './path-normalization.ts'
import type { HttpConnectionManagerPlan } from './plan.ts'
import { prepareRequest } from './prepare-request.ts'
import { problemOf } from './request-admission.ts'
import { hasHopByHop, removeHopByHop, upgradeType } from './request-headers.ts'

export interface EarlyAnswer {
  readonly status: number
  readonly details: string
  /** '' unless it is a redirect. */
  readonly location: string
}

export interface Admission {
  /** What the client gets without any routing; null: the request is routed. */
  readonly answer: EarlyAnswer | null
  /** 'websocket', 'connect' and the like; null: no upgrade is asked for. */
  readonly upgrade: string | null
}

/** Brings `headers` into the form that routing sees, in the order of ActiveStream.decodeHeaders. */
export function admitRequest(
  plan: HttpConnectionManagerPlan,
  routes: RouteTable | null,
  connection: ConnectionInfo,
  headers: HeaderMap,
  info: StreamInfo,
): Admission {
  let upgrade: string | null = null
  // The codec's part, for the request comes as text, not over a connection.
  if (headers.has(CONNECTION) && headers.has(UPGRADE)) ignoreUpgrades(headers, plan.codec.ignoredUpgrades)
  if (hasHopByHop(headers)) {
    upgrade = upgradeType(headers)
    removeHopByHop(headers, upgrade !== null)
  }
  const refused = (status: number, details: string, location = ''): Admission => ({
    answer: { status, details, location },
    upgrade,
  })
  if (plan.earlyMutations !== null) mutateEarly(plan.earlyMutations, headers, info)
  const problem = problemOf(headers)
  if (problem !== null) return refused(400, problem)
  if (headers.method !== 'CONNECT') {
    if (!headers.path.startsWith('/')) return refused(404, 'absolute_path_rejected')
    const outcome = normalizePath(headers, plan.path)
    if (outcome === PathRedirected) return refused(307, 'path_normalization_failed', headers.path)
    if (outcome !== PathOk) return refused(400, 'path_normalization_failed')
  }
  const status = prepareRequest(plan, new ConnectionIdentity(plan, connection), routes, headers, info)
  if (status !== 0) return refused(status, 'rejecting_because_detection_failed')
  if (hasEmptyForwardedProto(headers)) return refused(404, 'route_not_found')
  if (headers.method === 'CONNECT') upgrade ??= 'connect'
  return { answer: null, upgrade }
}

/** What an upgrade is answered with that nobody allows. */
export const UPGRADE_REFUSED: EarlyAnswer = { status: 403, details: 'upgrade_failed', location: '' }
