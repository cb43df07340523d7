// HOT FILE (docs/hot-path.md): the connections to one host at one priority; one request each at a time.
import { Timer, type TimerOwner } from '../../base/index.ts'
import type { ResponseDecoder } from '../../http/index.ts'
import { CloseNoFlush, type Connection } from '../../net/index.ts'
import { Connections, Requests } from '../resource-limits.ts'
import { CLUSTER_SLOTS as C } from '../stats.ts'
import { ConnectionPool, type PendingStream, type PoolCallbacks } from './connection-pool.ts'
import { Http1Connection } from './http1-connection.ts'

const IDLE_TIMER = 0
/** Closed this long before the origin's announced idle time ends: its clock started earlier than ours. */
const KEEP_ALIVE_MARGIN_MS = 500

export class Http1Pool extends ConnectionPool implements TimerOwner {
  readonly alpn: readonly string[] = this.arbiter === null ? ['http/1.1'] : ['h2', 'http/1.1']
  /** Last used last: the warm end is used first, the cold end falls idle. */
  private readonly idle: Http1Connection[] = []
  private idleTimer: Timer | null = null
  /** How long the origin keeps idle connections, as it says; 0: unknown. */
  private originIdleMs = 0

  newStream(decoder: ResponseDecoder, callbacks: PoolCallbacks, fresh: boolean): PendingStream | null {
    const { limits } = this
    const ready = fresh ? undefined : this.takeIdle()
    if (ready !== undefined) {
      if (!limits.tryAcquire(Requests)) {
        this.putBack(ready)
        this.overflow(Requests, C.upstream_rq_active_overflow, callbacks)
        return null
      }
      this.attach(ready, decoder, callbacks)
      return null
    }
    const pending = this.wait(decoder, callbacks)
    if (pending === null) return null
    if (fresh) this.makeRoom()
    this.connectForWaiting()
    return pending.settled ? null : pending
  }

  private takeIdle(): Http1Connection | undefined {
    for (;;) {
      const connection = this.idle.pop()
      if (connection === undefined) return undefined
      if (connection.connection.closing || connection.draining) continue
      if (!this.expired(connection)) return connection
      connection.connection.close(CloseNoFlush)
    }
  }

  private expired(connection: Http1Connection): boolean {
    const limitMs = this.idleLimitMs()
    return limitMs > 0 && this.thread.clock.now - connection.idleSinceMs >= limitMs
  }

  /** The shorter of our own idle timeout and what the origin announced. */
  private idleLimitMs(): number {
    const own = this.cluster.plan.idleTimeoutMs
    if (this.originIdleMs === 0) return own
    const origin = Math.max(this.originIdleMs - KEEP_ALIVE_MARGIN_MS, this.originIdleMs / 2)
    return own > 0 ? Math.min(own, origin) : origin
  }

  private putBack(connection: Http1Connection): void {
    connection.idleSinceMs = this.thread.clock.now
    this.idle.push(connection)
    const limitMs = this.idleLimitMs()
    if (limitMs > 0 && this.idleTimer === null) {
      this.idleTimer = new Timer(this, IDLE_TIMER)
      this.thread.timers.arm(this.idleTimer, limitMs)
    }
  }

  private attach(connection: Http1Connection, decoder: ResponseDecoder, callbacks: PoolCallbacks): void {
    const reused = connection.requests > 0
    const encoder = connection.newStream(decoder)
    const max = this.cluster.plan.maxRequestsPerConnection
    if (max > 0 && connection.requests >= max) {
      this.cluster.stats.cells[C.upstream_cx_max_requests]! += 1
      connection.draining = true
    }
    callbacks.onPoolReady(encoder, connection, reused)
  }

  // ---- connecting

  protected open(): void {
    new Http1Connection(this, null)
  }

  protected get capacityComing(): number {
    return this.connecting
  }

  adopt(connection: Connection): void {
    this.connecting++
    new Http1Connection(this, connection).takeOver()
  }

  /** A fresh connection is wanted but the breaker is full: an idle one makes room. */
  private makeRoom(): void {
    if (this.idle.length > 0 && !this.limits.canAcquire(Connections)) {
      this.idle.shift()?.connection.close(CloseNoFlush)
    }
  }

  onConnected(connection: Http1Connection): void {
    this.connectingEnded()
    this.serveNext(connection)
  }

  private serveNext(connection: Http1Connection): void {
    const pending = this.nextWaiting()
    if (pending === undefined) {
      this.putBack(connection)
      return
    }
    this.attach(connection, pending.decoder, pending.callbacks)
    if (this.waiting.length > 0) this.connectForWaiting()
  }

  // ---- ends

  /** The exchange on `connection` is complete. */
  onStreamComplete(connection: Http1Connection, reusable: boolean): void {
    this.limits.release(Requests)
    if (connection.codec.keepAliveTimeoutMs > 0) this.originIdleMs = connection.codec.keepAliveTimeoutMs
    if (!reusable || connection.draining || this.draining || connection.connection.closing) {
      connection.connection.close(CloseNoFlush)
      return
    }
    this.serveNext(connection)
  }

  onClosed(connection: Http1Connection, timedOut: boolean, errno: string | null): void {
    const index = this.idle.indexOf(connection)
    if (index >= 0) this.idle.splice(index, 1)
    this.connectionClosed(connection.connected, timedOut, errno)
  }

  onTimer(_kind: number): void {
    const limitMs = this.idleLimitMs()
    const { now } = this.thread.clock
    let expired = 0
    while (expired < this.idle.length && now - (this.idle[expired] as Http1Connection).idleSinceMs >= limitMs) expired++
    for (const connection of this.idle.splice(0, expired)) {
      this.cluster.stats.cells[C.upstream_cx_idle_timeout]! += 1
      connection.connection.close(CloseNoFlush)
    }
    const oldest = this.idle[0]
    const timer = this.idleTimer as Timer
    if (oldest !== undefined) this.thread.timers.arm(timer, Math.max(limitMs - (now - oldest.idleSinceMs), 1))
    else this.idleTimer = null
  }

  /** The host is gone or unhealthy: idle connections end now, busy ones behind their response. */
  drain(): void {
    this.draining = true
    for (const connection of this.idle.splice(0)) connection.connection.close(CloseNoFlush)
  }
}
