import { declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import { GrpcStatsTable, type HttpFilter, type HttpFilterPlan } from '../../../http/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import { GrpcWebFilter } from './grpc-web.ts'

const API = 'envoy.extensions.filters.http.grpc_web.v3'
const NAME = 'envoy.filters.http.grpc_web'

declareSupport(`${API}.GrpcWeb`, { supported: [] })

class GrpcWebPlan implements HttpFilterPlan {
  readonly name = NAME
  readonly terminal = false
  private table!: GrpcStatsTable

  start(thread: ThreadContext): void {
    this.table = new GrpcStatsTable(thread.stats, 'grpc-web')
  }

  create(): HttpFilter {
    return new GrpcWebFilter(this.table)
  }
}

/** envoy.filters.http.grpc_web */
export const grpcWebFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [`${API}.GrpcWeb`],
  compile: () => new GrpcWebPlan(),
}
