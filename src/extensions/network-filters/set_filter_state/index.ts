import type { ConfigJson } from '#api/envoy/extensions/filters/network/set_filter_state/v3/set_filter_state_pb.ts'
import { declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import {
  Continue,
  compileStateValues,
  type FilterStatus,
  type NetworkFilter,
  type NetworkFilterCallbacks,
  type NetworkFilterPlan,
  type StateValue,
  StateWriter,
} from '../../../net/index.ts'
import type { StreamInfo } from '../../../observability/index.ts'

const API = 'envoy.extensions.filters.network.set_filter_state.v3.Config'

declareSupport(API, {
  supported: ['on_new_connection', 'on_downstream_data'],
  refused: {
    on_downstream_tls_handshake:
      'filters are not told when a handshake is done; use on_downstream_data, which is behind it',
  },
})

/** Notes values for the filters behind it, for the requests of the connection and for logs. */
class SetFilterState implements NetworkFilter {
  private readonly onNew: readonly StateValue[]
  private readonly onFirstData: readonly StateValue[]
  private readonly writer = new StateWriter()
  private info: StreamInfo | null = null
  private dataSeen = false

  constructor(onNew: readonly StateValue[], onFirstData: readonly StateValue[]) {
    this.onNew = onNew
    this.onFirstData = onFirstData
  }

  initialize({ info }: NetworkFilterCallbacks): void {
    this.info = info
  }

  onNewConnection(): FilterStatus {
    this.write(this.onNew)
    return Continue
  }

  onData(): FilterStatus {
    if (!this.dataSeen) this.write(this.onFirstData)
    this.dataSeen = true
    return Continue
  }

  private write(values: readonly StateValue[]): void {
    const info = this.info as StreamInfo
    this.writer.write(values, { requestHeaders: null, responseHeaders: null, responseTrailers: null, info })
    // Requests begin with what their connection knows.
    info.connection.filterState = info.filterState
  }

  onClose(): void {}
}

/** envoy.filters.network.set_filter_state */
export const networkSetFilterStateFactory: ExtensionFactory<NetworkFilterPlan> = {
  name: 'envoy.filters.network.set_filter_state',
  category: 'envoy.filters.network',
  typeNames: [API],
  compile: (config, context, path) => {
    const { onNewConnection, onDownstreamData } = config as ConfigJson
    const onNew = compileStateValues(onNewConnection, true, context, path.field('on_new_connection'))
    const onFirstData = compileStateValues(onDownstreamData, true, context, path.field('on_downstream_data'))
    return { terminal: false, create: () => new SetFilterState(onNew, onFirstData) }
  },
}
