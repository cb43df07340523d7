// The route of a request that a virtual host wants to see over TLS (require_tls).
import type { Route, VirtualHostPlan } from '../../http/index.ts'
import { bareRoute } from './bare-route.ts'
import { HTTPS_REDIRECT } from './redirect-action.ts'
import { RouteEntry } from './route-entry.ts'

export function httpsRedirectRoute(virtualHost: VirtualHostPlan): Route {
  return new RouteEntry({ ...bareRoute(virtualHost), kind: 'redirect', redirectPlan: HTTPS_REDIRECT })
}
