import './support.ts'
import type { HTTPFaultJson } from '#api/envoy/extensions/filters/http/fault/v3/fault_pb.ts'
import type { ExtensionFactory } from '../../../config/index.ts'
import { type HttpFilterPlan, PER_ROUTE_CATEGORY } from '../../../http/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import { FaultFilter } from './fault.ts'
import { compileFault, type FaultSettings } from './settings.ts'
import { FaultStats } from './stats.ts'

const TYPE = 'envoy.extensions.filters.http.fault.v3.HTTPFault'
const NAME = 'envoy.filters.http.fault'

class FaultPlan implements HttpFilterPlan {
  readonly name = NAME
  readonly terminal = false
  private readonly settings: FaultSettings
  /** Where the configuration stands: names its count of faults under way, the same on all workers. */
  private readonly place: string
  private stats!: FaultStats

  constructor(settings: FaultSettings, place: string) {
    this.settings = settings
    this.place = place
  }

  start(thread: ThreadContext, statPrefix: string): void {
    this.stats = new FaultStats(thread, statPrefix, this.place)
  }

  create(thread: ThreadContext): FaultFilter {
    return new FaultFilter(this.settings, this.stats, thread)
  }
}

/** envoy.filters.http.fault */
export const faultFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [TYPE],
  compile: (config, context, path) =>
    new FaultPlan(compileFault(config as HTTPFaultJson, context, path), path.toString()),
}

export const faultPerRouteFactory: ExtensionFactory<FaultSettings> = {
  name: NAME,
  category: PER_ROUTE_CATEGORY,
  typeNames: [TYPE],
  compile: (config, context, path) => compileFault(config as HTTPFaultJson, context, path),
}
