import './support.ts'
import type {
  ExternalProcessorJson,
  ExtProcPerRouteJson,
} from '#api/envoy/extensions/filters/http/ext_proc/v3/ext_proc_pb.ts'
import type { ExtensionFactory } from '../../../config/index.ts'
import { type HttpFilterPlan, PER_ROUTE_CATEGORY } from '../../../http/index.ts'
import { ExtProc } from './ext-proc.ts'
import { compileRoutePlan, ExtProcPlan, type RoutePlan } from './plan.ts'

const API = 'envoy.extensions.filters.http.ext_proc.v3'
const NAME = 'envoy.filters.http.ext_proc'

/** envoy.filters.http.ext_proc */
export const extProcFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [`${API}.ExternalProcessor`],
  compile: (config, context, path) => {
    const plan = new ExtProcPlan(config as ExternalProcessorJson, context, path)
    return {
      name: NAME,
      terminal: false,
      start: (thread, prefix) => plan.start(thread, prefix),
      create: () => new ExtProc(plan),
    }
  },
}

export const extProcPerRouteFactory: ExtensionFactory<RoutePlan> = {
  name: NAME,
  category: PER_ROUTE_CATEGORY,
  typeNames: [`${API}.ExtProcPerRoute`],
  compile: (config, context, path) => compileRoutePlan(config as ExtProcPerRouteJson, context, path),
}
