// auto_host_rewrite: the upstream host's own name becomes the authority.
import type { HeaderMap, Route } from '../http/index.ts'
import * as http from '../http/index.ts'

/** The name that was asked for stays readable in x-envoy-original-host. */
export function rewriteHost(route: Route, headers: HeaderMap, hostname: string): void {
  const { authority } = headers
  if (authority === hostname) return
  if (route.appendXForwardedHost) headers.set(http.X_FORWARDED_HOST, authority)
  headers.set(http.X_ENVOY_ORIGINAL_HOST, authority)
  headers.authority = hostname
}
