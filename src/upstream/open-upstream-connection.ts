import {
  type Address,
  type Connection,
  type ConnectOptions,
  connect,
  orderAddresses,
  type ThreadContext,
  type TransportSocketOverrides,
} from '../net/index.ts'
import type { Cluster } from './cluster.ts'
import type { ClusterPlan } from './cluster-plan.ts'
import type { Host } from './host.ts'

/** How to connect to one who may have several addresses. */
export function connectOptionsFor(
  { connectOptions, addressOrder }: ClusterPlan,
  address: Address,
  additional: readonly Address[],
): ConnectOptions {
  if (additional.length === 0) return connectOptions
  return { ...connectOptions, addresses: orderAddresses([address, ...additional], addressOrder) }
}

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
  const options = connectOptionsFor(cluster.plan, host.address, host.additionalAddresses)
  return transport === null ? connect(thread, host.address, options) : transport.connect(host, options, overrides)
}
