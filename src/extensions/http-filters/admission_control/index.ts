import type { AdmissionControlJson } from '#api/envoy/extensions/filters/http/admission_control/v3/admission_control_pb.ts'
import { declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import type { HttpFilterPlan } from '../../../http/index.ts'
import { AdmissionControl } from './admission-control.ts'
import { AdmissionPlan } from './plan.ts'

const API = 'envoy.extensions.filters.http.admission_control.v3.AdmissionControl'
const NAME = 'envoy.filters.http.admission_control'

declareSupport(API, {
  supported: [
    'enabled',
    'success_criteria',
    'sampling_window',
    'aggression',
    'sr_threshold',
    'rps_threshold',
    'max_rejection_probability',
  ],
})
declareSupport(`${API}.SuccessCriteria`, { supported: ['http_criteria', 'grpc_criteria'] })
declareSupport(`${API}.SuccessCriteria.HttpCriteria`, { supported: ['http_success_status'] })
declareSupport(`${API}.SuccessCriteria.GrpcCriteria`, { supported: ['grpc_success_status'] })
declareSupport('envoy.config.core.v3.RuntimeUInt32', { supported: ['default_value', 'runtime_key'] })

/** envoy.filters.http.admission_control */
export const admissionControlFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [API],
  compile: config => {
    const plan = new AdmissionPlan(config as AdmissionControlJson)
    return {
      name: NAME,
      terminal: false,
      start: (thread, prefix) => plan.start(thread, prefix),
      create: () => new AdmissionControl(plan),
    }
  },
}
