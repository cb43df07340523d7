import type { ThreadContext } from '../../net/index.ts'
import type { Cluster } from '../cluster.ts'
import type { Host } from '../host.ts'
import type { ConnectionPool } from './connection-pool.ts'
import { Http1Pool } from './http1-pool.ts'
import { Http2Pool } from './http2-pool.ts'
import { MixedPool } from './mixed-pool.ts'

export {
  ConnectionPool,
  PendingStream,
  type PoolCallbacks,
  type PooledStream,
  type PoolFailure,
} from './connection-pool.ts'
export { type TcpConnectFailure, TcpUpstream, type TcpUpstreamCallbacks } from './tcp/tcp-upstream.ts'

/** The pools of one host on one worker, by protocol and priority; made at first use. */
export class HostPools {
  readonly http1: (ConnectionPool | null)[] = [null, null]
  readonly http2: (ConnectionPool | null)[] = [null, null]
  readonly mixed: (ConnectionPool | null)[] = [null, null]

  drain(): void {
    for (const pools of [this.http1, this.http2, this.mixed]) for (const pool of pools) pool?.drain()
  }
}

/** The pool of `host` for a routing priority. `downstreamHttp2` decides where the client's protocol does. */
export function connectionPool(
  thread: ThreadContext,
  cluster: Cluster,
  host: Host,
  priority: 0 | 1,
  downstreamHttp2: boolean,
): ConnectionPool {
  const pools = (host.pools ??= new HostPools()) as HostPools
  const { protocol } = cluster.plan
  if (protocol === 'http1' || (protocol === 'downstream' && !downstreamHttp2)) {
    return (pools.http1[priority] ??= new Http1Pool(thread, cluster, host, cluster.limits(priority), null))
  }
  if (protocol !== 'auto') {
    return (pools.http2[priority] ??= new Http2Pool(thread, cluster, host, cluster.limits(priority), null))
  }
  return (pools.mixed[priority] ??= new MixedPool(thread, cluster, host, cluster.limits(priority), null))
}
