// A redirect of the origin that the proxy follows itself (InternalRedirectPolicy).
import type { HttpFilterCallbacks, InternalRedirectPlan, Route } from '../http/index.ts'
import * as http from '../http/index.ts'
import { HeaderMap, HeaderName, HttpStats as S } from '../http/index.ts'
import { CLUSTER_SLOTS as C } from '../upstream/index.ts'
import type { RouterFilter } from './router-filter.ts'

const X_ENVOY_ORIGINAL_URL = HeaderName.of('x-envoy-original-url')
/** Redirects followed so far and the routes they came by: keys of the stream's filter state. */
const COUNT = 'num_internal_redirects'
const ROUTES = 'internal_redirect_previous_routes'

/** Follows the redirect that `response` is. False: it is passed on. */
export function redirectInternally(router: RouterFilter, plan: InternalRedirectPlan, response: HeaderMap): boolean {
  const { callbacks, copy, info } = router
  const { status } = response
  if (!plan.responseCodes.includes(status)) return false
  const { cells } = router.cluster.stats
  const request = router.headers as HeaderMap
  const ready = router.requestEnd && copy?.lost !== true && response.has(http.LOCATION)
  if (!ready || !followRedirect(plan, router, request, response)) {
    cells[C.upstream_internal_redirect_failed_total]! += 1
    return false
  }
  cells[C.upstream_internal_redirect_succeeded_total]! += 1
  info.responseCode = status
  info.responseCodeDetails = 'internal_redirect'
  HeaderMap.release(response)
  const bare = becomesGet(status, request)
  callbacks.recreateStream(bare ? null : (copy?.bytes ?? null), bare ? null : (copy?.trailers ?? null))
  return true
}

/**
 * Turns `request` into the request that `response` points to. False: the redirect is passed on to the client, and
 * `request` is as it was.
 */
function followRedirect(
  plan: InternalRedirectPlan,
  router: RouterFilter,
  request: HeaderMap,
  response: HeaderMap,
): boolean {
  const { callbacks } = router
  const { cells } = callbacks.httpStats
  const target = parseLocation(response.get(http.LOCATION))
  if (target === null) return refuse(cells, S.REDIRECT_BAD_LOCATION)
  const { info } = callbacks
  // What a hop in front says of itself does not make this connection safe.
  const fromHttp = request.scheme !== 'https' || info.connection.ssl === null
  const toHttp = target.protocol === 'http:'
  if (fromHttp !== toHttp && !plan.allowCrossSchemeRedirect) return refuse(cells, S.REDIRECT_UNSAFE_SCHEME)
  info.filterState ??= new Map()
  const followed = (info.filterState.get(COUNT) as number | undefined) ?? 0
  if (followed >= plan.maxInternalRedirects) return refuse(cells, S.REDIRECT_TOO_MANY)
  const { scheme, authority, path } = request
  request.scheme = toHttp ? 'http' : 'https'
  request.authority = target.host
  request.path = target.pathname + target.search
  callbacks.clearRouteCache()
  const next = callbacks.route
  // As Envoy: the log of this request names the cluster that it was sent on to, or was not.
  router.onRouteSelected()
  const verdict = next === null ? S.REDIRECT_NO_ROUTE : judge(plan, router.route, next, fromHttp && !toHttp, callbacks)
  if (verdict >= 0) {
    request.scheme = scheme
    request.authority = authority
    request.path = path
    callbacks.clearRouteCache()
    return refuse(cells, verdict)
  }
  info.filterState.set(COUNT, followed + 1)
  copyHeaders(plan, request, response)
  request.set(X_ENVOY_ORIGINAL_URL, `${fromHttp ? 'http' : 'https'}://${authority}${path}`)
  return true
}

function refuse(cells: Float64Array, slot: number): false {
  cells[slot]! += 1
  return false
}

/** An absolute http or https URL, as Envoy asks for; null: none. */
function parseLocation(text: string | undefined): URL | null {
  if (text === undefined || !URL.canParse(text)) return null
  const url = new URL(text)
  return url.protocol === 'http:' || url.protocol === 'https:' ? url : null
}

/** -1: the predicates let the redirect through; else the counter of why not. */
function judge(
  plan: InternalRedirectPlan,
  route: Route,
  next: Route,
  becomesHttps: boolean,
  { info }: HttpFilterCallbacks,
): number {
  if (plan.allowedRoutes !== null && !plan.allowedRoutes.has(next.name ?? '')) return S.REDIRECT_PREDICATE
  if (plan.safeCrossScheme && becomesHttps) return S.REDIRECT_PREDICATE
  if (!plan.refusesPreviousRoutes) return -1
  const state = info.filterState as Map<string, unknown>
  const key = `${ROUTES}.${route.name ?? ''}`
  const seen = (state.get(key) as Set<string> | undefined) ?? new Set<string>()
  if (seen.has(next.name ?? '')) return S.REDIRECT_PREDICATE
  state.set(key, seen.add(next.name ?? ''))
  return -1
}

function copyHeaders(plan: InternalRedirectPlan, request: HeaderMap, response: HeaderMap): void {
  for (const name of plan.headersToCopy) {
    request.remove(name)
    for (const value of response.getAll(name)) request.append(name, value)
  }
}

/** 303 asks for the other resource by GET, without the body (RFC 9110, 15.4.4). True: the body is not sent again. */
function becomesGet(status: number, request: HeaderMap): boolean {
  if (status !== 303 || request.method === 'GET' || request.method === 'HEAD') return false
  request.method = 'GET'
  request.remove(http.CONTENT_LENGTH)
  request.remove(http.TRANSFER_ENCODING)
  return true
}
