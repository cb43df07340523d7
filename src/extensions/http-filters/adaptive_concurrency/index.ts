import type { AdaptiveConcurrencyJson } from '#api/envoy/extensions/filters/http/adaptive_concurrency/v3/adaptive_concurrency_pb.ts'
import { declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import type { HttpFilterPlan } from '../../../http/index.ts'
import { AdaptiveConcurrency } from './adaptive-concurrency.ts'
import { AdaptiveConcurrencyPlan } from './plan.ts'
import { checkGradient } from './settings.ts'

const API = 'envoy.extensions.filters.http.adaptive_concurrency.v3'
const NAME = 'envoy.filters.http.adaptive_concurrency'

declareSupport(`${API}.AdaptiveConcurrency`, {
  supported: ['gradient_controller_config', 'enabled', 'concurrency_limit_exceeded_status'],
})
declareSupport(`${API}.GradientControllerConfig`, {
  supported: ['sample_aggregate_percentile', 'concurrency_limit_params', 'min_rtt_calc_params'],
})
declareSupport(`${API}.GradientControllerConfig.ConcurrencyLimitCalculationParams`, {
  supported: ['max_concurrency_limit', 'concurrency_update_interval', 'min_concurrency_limit'],
})
declareSupport(`${API}.GradientControllerConfig.MinimumRTTCalculationParams`, {
  supported: ['interval', 'fixed_value', 'request_count', 'jitter', 'min_concurrency', 'buffer'],
})

/** envoy.filters.http.adaptive_concurrency */
export const adaptiveConcurrencyFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [`${API}.AdaptiveConcurrency`],
  compile: (config, context, path) => {
    const json = config as AdaptiveConcurrencyJson
    checkGradient(json.gradientControllerConfig ?? {}, context, path.field('gradient_controller_config'))
    const plan = new AdaptiveConcurrencyPlan(json, `adaptive_concurrency at ${context.resource ?? ''} ${path}`)
    return {
      name: NAME,
      terminal: false,
      start: (thread, prefix) => plan.start(thread, prefix),
      create: () => new AdaptiveConcurrency(plan),
    }
  },
}
