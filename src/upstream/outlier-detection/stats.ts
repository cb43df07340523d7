import { statTemplate } from '../../observability/index.ts'
import type { EjectionType } from './outlier-plan.ts'

/** As they stand in stat names. */
const KINDS: Readonly<Record<EjectionType, string>> = {
  CONSECUTIVE_5XX: 'consecutive_5xx',
  CONSECUTIVE_GATEWAY_FAILURE: 'consecutive_gateway_failure',
  CONSECUTIVE_LOCAL_ORIGIN_FAILURE: 'consecutive_local_origin_failure',
  SUCCESS_RATE: 'success_rate',
  SUCCESS_RATE_LOCAL_ORIGIN: 'local_origin_success_rate',
  FAILURE_PERCENTAGE: 'failure_percentage',
  FAILURE_PERCENTAGE_LOCAL_ORIGIN: 'local_origin_failure_percentage',
  LATENCY: 'latency',
}
const types = (Object.keys(KINDS) as EjectionType[]).filter(type => type !== 'LATENCY')

/** Stats below 'cluster.<name>.outlier_detection.'. */
export const OUTLIER_STATS = statTemplate({
  counters: [
    ...types.map(type => `ejections_detected_${KINDS[type]}`),
    ...types.map(type => `ejections_enforced_${KINDS[type]}`),
    'ejections_detected_degradation',
    'ejections_enforced_total',
    'ejections_overflow',
    // These three are what the others were before there were several kinds; Envoy keeps them.
    'ejections_consecutive_5xx',
    'ejections_success_rate',
    'ejections_total',
  ],
  gauges: ['ejections_active'],
})

/** Beside them where latency is watched. */
export const LATENCY_STATS = statTemplate({
  counters: ['ejections_detected_latency', 'ejections_enforced_latency'],
  gauges: ['latency_quantile_us'],
})

export const detectedName = (type: EjectionType): string => `ejections_detected_${KINDS[type]}`
export const enforcedName = (type: EjectionType): string => `ejections_enforced_${KINDS[type]}`
