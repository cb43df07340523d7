// Health flags of a host, as Envoy names them (source/common/upstream, HealthFlag).
import type { HealthStatusJson } from '#api/envoy/config/core/v3/health_check_pb.ts'

export const FailedActiveHealthCheck = 1
export const FailedOutlierCheck = 2
export const FailedEdsHealth = 4
export const DegradedActiveHealthCheck = 8
export const DegradedEdsHealth = 16
export const PendingDynamicRemoval = 32
export const PendingActiveHealthCheck = 64
export const ExcludedViaImmediateHealthCheckFail = 128
export const ActiveHealthCheckTimeout = 256
export const EdsStatusDraining = 512
/** Its answers said x-envoy-degraded. */
export const DegradedOutlierDetection = 1024

/** What discovery says of a host; everything else is found out by this proxy. */
export const DISCOVERED_HEALTH = FailedEdsHealth | DegradedEdsHealth | PendingDynamicRemoval | EdsStatusDraining

const UNHEALTHY = FailedActiveHealthCheck | FailedOutlierCheck | FailedEdsHealth | EdsStatusDraining
const DEGRADED = DegradedActiveHealthCheck | DegradedEdsHealth | DegradedOutlierDetection
const EXCLUDED = PendingActiveHealthCheck | ExcludedViaImmediateHealthCheckFail

export const Healthy = 0
export const Degraded = 1
export const Unhealthy = 2
export type Health = typeof Healthy | typeof Degraded | typeof Unhealthy

const TEXTS: readonly (readonly [number, string])[] = [
  [FailedActiveHealthCheck, '/failed_active_hc'],
  [FailedOutlierCheck, '/failed_outlier_check'],
  [FailedEdsHealth, '/failed_eds_health'],
  [DegradedActiveHealthCheck, '/degraded_active_hc'],
  [DegradedEdsHealth, '/degraded_eds_health'],
  [PendingDynamicRemoval, '/pending_dynamic_removal'],
  [PendingActiveHealthCheck, '/pending_active_hc'],
  [ExcludedViaImmediateHealthCheckFail, '/excluded_via_immediate_hc_fail'],
  [ActiveHealthCheckTimeout, '/active_hc_timeout'],
  [EdsStatusDraining, '/eds_status_draining'],
  [DegradedOutlierDetection, '/degraded_outlier_detection'],
]

/** What a balancer may do with a host that has these flags. */
export function healthOf(flags: number): Health {
  if ((flags & UNHEALTHY) !== 0) return Unhealthy
  return (flags & DEGRADED) !== 0 ? Degraded : Healthy
}

/** Excluded hosts do not count when the health of their priority is worked out. */
export function isExcluded(flags: number): boolean {
  return (flags & EXCLUDED) !== 0
}

/** Flags of envoy.config.endpoint.v3.LbEndpoint.health_status. */
export function edsHealthFlags(status: HealthStatusJson | undefined): number {
  if (status === 'UNHEALTHY' || status === 'TIMEOUT') return FailedEdsHealth
  if (status === 'DRAINING') return EdsStatusDraining
  return status === 'DEGRADED' ? DegradedEdsHealth : 0
}

/** '' when healthy, else such as '/failed_eds_health'; the order is Envoy's. */
export function healthFlagsText(flags: number): string {
  return TEXTS.map(([bit, text]) => ((flags & bit) === 0 ? '' : text)).join('')
}
/** `health_status.eds_health_status` of /clusters: Envoy prints TIMEOUT as UNHEALTHY. */
export function edsHealthStatus(flags: number): string {
  if ((flags & FailedEdsHealth) !== 0) return 'UNHEALTHY'
  if ((flags & EdsStatusDraining) !== 0) return 'DRAINING'
  return (flags & DegradedEdsHealth) !== 0 ? 'DEGRADED' : 'HEALTHY'
}

const FAILED = FailedActiveHealthCheck | FailedOutlierCheck | FailedEdsHealth

/** One bit that stands for the health of a host, in sets of envoy.config.core.v3.HealthStatus. */
export function healthStatusBit(flags: number): number {
  if ((flags & FAILED) !== 0) return 4
  if ((flags & EdsStatusDraining) !== 0) return 8
  return (flags & DEGRADED) !== 0 ? 2 : 1
}

/** healthStatusBits() of all. */
export const AnyStatus = 15

const STATUS_BITS: Readonly<Record<HealthStatusJson, number>> = {
  UNKNOWN: 1,
  HEALTHY: 1,
  DEGRADED: 2,
  UNHEALTHY: 4,
  TIMEOUT: 4,
  DRAINING: 8,
}

/** envoy.config.core.v3.HealthStatusSet as bits; without one, hosts that can be used. */
export function healthStatusBits(statuses: readonly HealthStatusJson[] | undefined): number {
  return (statuses ?? ['HEALTHY', 'DEGRADED']).reduce((bits, status) => bits | STATUS_BITS[status], 0)
}
