import type { LatencyJson } from '#api/outrider/extensions/outlier_detection/latency/v1/latency_pb.ts'
import { declareSupport, durationMs, type ExtensionFactory } from '../../../config/index.ts'
import { LATENCY_DEFAULTS, type LatencyPlan } from '../../../upstream/index.ts'

const TYPE = 'outrider.extensions.outlier_detection.latency.v1.Latency'

declareSupport(TYPE, {
  supported: [
    'enforcing',
    'quantile',
    'threshold_factor',
    'minimum_difference',
    'minimum_hosts',
    'request_volume',
    'interval',
    'half_life',
    'confirmations',
  ],
})

/** outrider.outlier_detection.latency: hosts that are merely slow are outliers too. */
export const latencyMonitorFactory: ExtensionFactory<LatencyPlan> = {
  name: 'outrider.outlier_detection.latency',
  category: 'outrider.outlier_detection.monitors',
  typeNames: [TYPE],
  compile: config => {
    const json = config as LatencyJson
    const D = LATENCY_DEFAULTS
    return Object.freeze({
      enforcing: json.enforcing ?? D.enforcing,
      quantile: json.quantile === undefined ? D.quantile : Number(json.quantile) / 100,
      factor: json.thresholdFactor === undefined ? D.factor : Number(json.thresholdFactor),
      floorMs: durationMs(json.minimumDifference, D.floorMs),
      minimumHosts: json.minimumHosts ?? D.minimumHosts,
      requestVolume: json.requestVolume ?? D.requestVolume,
      intervalMs: durationMs(json.interval, D.intervalMs),
      halfLifeMs: durationMs(json.halfLife, D.halfLifeMs),
      confirmations: json.confirmations ?? D.confirmations,
    })
  },
}
