import type { ConfigJson } from '#api/envoy/extensions/filters/network/direct_response/v3/config_pb.ts'
import { dataSourceBytes, declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import {
  CloseFlush,
  type Connection,
  type FilterStatus,
  type NetworkFilter,
  type NetworkFilterCallbacks,
  type NetworkFilterPlan,
  StopIteration,
} from '../../../net/index.ts'

declareSupport('envoy.extensions.filters.network.direct_response.v3.Config', { supported: ['response'] })

const NO_BYTES = Buffer.alloc(0)

/** Sends a fixed text to whoever connects, and closes. */
class DirectResponse implements NetworkFilter {
  private readonly response: Buffer
  private connection: Connection = null as never

  constructor(response: Buffer) {
    this.response = response
  }

  initialize({ connection }: NetworkFilterCallbacks): void {
    this.connection = connection
  }

  onNewConnection(): FilterStatus {
    if (this.response.length > 0) this.connection.write(this.response, 0, this.response.length)
    this.connection.close(CloseFlush)
    return StopIteration
  }

  onData(): FilterStatus {
    return StopIteration
  }

  onClose(): void {}
}

/** envoy.filters.network.direct_response */
export const directResponseFactory: ExtensionFactory<NetworkFilterPlan> = {
  name: 'envoy.filters.network.direct_response',
  category: 'envoy.filters.network',
  typeNames: ['envoy.extensions.filters.network.direct_response.v3.Config'],
  compile: (config, context, path) => {
    const source = (config as ConfigJson).response
    const bytes = source === undefined ? undefined : dataSourceBytes(source, context, path.field('response'))
    return { terminal: true, create: () => new DirectResponse(bytes ?? NO_BYTES) }
  },
}
