// HOT FILE (docs/hot-path.md): what an answer is counted under: its host (rq_success, rq_error), its cluster, slices of traffic.

import type { HeaderMap } from '../http/index.ts'
import * as http from '../http/index.ts'
import type { StreamInfo } from '../observability/index.ts'
import { type Cluster, HOST_RQ_ERROR, HOST_RQ_SUCCESS, type Host, type ResponseCodeStats } from '../upstream/index.ts'
import type { RouterPlan } from './router-plan.ts'
import type { SliceStats } from './slice-stats.ts'

/** Who asks, and where that is counted. */
export interface ChargedRequest {
  readonly plan: RouterPlan
  readonly info: StreamInfo
  readonly headers: HeaderMap | null
  readonly cluster: Cluster
  readonly slices: readonly SliceStats[]
  readonly alternativeStats: ResponseCodeStats | null
}

/**
 * Charges what the head of an answer settles that is passed on; a status of 5xx is charged with the code. True: a gRPC call
 * is under way, whose trailers settle it.
 */
export function chargeHost(host: Host, response: HeaderMap, request: HeaderMap, endStream: boolean): boolean {
  if (response.status >= 500) return false
  if (!http.hasGrpcContentType(request)) host.cells[HOST_RQ_SUCCESS]! += 1
  else if (endStream) chargeGrpcHost(host, response)
  else return true
  return false
}

/** The call has ended; without a grpc-status that is an error. */
export function chargeGrpcHost(host: Host, last: HeaderMap | null): void {
  const status = last === null ? null : http.grpcStatusIn(last)
  const failed = status === null || status < 0 || http.httpStatusOfGrpc(status) >= 500
  host.cells[failed ? HOST_RQ_ERROR : HOST_RQ_SUCCESS]! += 1
}

/**
 * The proxy's own answers are charged to the cluster too, health checks are no part of its traffic. `host`: whose attempt
 * they stand for.
 */
export function chargeStatus(request: ChargedRequest, status: number, host: Host | null, saysCanary: boolean): void {
  if (request.info.healthCheck) return
  if (host !== null && status >= 500 && status < 600) host.cells[HOST_RQ_ERROR]! += 1
  const canary = saysCanary || host?.canary === true
  const zone = host === null ? '' : host.locality.zone
  const { cluster, alternativeStats, slices } = request
  const internal = isInternal(request)
  const hidden = hidesStatus(request)
  cluster.codeStats.charge(status, internal, canary, zone, hidden)
  if (alternativeStats !== null) alternativeStats.charge(status, internal, canary, zone, hidden)
  for (let i = 0; i < slices.length; i++) (slices[i] as SliceStats).charge(status)
}

export function chargeInterimStatus(request: ChargedRequest, status: number): void {
  request.cluster.codeStats.charge(status, isInternal(request), false, '', hidesStatus(request))
}

/** How long `host` and whoever was asked before it took. */
export function recordTime(request: ChargedRequest, host: Host, ms: number): void {
  if (request.info.healthCheck) return
  const { canary, locality } = host
  const { cluster, alternativeStats, slices } = request
  cluster.codeStats.recordTime(ms, isInternal(request), canary, locality.zone)
  if (alternativeStats !== null) alternativeStats.recordTime(ms, isInternal(request), canary, locality.zone)
  for (let i = 0; i < slices.length; i++) (slices[i] as SliceStats).recordTime(ms)
}

function isInternal({ headers }: ChargedRequest): boolean {
  return headers?.has(http.X_ENVOY_INTERNAL) === true
}

/** suppress_grpc_request_failure_code_stats: what became of a gRPC call is not told by HTTP's status. */
function hidesStatus({ plan, headers }: ChargedRequest): boolean {
  return plan.suppressGrpcCodeStats && headers !== null && http.hasGrpcContentType(headers)
}
