// HOT FILE (docs/hot-path.md): how long the origin took, as a header.
import type { HeaderMap } from '../http/index.ts'
import * as http from '../http/index.ts'

const NAME_LENGTH = http.X_ENVOY_UPSTREAM_SERVICE_TIME.text.length
/** 'x-envoy-upstream-service-time: N' for small N, as bytes. */
const lines: Uint8Array[] = Array.from({ length: 64 }, (_, ms) =>
  Buffer.from(`x-envoy-upstream-service-time: ${ms}\r\n`, 'latin1'),
)

export function setServiceTime(headers: HeaderMap, ms: number): void {
  headers.remove(http.X_ENVOY_UPSTREAM_SERVICE_TIME)
  if (ms < lines.length) headers.appendPrepared(lines[ms] as Uint8Array, NAME_LENGTH)
  else headers.append(http.X_ENVOY_UPSTREAM_SERVICE_TIME, String(ms))
}
