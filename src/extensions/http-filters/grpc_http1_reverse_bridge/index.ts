import type {
  FilterConfigJson,
  FilterConfigPerRouteJson,
} from '#api/envoy/extensions/filters/http/grpc_http1_reverse_bridge/v3/config_pb.ts'
import { declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import { HeaderName, type HttpFilterPlan, PER_ROUTE_CATEGORY } from '../../../http/index.ts'
import { ReverseBridgeFilter, type ReverseBridgeRoute } from './reverse-bridge.ts'

const API = 'envoy.extensions.filters.http.grpc_http1_reverse_bridge.v3'
const NAME = 'envoy.filters.http.grpc_http1_reverse_bridge'

declareSupport(`${API}.FilterConfig`, { supported: ['content_type', 'withhold_grpc_frames', 'response_size_header'] })
declareSupport(`${API}.FilterConfigPerRoute`, { supported: ['disabled'] })

/** envoy.filters.http.grpc_http1_reverse_bridge */
export const grpcHttp1ReverseBridgeFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [`${API}.FilterConfig`],
  compile: config => {
    const { contentType = '', withholdGrpcFrames = false, responseSizeHeader = '' } = config as FilterConfigJson
    const settings = Object.freeze({
      contentType,
      withholdsFrames: withholdGrpcFrames,
      sizeHeader: responseSizeHeader === '' ? null : HeaderName.of(responseSizeHeader),
    })
    return { name: NAME, terminal: false, create: () => new ReverseBridgeFilter(settings) }
  },
}

export const grpcHttp1ReverseBridgePerRouteFactory: ExtensionFactory<ReverseBridgeRoute> = {
  name: NAME,
  category: PER_ROUTE_CATEGORY,
  typeNames: [`${API}.FilterConfigPerRoute`],
  compile: config => Object.freeze({ disabled: (config as FilterConfigPerRouteJson).disabled ?? false }),
}
