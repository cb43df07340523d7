import type { ThreadContext } from '../../net/index.ts'
import type { Cluster } from '../cluster.ts'
import type { Host } from '../host.ts'
import { Http1Pool } from './http1-pool.ts'

export { Http1Pool, PendingStream, type PoolCallbacks, type PooledStream, type PoolFailure } from './http1-pool.ts'

/** The pools of one host on one worker, by priority; made at first use. */
export class HostPools {
  readonly http1: (Http1Pool | null)[] = [null, null]

  drain(): void {
    for (const pool of this.http1) pool?.drain()
  }
}

/** The HTTP/1.1 pool of `host` for a routing priority. */
export function http1Pool(thread: ThreadContext, cluster: Cluster, host: Host, priority: 0 | 1): Http1Pool {
  const pools = (host.pools ??= new HostPools()) as HostPools
  return (pools.http1[priority] ??= new Http1Pool(thread, cluster, host, cluster.limits(priority)))
}
export { type TcpConnectFailure, TcpUpstream, type TcpUpstreamCallbacks } from './tcp/tcp-upstream.ts'
