import type { ResponseDecoder } from '../../http/index.ts'
import type { CloseEvent, Connection } from '../../net/index.ts'
import { ConnectionPool, type PendingStream, type PoolCallbacks, type ProtocolArbiter } from './connection-pool.ts'
import { Http1Pool } from './http1-pool.ts'
import { Http2Pool } from './http2-pool.ts'
import { PooledConnection } from './pooled-connection.ts'

/** A connection whose protocol its TLS handshake will tell; without TLS it is HTTP/1.1. */
class ProbeConnection extends PooledConnection<MixedPool> {
  get busy(): boolean {
    return false
  }

  /** No protocol is this one's: every established connection is handed over. */
  protected get protocolName(): string {
    return 'undecided'
  }

  protected onEstablished(): void {}
  onData(): void {}

  onEnd(): void {
    this.connection.closeByPeer()
  }

  onAboveWriteBufferHighWatermark(): void {}
  onBelowWriteBufferLowWatermark(): void {}

  protected onGone(_event: CloseEvent, errno: string | null): void {
    this.pool.onProbeFailed(this.timedOut, errno)
  }
}

/**
 * HttpProtocolOptions.auto_config: the host chooses by ALPN. The first connection finds out; then requests go to the pool
 * of that protocol, until a later handshake says otherwise.
 */
export class MixedPool extends ConnectionPool implements ProtocolArbiter {
  readonly alpn: readonly string[] = ['h2', 'http/1.1']
  override readonly arbiter: ProtocolArbiter = this
  private http1: Http1Pool | null = null
  private http2: Http2Pool | null = null
  private chosen: ConnectionPool | null = null

  newStream(decoder: ResponseDecoder, callbacks: PoolCallbacks, fresh: boolean): PendingStream | null {
    if (this.chosen !== null) return this.chosen.newStream(decoder, callbacks, fresh)
    const pending = this.wait(decoder, callbacks)
    if (pending === null) return null
    this.connectForWaiting()
    return pending.settled ? null : pending
  }

  protected open(): void {
    new ProbeConnection(this, null)
  }

  /** One probe answers for all who wait. */
  protected get capacityComing(): number {
    return this.connecting > 0 ? Number.POSITIVE_INFINITY : 0
  }

  adopt(): void {
    throw new Error('a mixed pool keeps no connections')
  }

  onProbeFailed(timedOut: boolean, errno: string | null): void {
    this.connectionClosed(false, timedOut, errno)
  }

  rehome(pool: ConnectionPool, connection: Connection): void {
    const { thread, cluster, host, limits } = this
    const target =
      connection.nextProtocol === 'h2'
        ? (this.http2 ??= new Http2Pool(thread, cluster, host, limits, this, this.overrides))
        : (this.http1 ??= new Http1Pool(thread, cluster, host, limits, this, this.overrides))
    this.chosen = target
    pool.giveTo(target, connection)
    pool.moveWaiting(target)
    if (pool !== this) this.moveWaiting(target)
  }

  drain(): void {
    this.draining = true
    this.http1?.drain()
    this.http2?.drain()
  }

  override get activeConnections(): number {
    return this.total + (this.http1?.activeConnections ?? 0) + (this.http2?.activeConnections ?? 0)
  }
}
