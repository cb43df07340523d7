// HttpConnectionManager.proxy_status_config: the header of RFC 9209, which tells clients what failed here.
import type { HttpConnectionManager_ProxyStatusConfigJson as ProxyStatusConfigJson } from '#api/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts'
import { toWireText } from '../base/index.ts'
import { type HeaderMap, PROXY_STATUS } from '../http/index.ts'
import { flagsToString, ResponseFlag, type StreamInfo } from '../observability/index.ts'

export interface ProxyStatusPlan {
  readonly name: string
  readonly details: boolean
  readonly terminationDetails: boolean
  readonly flags: boolean
  readonly recommendedStatus: boolean
}

interface Failure {
  readonly error: string
  /** What the RFC recommends; 0: nothing. */
  readonly status: number
}

const UNAVAILABLE: Failure = { error: 'destination_unavailable', status: 503 }
const TIMEOUT: Failure = { error: 'connection_timeout', status: 504 }
const NO_RESPONSE: Failure = { error: 'http_response_timeout', status: 504 }
const REFUSED: Failure = { error: 'connection_refused', status: 502 }
const TERMINATED: Failure = { error: 'connection_terminated', status: 502 }
const LIMIT: Failure = { error: 'connection_limit_reached', status: 503 }
const BAD_REQUEST: Failure = { error: 'http_request_error', status: 0 }

/** In Envoy's order: the first flag that is set decides. */
const FAILURES: readonly (readonly [flag: number, failure: Failure])[] = [
  [ResponseFlag.FailedLocalHealthCheck, UNAVAILABLE],
  [ResponseFlag.NoHealthyUpstream, UNAVAILABLE],
  [ResponseFlag.UpstreamRequestTimeout, NO_RESPONSE],
  [ResponseFlag.DurationTimeout, TIMEOUT],
  [ResponseFlag.LocalReset, TIMEOUT],
  [ResponseFlag.UpstreamRemoteReset, TERMINATED],
  [ResponseFlag.UpstreamConnectionFailure, REFUSED],
  [ResponseFlag.UnauthorizedExternalService, REFUSED],
  [ResponseFlag.UpstreamConnectionTermination, TERMINATED],
  [ResponseFlag.OverloadManagerTerminated, LIMIT],
  [ResponseFlag.DropOverload, LIMIT],
  [ResponseFlag.FaultInjected, BAD_REQUEST],
  [ResponseFlag.DownstreamConnectionTermination, TERMINATED],
  [ResponseFlag.DownstreamRemoteReset, TERMINATED],
  [ResponseFlag.UpstreamOverflow, LIMIT],
  [ResponseFlag.NoRouteFound, { error: 'destination_not_found', status: 500 }],
  [ResponseFlag.RateLimited, LIMIT],
  [ResponseFlag.RateLimitServiceError, LIMIT],
  [ResponseFlag.UpstreamRetryLimitExceeded, UNAVAILABLE],
  [ResponseFlag.StreamIdleTimeout, NO_RESPONSE],
  [ResponseFlag.InvalidEnvoyRequestHeaders, BAD_REQUEST],
  [ResponseFlag.DownstreamProtocolError, BAD_REQUEST],
  [ResponseFlag.UpstreamMaxStreamDurationReached, NO_RESPONSE],
  [ResponseFlag.NoFilterConfigFound, { error: 'proxy_configuration_error', status: 500 }],
  [ResponseFlag.UpstreamProtocolError, { error: 'http_protocol_error', status: 502 }],
  [ResponseFlag.NoClusterFound, UNAVAILABLE],
  [ResponseFlag.DnsResolutionFailed, { error: 'dns_error', status: 502 }],
]

export function compileProxyStatus(
  config: ProxyStatusConfigJson | undefined,
  serverName: string,
  nodeId: string,
): ProxyStatusPlan | null {
  if (config === undefined) return null
  const name = config.literalProxyName ?? (config.useNodeId === undefined ? serverName : nodeId)
  return {
    name: toWireText(name),
    details: config.removeDetails !== true,
    terminationDetails: config.removeConnectionTerminationDetails !== true,
    flags: config.removeResponseFlags !== true,
    recommendedStatus: config.setRecommendedResponseCode === true,
  }
}

/** Adds the header where the request has failed; the status may change with it. */
export function addProxyStatus(plan: ProxyStatusPlan, response: HeaderMap, info: StreamInfo): void {
  const { flags } = info
  if (flags === 0) return
  const failure = FAILURES.find(([flag]) => (flags & flag) !== 0)?.[1]
  if (failure === undefined) return
  let value = `${plan.name}; error=${failure.error}`
  if (plan.details && info.responseCodeDetails !== null)
    value += `; details="${details(plan, info).replace(/["\\]/g, '\\$&')}"`
  const others = response.get(PROXY_STATUS)
  response.set(PROXY_STATUS, others === undefined ? value : `${others}, ${value}`)
  if (plan.recommendedStatus && failure.status !== 0) response.status = info.responseCode = failure.status
}

function details(plan: ProxyStatusPlan, info: StreamInfo): string {
  const { responseCodeDetails, connectionTerminationDetails: termination } = info
  const parts = [responseCodeDetails]
  if (plan.terminationDetails && termination !== null) parts.push(termination)
  if (plan.flags) parts.push(flagsToString(info.flags))
  return parts.join('; ')
}
