import { type Connection, connect, type ThreadContext } from '../net/index.ts'
import type { Cluster } from './cluster.ts'
import type { Host } from './host.ts'

/** What one connection wants otherwise than its cluster's transport socket says. */
export interface TransportOverrides {
  /** Protocols to offer by ALPN, the preferred one first; where the cluster does not fix them itself. */
  readonly alpn?: readonly string[]
}

/** Opens a connection to `host` as its cluster says; the reader's onConnected comes once it can carry data. */
export function openUpstreamConnection(
  thread: ThreadContext,
  cluster: Cluster,
  host: Host,
  _overrides: TransportOverrides | null,
): Connection {
  return connect(thread, host.address, cluster.plan.connectOptions)
}
