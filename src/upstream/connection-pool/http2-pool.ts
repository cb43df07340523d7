// HOT FILE (docs/hot-path.md): the HTTP/2 connections to one host at one priority; many requests each.
import type { ResponseDecoder } from '../../http/index.ts'
import type { Connection } from '../../net/index.ts'
import { Requests } from '../resource-limits.ts'
import { CLUSTER_SLOTS as C } from '../stats.ts'
import { ConnectionPool, type PendingStream, type PoolCallbacks } from './connection-pool.ts'
import { Http2Connection } from './http2-connection.ts'

export class Http2Pool extends ConnectionPool {
  readonly alpn: readonly string[] = this.arbiter === null ? ['h2'] : ['h2', 'http/1.1']
  /** Established and not on their way out. */
  private readonly ready: Http2Connection[] = []
  /** Established, but the peer has not said yet how many streams it takes. */
  private unsettled = 0

  newStream(decoder: ResponseDecoder, callbacks: PoolCallbacks, _fresh: boolean): PendingStream | null {
    const connection = this.withRoom()
    if (connection !== null) {
      if (this.limits.tryAcquire(Requests)) this.attach(connection, decoder, callbacks)
      else this.overflow(Requests, C.upstream_rq_active_overflow, callbacks)
      return null
    }
    const pending = this.wait(decoder, callbacks)
    if (pending === null) return null
    this.connectForWaiting()
    return pending.settled ? null : pending
  }

  /** The first connection with room: the others fall idle and end. */
  private withRoom(): Http2Connection | null {
    const { ready } = this
    for (let i = 0; i < ready.length; i++) if ((ready[i] as Http2Connection).hasRoom) return ready[i] as Http2Connection
    return null
  }

  private attach(connection: Http2Connection, decoder: ResponseDecoder, callbacks: PoolCallbacks): void {
    const reused = connection.requests > 0
    const encoder = connection.newStream(decoder)
    const max = this.cluster.plan.maxRequestsPerConnection
    if (max > 0 && connection.requests >= max) {
      this.cluster.stats.cells[C.upstream_cx_max_requests]! += 1
      connection.draining = true
      this.onRetired(connection)
    }
    callbacks.onPoolReady(encoder, connection, reused)
  }

  // ---- connecting

  protected open(): void {
    new Http2Connection(this, null)
  }

  protected get capacityComing(): number {
    const { maxRequestsPerConnection: max, http2 } = this.cluster.plan
    const each = max > 0 ? Math.min(max, http2.maxConcurrentStreams) : http2.maxConcurrentStreams
    return (this.connecting + this.unsettled) * each
  }

  adopt(connection: Connection): void {
    this.connecting++
    new Http2Connection(this, connection).takeOver()
  }

  onConnected(connection: Http2Connection): void {
    this.connectingEnded()
    this.ready.push(connection)
    this.unsettled++
    this.onRoom(connection)
    if (this.waiting.length > 0) this.connectForWaiting()
  }

  /** The peer's SETTINGS have come. */
  onSettled(connection: Http2Connection): void {
    this.unsettled--
    this.onRoom(connection)
    if (this.waiting.length > 0) this.connectForWaiting()
  }

  /** Who waits goes where there is room. */
  onRoom(connection: Http2Connection): void {
    while (this.waiting.length > 0 && connection.connected && connection.hasRoom) {
      const pending = this.nextWaiting()
      if (pending === undefined) return
      this.attach(connection, pending.decoder, pending.callbacks)
    }
  }

  // ---- ends

  onStreamClosed(connection: Http2Connection): void {
    this.releaseRequest()
    if (this.waiting.length > 0) this.onRoom(connection)
  }

  /** `connection` takes no further request. */
  onRetired(connection: Http2Connection): void {
    const index = this.ready.indexOf(connection)
    if (index >= 0) this.ready.splice(index, 1)
    if (this.waiting.length > 0) this.connectForWaiting()
  }

  onClosed(connection: Http2Connection, timedOut: boolean, errno: string | null): void {
    const index = this.ready.indexOf(connection)
    if (index >= 0) this.ready.splice(index, 1)
    if (connection.unsettled) this.unsettled--
    this.connectionClosed(connection.connected, timedOut, errno)
  }

  drain(): void {
    this.draining = true
    for (const connection of this.ready.splice(0)) connection.retire()
  }
}
