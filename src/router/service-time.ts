// HOT FILE (docs/hot-path.md): how long the origin took, as a header.
import type { HeaderMap } from '../http/index.ts'
import * as http from '../http/index.ts'

/** 'x-envoy-upstream-service-time: N' for small N. */
const lines = Array.from(
  { length: 64 },
  (_, ms) => new http.PreparedLine(http.X_ENVOY_UPSTREAM_SERVICE_TIME, String(ms)),
)

export function setServiceTime(headers: HeaderMap, ms: number): void {
  if (ms < lines.length) headers.setPrepared(lines[ms] as http.PreparedLine)
  else headers.set(http.X_ENVOY_UPSTREAM_SERVICE_TIME, String(ms))
}
