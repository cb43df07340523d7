import type { BandwidthLimitJson } from '#api/envoy/extensions/filters/http/bandwidth_limit/v3/bandwidth_limit_pb.ts'
import type { ExtensionFactory } from '../../../config/index.ts'
import { type HttpFilterPlan, PER_ROUTE_CATEGORY } from '../../../http/index.ts'
import { BandwidthLimitFilter } from './bandwidth-limit.ts'
import { BandwidthLimit } from './limit.ts'

const TYPE = 'envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit'
const NAME = 'envoy.filters.http.bandwidth_limit'

/** envoy.filters.http.bandwidth_limit */
export const bandwidthLimitFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [TYPE],
  compile: (config, context, path) => {
    const limit = new BandwidthLimit(config as BandwidthLimitJson, context, path)
    return { name: NAME, terminal: false, create: () => new BandwidthLimitFilter(limit) }
  },
}

export const bandwidthLimitPerRouteFactory: ExtensionFactory<BandwidthLimit> = {
  name: NAME,
  category: PER_ROUTE_CATEGORY,
  typeNames: [TYPE],
  compile: (config, context, path) => new BandwidthLimit(config as BandwidthLimitJson, context, path),
}
