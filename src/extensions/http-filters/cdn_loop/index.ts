import type { CdnLoopConfigJson } from '#api/envoy/extensions/filters/http/cdn_loop/v3/cdn_loop_pb.ts'
import { declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import type { HttpFilterPlan } from '../../../http/index.ts'
import { isCdnId } from './cdn-info.ts'
import { CdnLoopFilter } from './cdn-loop.ts'

const TYPE = 'envoy.extensions.filters.http.cdn_loop.v3.CdnLoopConfig'
const NAME = 'envoy.filters.http.cdn_loop'

declareSupport(TYPE, { supported: ['cdn_id', 'max_allowed_occurrences'] })

/** envoy.filters.http.cdn_loop */
export const cdnLoopFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [TYPE],
  compile: (config, context, path) => {
    const { cdnId = '', maxAllowedOccurrences = 0 } = config as CdnLoopConfigJson
    if (!isCdnId(cdnId)) {
      context.diagnostics.error(path.field('cdn_id'), `${cdnId} is no identifier of a CDN`, {
        expected: 'a host with an optional port, or a token (RFC 8586)',
        found: cdnId,
      })
    }
    const settings = Object.freeze({ cdnId, maxOccurrences: maxAllowedOccurrences })
    return { name: NAME, terminal: false, create: () => new CdnLoopFilter(settings) }
  },
}
