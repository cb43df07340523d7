import { declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import {
  Continue,
  type FilterStatus,
  type NetworkFilter,
  type NetworkFilterCallbacks,
  type NetworkFilterPlan,
} from '../../../net/index.ts'

const API = 'envoy.extensions.filters.network.sni_cluster.v3.SniCluster'

declareSupport(API, { supported: [] })

/** The name that the client asked TLS for is the cluster that tcp_proxy connects to. */
class SniCluster implements NetworkFilter {
  initialize({ info }: NetworkFilterCallbacks): void {
    const name = info.connection.requestedServerName
    if (name === null || name === '') return
    info.filterState ??= new Map()
    info.filterState.set('envoy.tcp_proxy.cluster', name)
  }

  onNewConnection(): FilterStatus {
    return Continue
  }

  onData(): FilterStatus {
    return Continue
  }

  onClose(): void {}
}

/** envoy.filters.network.sni_cluster */
export const sniClusterFactory: ExtensionFactory<NetworkFilterPlan> = {
  name: 'envoy.filters.network.sni_cluster',
  category: 'envoy.filters.network',
  typeNames: [API],
  compile: () => ({ terminal: false, create: () => new SniCluster() }),
}
