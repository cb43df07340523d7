import type { HeaderMap } from './headers.ts'
import { X_ENVOY_ORIGINAL_PATH } from './known-headers.ts'

/** The URI that the client asked for, before rewrites; its path is cut at `maxPathLength`. For realms and logs. */
export function originalUri(headers: HeaderMap, maxPathLength: number): string {
  const path = headers.get(X_ENVOY_ORIGINAL_PATH) ?? headers.path
  return `${headers.scheme}://${headers.authority}${path.slice(0, maxPathLength)}`
}
