import type { RuntimeSnapshot } from '../../config/index.ts'
import type { ErrorMatcher } from './error-matcher.ts'
import type { LatencyPlan } from './latency/latency-plan.ts'

/** Fields of OutlierDetection that the runtime can override, with Envoy's defaults; times in ms. */
export const OUTLIER_DEFAULTS = {
  consecutive_5xx: 5,
  consecutive_gateway_failure: 5,
  consecutive_local_origin_failure: 5,
  interval_ms: 10_000,
  base_ejection_time_ms: 30_000,
  max_ejection_time_ms: 300_000,
  max_ejection_time_jitter_ms: 0,
  max_ejection_percent: 10,
  enforcing_consecutive_5xx: 100,
  enforcing_consecutive_gateway_failure: 0,
  enforcing_consecutive_local_origin_failure: 100,
  enforcing_success_rate: 100,
  enforcing_local_origin_success_rate: 100,
  enforcing_failure_percentage: 0,
  enforcing_failure_percentage_local_origin: 0,
  success_rate_minimum_hosts: 5,
  success_rate_request_volume: 100,
  success_rate_stdev_factor: 1900,
  failure_percentage_threshold: 85,
  failure_percentage_minimum_hosts: 5,
  failure_percentage_request_volume: 50,
}

export type OutlierSetting = keyof typeof OUTLIER_DEFAULTS

/** envoy.config.cluster.v3.OutlierDetection. */
export interface OutlierPlan {
  readonly settings: Readonly<Record<OutlierSetting, number>>
  /** Failures that arise here (connecting, time-outs) are judged apart from those that hosts answer with. */
  readonly splitLocalOrigin: boolean
  readonly unejectOnHealthCheck: boolean
  readonly alwaysEjectOneHost: boolean
  readonly detectDegraded: boolean
  /** Which answers are errors; null: those with a 5xx status. */
  readonly errorMatcher: ErrorMatcher | null
  /** Null: hosts may be as slow as they like. */
  readonly latency: LatencyPlan | null
}

/** A setting as it is now. */
export function outlierSetting(plan: OutlierPlan, runtime: RuntimeSnapshot, name: OutlierSetting): number {
  return runtime.getNumber(`outlier_detection.${name}`, plan.settings[name])
}

/** envoy.data.cluster.v3.OutlierEjectionType, and ours. */
export type EjectionType =
  | 'CONSECUTIVE_5XX'
  | 'CONSECUTIVE_GATEWAY_FAILURE'
  | 'CONSECUTIVE_LOCAL_ORIGIN_FAILURE'
  | 'SUCCESS_RATE'
  | 'SUCCESS_RATE_LOCAL_ORIGIN'
  | 'FAILURE_PERCENTAGE'
  | 'FAILURE_PERCENTAGE_LOCAL_ORIGIN'
  | 'LATENCY'

/** How many failures in a row make an outlier. */
export const IN_A_ROW = {
  CONSECUTIVE_5XX: 'consecutive_5xx',
  CONSECUTIVE_GATEWAY_FAILURE: 'consecutive_gateway_failure',
  CONSECUTIVE_LOCAL_ORIGIN_FAILURE: 'consecutive_local_origin_failure',
} as const satisfies Partial<Record<EjectionType, OutlierSetting>>

/** How often, in percent, a detection of each type leads to an ejection. */
export const ENFORCING: Readonly<Record<Exclude<EjectionType, 'LATENCY'>, OutlierSetting>> = {
  CONSECUTIVE_5XX: 'enforcing_consecutive_5xx',
  CONSECUTIVE_GATEWAY_FAILURE: 'enforcing_consecutive_gateway_failure',
  CONSECUTIVE_LOCAL_ORIGIN_FAILURE: 'enforcing_consecutive_local_origin_failure',
  SUCCESS_RATE: 'enforcing_success_rate',
  SUCCESS_RATE_LOCAL_ORIGIN: 'enforcing_local_origin_success_rate',
  FAILURE_PERCENTAGE: 'enforcing_failure_percentage',
  FAILURE_PERCENTAGE_LOCAL_ORIGIN: 'enforcing_failure_percentage_local_origin',
}
