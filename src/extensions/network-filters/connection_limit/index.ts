import type { ConnectionLimitJson } from '#api/envoy/extensions/filters/network/connection_limit/v3/connection_limit_pb.ts'
import { declareSupport, durationMs, type ExtensionFactory, int64 } from '../../../config/index.ts'
import type { NetworkFilterPlan, ThreadContext } from '../../../net/index.ts'
import { CONNECTION_LIMIT_STATS, ConnectionLimit, type ConnectionLimitShared } from './connection-limit.ts'

declareSupport('envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit', {
  supported: ['stat_prefix', 'max_connections', 'delay', 'runtime_enabled'],
})

class ConnectionLimitPlan implements NetworkFilterPlan {
  readonly terminal = false
  private readonly config: ConnectionLimitJson
  /** Where the configuration stands: names its count, the same on all workers. */
  private readonly place: string
  private shared: ConnectionLimitShared | null = null

  constructor(config: ConnectionLimitJson, place: string) {
    this.config = config
    this.place = place
  }

  prepare(thread: ThreadContext): void {
    this.shared ??= this.share(thread)
  }

  create(thread: ThreadContext): ConnectionLimit {
    this.shared ??= this.share(thread)
    return new ConnectionLimit(this.shared)
  }

  private share(thread: ThreadContext): ConnectionLimitShared {
    const { statPrefix, maxConnections, delay, runtimeEnabled } = this.config
    const fallback = runtimeEnabled?.defaultValue ?? true
    const key = runtimeEnabled?.runtimeKey ?? ''
    return {
      thread,
      stats: thread.stats.block(`connection_limit.${statPrefix}.`, CONNECTION_LIMIT_STATS),
      maxConnections: int64(maxConnections ?? 0),
      delayMs: durationMs(delay, 0),
      isEnabled: () => thread.runtime.snapshot.getBoolean(key, fallback),
      counter: thread.connectionCounters.counter(`connection_limit ${this.place}`),
    }
  }
}

/** envoy.filters.network.connection_limit */
export const connectionLimitFactory: ExtensionFactory<NetworkFilterPlan> = {
  name: 'envoy.filters.network.connection_limit',
  category: 'envoy.filters.network',
  typeNames: ['envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit'],
  compile: (config, { resource = '' }, path) =>
    new ConnectionLimitPlan(config as ConnectionLimitJson, `${resource} ${path}`),
}
