import { declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import type { HttpFilterPlan } from '../../../http/index.ts'
import { ConnectBridgeFilter } from './connect-bridge.ts'

const API = 'envoy.extensions.filters.http.connect_grpc_bridge.v3'
const NAME = 'envoy.filters.http.connect_grpc_bridge'

declareSupport(`${API}.FilterConfig`, { supported: [] })

/** envoy.filters.http.connect_grpc_bridge */
export const connectGrpcBridgeFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [`${API}.FilterConfig`],
  compile: () => ({ name: NAME, terminal: false, create: () => new ConnectBridgeFilter() }),
}
