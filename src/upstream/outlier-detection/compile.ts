import type { OutlierDetectionJson } from '#api/envoy/config/cluster/v3/outlier_detection_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport, durationMs } from '../../config/index.ts'
import type { ErrorMatcher } from './error-matcher.ts'
import type { LatencyPlan } from './latency/latency-plan.ts'
import { OUTLIER_DEFAULTS as D, type OutlierPlan } from './outlier-plan.ts'

const MONITORS = 'outrider.outlier_detection.monitors'

declareSupport('envoy.config.cluster.v3.OutlierDetection', {
  supported: [
    'consecutive_5xx',
    'interval',
    'base_ejection_time',
    'max_ejection_percent',
    'enforcing_consecutive_5xx',
    'enforcing_success_rate',
    'success_rate_minimum_hosts',
    'success_rate_request_volume',
    'success_rate_stdev_factor',
    'consecutive_gateway_failure',
    'enforcing_consecutive_gateway_failure',
    'split_external_local_origin_errors',
    'consecutive_local_origin_failure',
    'enforcing_consecutive_local_origin_failure',
    'enforcing_local_origin_success_rate',
    'failure_percentage_threshold',
    'enforcing_failure_percentage',
    'enforcing_failure_percentage_local_origin',
    'failure_percentage_minimum_hosts',
    'failure_percentage_request_volume',
    'max_ejection_time',
    'max_ejection_time_jitter',
    'successful_active_health_check_uneject_host',
    'monitors',
    'always_eject_one_host',
    'detect_degraded_hosts',
  ],
})

/** Plans of entries in `monitors`; one kind is known: slow hosts. */
function compileMonitors(json: OutlierDetectionJson, context: CompileContext, path: ConfigPath): LatencyPlan | null {
  let latency: LatencyPlan | null = null
  json.monitors?.forEach((monitor, i) => {
    const at = path.field('monitors').index(i)
    const factory = context.extensions.find(MONITORS, monitor, context, at)
    if (factory === undefined) return
    if (latency !== null) context.diagnostics.error(at, 'slow hosts are watched by one monitor')
    latency = factory.compile(monitor.typedConfig as object, context, at.field('typed_config')) as LatencyPlan
  })
  return latency
}

/** Compiles envoy.config.cluster.v3.OutlierDetection; null where a cluster has none. */
export function compileOutlierDetection(
  json: OutlierDetectionJson | undefined,
  errorMatcher: ErrorMatcher | null,
  context: CompileContext,
  path: ConfigPath,
): OutlierPlan | null {
  if (json === undefined) return null
  const base = durationMs(json.baseEjectionTime, D.base_ejection_time_ms)
  const longest = durationMs(json.maxEjectionTime, Math.max(D.max_ejection_time_ms, base))
  if (longest < base) {
    context.diagnostics.error(path.field('max_ejection_time'), 'the longest ejection is shorter than the first one', {
      expected: `base_ejection_time (${json.baseEjectionTime ?? '30s'}) or more`,
      found: String(json.maxEjectionTime),
    })
  }
  return Object.freeze({
    settings: Object.freeze({
      consecutive_5xx: json.consecutive5xx ?? D.consecutive_5xx,
      consecutive_gateway_failure: json.consecutiveGatewayFailure ?? D.consecutive_gateway_failure,
      consecutive_local_origin_failure: json.consecutiveLocalOriginFailure ?? D.consecutive_local_origin_failure,
      interval_ms: durationMs(json.interval, D.interval_ms),
      base_ejection_time_ms: base,
      max_ejection_time_ms: longest,
      max_ejection_time_jitter_ms: durationMs(json.maxEjectionTimeJitter, D.max_ejection_time_jitter_ms),
      max_ejection_percent: json.maxEjectionPercent ?? D.max_ejection_percent,
      enforcing_consecutive_5xx: json.enforcingConsecutive5xx ?? D.enforcing_consecutive_5xx,
      enforcing_consecutive_gateway_failure:
        json.enforcingConsecutiveGatewayFailure ?? D.enforcing_consecutive_gateway_failure,
      enforcing_consecutive_local_origin_failure:
        json.enforcingConsecutiveLocalOriginFailure ?? D.enforcing_consecutive_local_origin_failure,
      enforcing_success_rate: json.enforcingSuccessRate ?? D.enforcing_success_rate,
      enforcing_local_origin_success_rate:
        json.enforcingLocalOriginSuccessRate ?? D.enforcing_local_origin_success_rate,
      enforcing_failure_percentage: json.enforcingFailurePercentage ?? D.enforcing_failure_percentage,
      enforcing_failure_percentage_local_origin:
        json.enforcingFailurePercentageLocalOrigin ?? D.enforcing_failure_percentage_local_origin,
      success_rate_minimum_hosts: json.successRateMinimumHosts ?? D.success_rate_minimum_hosts,
      success_rate_request_volume: json.successRateRequestVolume ?? D.success_rate_request_volume,
      success_rate_stdev_factor: json.successRateStdevFactor ?? D.success_rate_stdev_factor,
      failure_percentage_threshold: json.failurePercentageThreshold ?? D.failure_percentage_threshold,
      failure_percentage_minimum_hosts: json.failurePercentageMinimumHosts ?? D.failure_percentage_minimum_hosts,
      failure_percentage_request_volume: json.failurePercentageRequestVolume ?? D.failure_percentage_request_volume,
    }),
    splitLocalOrigin: json.splitExternalLocalOriginErrors ?? false,
    unejectOnHealthCheck: json.successfulActiveHealthCheckUnejectHost ?? true,
    alwaysEjectOneHost: json.alwaysEjectOneHost ?? false,
    detectDegraded: json.detectDegradedHosts ?? false,
    errorMatcher,
    latency: compileMonitors(json, context, path),
  })
}
