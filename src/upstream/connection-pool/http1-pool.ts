// HOT FILE (docs/hot-path.md): the connections to one host at one priority; one request each at a time.
import { Timer, type TimerOwner } from '../../base/index.ts'
import type { RequestEncoder, ResponseDecoder } from '../../http/index.ts'
import { CloseNoFlush, type Connection, type ThreadContext } from '../../net/index.ts'
import type { Cluster } from '../cluster.ts'
import type { Host } from '../host.ts'
import { Connections, PendingRequests, Requests, type ResourceLimits } from '../resource-limits.ts'
import { CLUSTER_SLOTS as C } from '../stats.ts'
import { Http1Connection } from './http1-connection.ts'

export type PoolFailure = 'connection_failure' | 'connection_timeout' | 'overflow'

/** Hears what became of a request for a stream; exactly one of the two, perhaps within newStream itself. */
export interface PoolCallbacks {
  /** `reused`: other requests went over this connection before, so its peer may just have closed it. */
  onPoolReady(encoder: RequestEncoder, stream: PooledStream, reused: boolean): void
  onPoolFailure(failure: PoolFailure, detail: string | null): void
}

/** A request's hold on its connection. */
export interface PooledStream {
  readonly connection: Connection
  /** Gives the request up. */
  abandon(): void
}

/** A request that waits for a connection. */
export class PendingStream {
  readonly decoder: ResponseDecoder
  readonly callbacks: PoolCallbacks
  readonly pool: Http1Pool
  next: PendingStream | null = null
  settled = false

  constructor(pool: Http1Pool, decoder: ResponseDecoder, callbacks: PoolCallbacks) {
    this.pool = pool
    this.decoder = decoder
    this.callbacks = callbacks
  }

  /** Stops waiting; no callback follows. */
  cancel(): void {
    this.pool.cancel(this)
  }
}

const IDLE_TIMER = 0
/** Closed this long before the origin's announced idle time ends: its clock started earlier than ours. */
const KEEP_ALIVE_MARGIN_MS = 500

export class Http1Pool implements TimerOwner {
  readonly thread: ThreadContext
  readonly cluster: Cluster
  readonly host: Host
  readonly limits: ResourceLimits
  /** Last used last: the warm end is used first, the cold end falls idle. */
  private readonly idle: Http1Connection[] = []
  private readonly waiting: PendingStream[] = []
  private connecting = 0
  private total = 0
  private idleTimer: Timer | null = null
  private draining = false
  /** How long the origin keeps idle connections, as it says; 0: unknown. */
  private originIdleMs = 0

  constructor(thread: ThreadContext, cluster: Cluster, host: Host, limits: ResourceLimits) {
    this.thread = thread
    this.cluster = cluster
    this.host = host
    this.limits = limits
  }

  /**
   * Asks for a stream. With `fresh` no used connection will do: the caller has just lost one to the keep-alive race.
   * Returns the place in the queue, or null when a callback has been called already.
   */
  newStream(decoder: ResponseDecoder, callbacks: PoolCallbacks, fresh: boolean): PendingStream | null {
    const { limits } = this
    const ready = fresh ? undefined : this.takeIdle()
    if (ready !== undefined) {
      if (!limits.tryAcquire(Requests)) {
        this.putBack(ready)
        this.overflow(C.upstream_rq_active_overflow, callbacks)
        return null
      }
      this.attach(ready, decoder, callbacks)
      return null
    }
    if (!limits.tryAcquire(PendingRequests)) {
      this.overflow(C.upstream_rq_pending_overflow, callbacks)
      return null
    }
    const { cells } = this.cluster.stats
    const pending = new PendingStream(this, decoder, callbacks)
    this.waiting.push(pending)
    cells[C.upstream_rq_pending_total]! += 1
    cells[C.upstream_rq_pending_active]! += 1
    if (fresh) this.makeRoom()
    this.connectForWaiting()
    return pending
  }

  private overflow(slot: number, callbacks: PoolCallbacks): void {
    this.cluster.stats.cells[slot]! += 1
    callbacks.onPoolFailure('overflow', null)
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

  /** Opens connections until each waiting request has one coming, as far as the breaker lets it. */
  private connectForWaiting(): void {
    while (this.connecting < this.waiting.length) {
      // A host without any connection may always have one, whatever the breaker says.
      const granted = this.limits.tryAcquire(Connections)
      if (!granted) {
        this.cluster.stats.cells[C.upstream_cx_overflow]! += 1
        if (this.total > 0) return
        this.limits.forceAcquire(Connections)
      }
      this.connecting++
      this.total++
      new Http1Connection(this)
    }
  }

  /** A fresh connection is wanted but the breaker is full: an idle one makes room. */
  private makeRoom(): void {
    if (this.idle.length > 0 && !this.limits.canAcquire(Connections)) {
      this.idle.shift()?.connection.close(CloseNoFlush)
    }
  }

  onConnected(connection: Http1Connection): void {
    this.connecting--
    this.serveNext(connection)
  }

  private serveNext(connection: Http1Connection): void {
    const pending = this.waiting.shift()
    if (pending === undefined) {
      this.putBack(connection)
      return
    }
    this.settle(pending)
    if (!this.limits.tryAcquire(Requests)) {
      this.putBack(connection)
      this.overflow(C.upstream_rq_active_overflow, pending.callbacks)
      return
    }
    this.attach(connection, pending.decoder, pending.callbacks)
  }

  private settle(pending: PendingStream): void {
    pending.settled = true
    this.cluster.stats.cells[C.upstream_rq_pending_active]! -= 1
    this.limits.release(PendingRequests)
  }

  cancel(pending: PendingStream): void {
    if (pending.settled) return
    const index = this.waiting.indexOf(pending)
    if (index >= 0) this.waiting.splice(index, 1)
    this.settle(pending)
    this.cluster.stats.cells[C.upstream_rq_cancelled]! += 1
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

  /** Releases the request that `connection` carried when it ended early. */
  onStreamAborted(): void {
    this.limits.release(Requests)
  }

  onClosed(connection: Http1Connection, timedOut: boolean, errno: string | null): void {
    this.total--
    this.limits.release(Connections)
    if (!connection.connected) {
      this.connecting--
      // Out of descriptors: that is our trouble, not the host's. Who waits gets the next connection that falls free.
      if (this.total > 0 && (errno === 'EMFILE' || errno === 'ENFILE')) return
      this.failWaiting(timedOut, errno)
    } else {
      const index = this.idle.indexOf(connection)
      if (index >= 0) this.idle.splice(index, 1)
    }
    if (this.waiting.length > 0) this.connectForWaiting()
  }

  /** A connect failure is the host's: all who wait hear of it and may go elsewhere. */
  private failWaiting(timedOut: boolean, errno: string | null): void {
    const failed = this.waiting.splice(0)
    for (const pending of failed) {
      this.settle(pending)
      this.cluster.stats.cells[C.upstream_rq_pending_failure_eject]! += 1
    }
    for (const pending of failed) {
      pending.callbacks.onPoolFailure(timedOut ? 'connection_timeout' : 'connection_failure', errno)
    }
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

  get activeConnections(): number {
    return this.total
  }
}
