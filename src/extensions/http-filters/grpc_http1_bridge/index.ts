import type { ConfigJson } from '#api/envoy/extensions/filters/http/grpc_http1_bridge/v3/config_pb.ts'
import { declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import type { HttpFilterPlan } from '../../../http/index.ts'
import { Http1BridgeFilter } from './http1-bridge.ts'

const API = 'envoy.extensions.filters.http.grpc_http1_bridge.v3'
const NAME = 'envoy.filters.http.grpc_http1_bridge'

declareSupport(`${API}.Config`, { supported: ['upgrade_protobuf_to_grpc', 'ignore_query_parameters'] })

/** envoy.filters.http.grpc_http1_bridge */
export const grpcHttp1BridgeFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [`${API}.Config`],
  compile: config => {
    const { upgradeProtobufToGrpc = false, ignoreQueryParameters = false } = config as ConfigJson
    const settings = Object.freeze({ upgradesProtobuf: upgradeProtobufToGrpc, ignoresQuery: ignoreQueryParameters })
    return { name: NAME, terminal: false, create: () => new Http1BridgeFilter(settings) }
  },
}
