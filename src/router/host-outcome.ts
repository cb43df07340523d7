// HOT FILE (docs/hot-path.md): what an answer means for the host's own counters (rq_success, rq_error).

import type { HeaderMap } from '../http/index.ts'
import * as http from '../http/index.ts'
import { HOST_RQ_ERROR, HOST_RQ_SUCCESS, type Host } from '../upstream/index.ts'

/**
 * Charges what the head of an answer settles that is passed on; a status of 5xx is charged with the code. Returns the host whose
 * gRPC call ends only with trailers, or null.
 */
export function chargeHost(host: Host, response: HeaderMap, request: HeaderMap, endStream: boolean): Host | null {
  if (response.status >= 500) return null
  if (!http.hasGrpcContentType(request)) host.cells[HOST_RQ_SUCCESS]! += 1
  else if (endStream) chargeGrpcHost(host, response)
  else return host
  return null
}

/** The call has ended; without a grpc-status that is an error. */
export function chargeGrpcHost(host: Host, last: HeaderMap | null): void {
  const status = last === null ? null : http.grpcStatusIn(last)
  const failed = status === null || status < 0 || http.httpStatusOfGrpc(status) >= 500
  host.cells[failed ? HOST_RQ_ERROR : HOST_RQ_SUCCESS]! += 1
}
