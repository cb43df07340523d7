import type { BodySizeLimitJson } from '#api/envoy/extensions/filters/http/body_size_limit/v3/body_size_limit_pb.ts'
import { declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import type { HttpFilterPlan } from '../../../http/index.ts'
import { BodySizeLimit } from './body-size-limit.ts'

const TYPE = 'envoy.extensions.filters.http.body_size_limit.v3.BodySizeLimit'
const NAME = 'envoy.filters.http.body_size_limit'

declareSupport(TYPE, { supported: ['max_request_bytes'] })

/** envoy.filters.http.body_size_limit */
export const bodySizeLimitFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [TYPE],
  compile: config => {
    const maxBytes = Number((config as BodySizeLimitJson).maxRequestBytes ?? Number.POSITIVE_INFINITY)
    return { name: NAME, terminal: false, create: () => new BodySizeLimit(maxBytes) }
  },
}
