// auto_host_rewrite: the upstream host's own name becomes the authority.
import type { HeaderMap, Route } from '../http/index.ts'
import * as http from '../http/index.ts'

/** The name that was asked for stays readable in x-envoy-original-host. */
export function rewriteHost(route: Route, headers: HeaderMap, hostname: string): void {
  const { authority } = headers
  if (authority === hostname) return
  headers.set(http.X_ENVOY_ORIGINAL_HOST, authority)
  if (route.appendXForwardedHost) {
    const before = headers.get(http.X_FORWARDED_HOST) ?? ''
    headers.set(http.X_FORWARDED_HOST, before === '' ? authority : `${before},${authority}`)
  }
  headers.authority = hostname
}
