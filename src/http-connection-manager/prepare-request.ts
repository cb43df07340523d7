// HOT FILE (docs/hot-path.md): what a request whose path is accepted goes through before it is routed. Explanations of
// routing (explain-request.ts) run the same.

import type { HeaderMap, HeaderName, Route, RouteTable } from '../http/index.ts'
import * as http from '../http/index.ts'
import type { StreamInfo } from '../observability/index.ts'
import { type ConnectionIdentity, dropInternalOnly, EdgeRequest, mutateForwarded, setRequestId } from './forwarded.ts'
import type { ChainedFilter, HttpConnectionManagerPlan } from './plan.ts'
import { dropBadReferer } from './referer.ts'
import { normalizeHost } from './request-headers.ts'

const NONE: readonly HeaderName[] = []

/** 0, or the status to refuse the request with: its client's address is not acceptable. */
export function prepareRequest(
  plan: HttpConnectionManagerPlan,
  identity: ConnectionIdentity,
  routes: RouteTable | null,
  headers: HeaderMap,
  info: StreamInfo,
): number {
  if (headers.has(http.REFERER)) dropBadReferer(headers)
  if (plan.stripPort !== 'none' || plan.stripTrailingHostDot) normalizeHost(plan, headers, identity.localPort)
  const origin = mutateForwarded(plan, identity, headers, info)
  if (origin >= 100) return origin
  setRequestId(plan, headers, origin === EdgeRequest)
  identity.clientCert.apply(headers)
  const internalOnly = routes === null ? NONE : routes.internalOnlyHeaders
  if (internalOnly.length > 0) dropInternalOnly(headers, internalOnly)
  if (plan.schemeOverwrite !== '') {
    headers.scheme = plan.schemeOverwrite
    headers.set(http.X_FORWARDED_PROTO, plan.schemeOverwrite)
  } else if (headers.scheme === '') headers.scheme = headers.get(http.X_FORWARDED_PROTO) === 'https' ? 'https' : 'http'
  return 0
}

/** Whether an upgrade, or CONNECT, passes: the route decides, or else the connection manager. `type`: in lower case. */
export function allowsUpgrade(plan: HttpConnectionManagerPlan, route: Route | null, type: string): boolean {
  const own = route?.upgrades?.get(type)
  return own ?? plan.upgrades.find(each => each.type === type)?.enabled ?? false
}

/** Whether a filter does not run. As Envoy: the route has the last word; a terminal filter is never left out. */
export function isLeftOut({ name, plan, disabled }: ChainedFilter, route: Route | null): boolean {
  if (plan.terminal) return false
  if (route === null || !route.hasFilterConfigs) return disabled
  return route.perFilterConfig(name)?.disabled ?? disabled
}
