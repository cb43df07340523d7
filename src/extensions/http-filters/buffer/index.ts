import type { BufferJson, BufferPerRouteJson } from '#api/envoy/extensions/filters/http/buffer/v3/buffer_pb.ts'
import { declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import { type HttpFilterPlan, PER_ROUTE_CATEGORY } from '../../../http/index.ts'
import { BufferFilter, type BufferSettings } from './buffer.ts'

const API = 'envoy.extensions.filters.http.buffer.v3'
const NAME = 'envoy.filters.http.buffer'

declareSupport(`${API}.Buffer`, { supported: ['max_request_bytes'] })
declareSupport(`${API}.BufferPerRoute`, { supported: ['disabled', 'buffer'] })

const settingsOf = (json: BufferJson | undefined): BufferSettings =>
  Object.freeze({ maxRequestBytes: json?.maxRequestBytes ?? -1 })

/** envoy.filters.http.buffer */
export const bufferFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [`${API}.Buffer`],
  compile: config => {
    const settings = settingsOf(config as BufferJson)
    return { name: NAME, terminal: false, create: () => new BufferFilter(settings) }
  },
}

export const bufferPerRouteFactory: ExtensionFactory<BufferSettings> = {
  name: NAME,
  category: PER_ROUTE_CATEGORY,
  typeNames: [`${API}.BufferPerRoute`],
  compile: config => settingsOf((config as BufferPerRouteJson).buffer),
}
