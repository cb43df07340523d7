import type { ThreadContext, TransportSocketOverrides } from '../../net/index.ts'
import type { Cluster } from '../cluster.ts'
import type { DrainableHostPools, Host } from '../host.ts'
import { overridesKey } from '../transport-overrides.ts'
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

/** Of one host on one worker; with more the oldest are drained. */
const MAX_VARIANTS = 1024

/** The pools of one host on one worker, by protocol and priority; made at first use. */
export class HostPools {
  readonly http1: (ConnectionPool | null)[] = [null, null]
  readonly http2: (ConnectionPool | null)[] = [null, null]
  readonly mixed: (ConnectionPool | null)[] = [null, null]

  /** Of protocols that extensions speak. */
  private others: Set<DrainableHostPools> | null = null

  /** Pools of requests that want something else of the transport, by overridesKey. */
  private variants: Map<string, HostPools> | null = null

  /** The pools for requests with these overrides. The names come from clients, so their number is bounded. */
  variant(overrides: TransportSocketOverrides): HostPools {
    this.variants ??= new Map()
    const key = overridesKey(overrides)
    let pools = this.variants.get(key)
    if (pools === undefined) {
      if (this.variants.size >= MAX_VARIANTS) this.dropOldest(this.variants)
      pools = new HostPools()
      this.variants.set(key, pools)
    }
    return pools
  }

  private dropOldest(variants: Map<string, HostPools>): void {
    const [key, pools] = variants.entries().next().value!
    pools.drain()
    variants.delete(key)
  }

  /** Is drained with the others. */
  add(pool: DrainableHostPools): void {
    this.others ??= new Set()
    this.others.add(pool)
  }

  delete(pool: DrainableHostPools): void {
    this.others?.delete(pool)
  }

  drain(): void {
    for (const pool of [...(this.others ?? [])]) pool.drain()
    for (const variant of this.variants?.values() ?? []) variant.drain()
    for (const pools of [this.http1, this.http2, this.mixed]) for (const pool of pools) pool?.drain()
  }
}

export function hostPools(host: Host): HostPools {
  return (host.pools ??= new HostPools()) as HostPools
}

/** The pool of `host` for a routing priority. `downstreamHttp2` decides where the client's protocol does. */
export function connectionPool(
  thread: ThreadContext,
  cluster: Cluster,
  host: Host,
  priority: 0 | 1,
  downstreamHttp2: boolean,
  overrides: TransportSocketOverrides | null,
): ConnectionPool {
  let pools = hostPools(host)
  if (overrides !== null) pools = pools.variant(overrides)
  const { protocol } = cluster.plan
  if (protocol === 'http1' || (protocol === 'downstream' && !downstreamHttp2)) {
    return (pools.http1[priority] ??= new Http1Pool(
      thread,
      cluster,
      host,
      cluster.limitsOf(host, priority),
      null,
      overrides,
    ))
  }
  if (protocol !== 'auto') {
    return (pools.http2[priority] ??= new Http2Pool(
      thread,
      cluster,
      host,
      cluster.limitsOf(host, priority),
      null,
      overrides,
    ))
  }
  return (pools.mixed[priority] ??= new MixedPool(
    thread,
    cluster,
    host,
    cluster.limitsOf(host, priority),
    null,
    overrides,
  ))
}
