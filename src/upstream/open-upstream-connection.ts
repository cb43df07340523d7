import { type Connection, connect, type ThreadContext, type TransportSocketOverrides } from '../net/index.ts'
import type { Cluster } from './cluster.ts'
import type { Host } from './host.ts'

/**
 * Opens a connection to `host` through its transport socket; the reader's onConnected comes once it can carry data.
 * Connections with other `overrides` must not be shared.
 */
export function openUpstreamConnection(
  thread: ThreadContext,
  cluster: Cluster,
  host: Host,
  overrides: TransportSocketOverrides | null,
): Connection {
  const transport = cluster.transports.of(host.metadata)
  const { connectOptions } = cluster.plan
  return transport === null
    ? connect(thread, host.address, connectOptions)
    : transport.connect(host, connectOptions, overrides)
}
