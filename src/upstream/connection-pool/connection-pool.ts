// HOT FILE (docs/hot-path.md): what the pools of all protocols share: who waits, and how many connections are under way.
import type { RequestEncoder, ResponseDecoder } from '../../http/index.ts'
import type { Connection, ThreadContext, TransportSocketOverrides } from '../../net/index.ts'
import type { Cluster } from '../cluster.ts'
import type { Host } from '../host.ts'
import { Connections, PendingRequests, Requests, type ResourceKind, type StreamLimits } from '../resource-limits.ts'
import { CLUSTER_SLOTS as C } from '../stats.ts'

export type PoolFailure = 'connection_failure' | 'connection_timeout' | 'overflow'

/** Hears what became of a request for a stream; exactly one of the two, perhaps within newStream itself. */
export interface PoolCallbacks {
  /** `reused`: other requests went over this connection before, so its peer may just have closed it. */
  onPoolReady(encoder: RequestEncoder, stream: PooledStream, reused: boolean): void
  /** `detail`: the system's code, why the transport failed, or which limit refused. */
  onPoolFailure(failure: PoolFailure, detail: string | null): void
}

/** A request's hold on its connection. */
export interface PooledStream {
  readonly connection: Connection
  /** Null: the bytes are no HTTP. */
  readonly protocol: 'HTTP/1.1' | 'HTTP/2' | null
  /** How long the connection had been idle when the request began. */
  readonly idleMs: number
  /** Gives the request up. */
  abandon(encoder: RequestEncoder): void
}

/** A request that waits for a connection. */
export class PendingStream {
  readonly decoder: ResponseDecoder
  readonly callbacks: PoolCallbacks
  /** Changes when ALPN decides for another protocol than the one it waits for. */
  pool: ConnectionPool
  settled = false

  constructor(pool: ConnectionPool, decoder: ResponseDecoder, callbacks: PoolCallbacks) {
    this.pool = pool
    this.decoder = decoder
    this.callbacks = callbacks
  }

  /** Stops waiting; no callback follows. */
  cancel(): void {
    this.pool.cancel(this)
  }
}

/** Decides what happens to a connection that turned out to speak another protocol than its pool. */
export interface ProtocolArbiter {
  rehome(pool: ConnectionPool, connection: Connection): void
}

/** The connections of one worker to one host at one priority. */
export abstract class ConnectionPool {
  readonly thread: ThreadContext
  readonly cluster: Cluster
  readonly host: Host
  readonly limits: StreamLimits
  /** Where ALPN chooses the protocol; null: it is configured. */
  readonly arbiter: ProtocolArbiter | null
  /** What these requests want of the transport; null: nothing special. */
  readonly overrides: TransportSocketOverrides | null
  /** What is offered by ALPN where the host speaks TLS. */
  abstract readonly alpn: readonly string[]
  protected readonly waiting: PendingStream[] = []
  protected connecting = 0
  protected total = 0
  protected draining = false

  constructor(
    thread: ThreadContext,
    cluster: Cluster,
    host: Host,
    limits: StreamLimits,
    arbiter: ProtocolArbiter | null,
    overrides: TransportSocketOverrides | null,
  ) {
    this.thread = thread
    this.cluster = cluster
    this.host = host
    this.limits = limits
    this.arbiter = arbiter
    this.overrides = overrides
  }

  /**
   * Asks for a stream. With `fresh` no used connection will do: the caller has just lost one to the keep-alive race.
   * Returns the place in the queue, or null when a callback has been called already.
   */
  abstract newStream(decoder: ResponseDecoder, callbacks: PoolCallbacks, fresh: boolean): PendingStream | null

  /** The host is gone or unhealthy: idle connections end now, busy ones behind what is under way. */
  abstract drain(): void

  /** Opens one more connection. */
  protected abstract open(): void

  /** Waiting requests that the connections being opened will take. */
  protected abstract get capacityComing(): number

  /** Takes over an established connection, already counted. */
  abstract adopt(connection: Connection): void

  get activeConnections(): number {
    return this.total
  }

  // ---- waiting

  protected wait(decoder: ResponseDecoder, callbacks: PoolCallbacks): PendingStream | null {
    if (!this.limits.tryAcquire(PendingRequests)) {
      this.overflow(PendingRequests, C.upstream_rq_pending_overflow, callbacks)
      return null
    }
    const { cells } = this.cluster.stats
    const pending = new PendingStream(this, decoder, callbacks)
    this.waiting.push(pending)
    cells[C.upstream_rq_pending_total]! += 1
    cells[C.upstream_rq_pending_active]! += 1
    return pending
  }

  /** `kind` has just been refused. */
  protected overflow(kind: ResourceKind, slot: number, callbacks: PoolCallbacks): void {
    this.cluster.stats.cells[slot]! += 1
    callbacks.onPoolFailure('overflow', this.limits.refusal(kind))
  }

  /** The next request that waits and that the breaker lets through; undefined: none. */
  protected nextWaiting(): PendingStream | undefined {
    for (;;) {
      const pending = this.waiting.shift()
      if (pending === undefined) return undefined
      this.settle(pending)
      if (this.limits.tryAcquire(Requests)) return pending
      this.overflow(Requests, C.upstream_rq_active_overflow, pending.callbacks)
    }
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

  /** Hands all who wait over to `other`, which speaks what the host has chosen. */
  moveWaiting(other: ConnectionPool): void {
    for (const pending of this.waiting.splice(0)) {
      pending.pool = other
      other.waiting.push(pending)
    }
    other.connectForWaiting()
  }

  // ---- connecting

  /** Opens connections until each waiting request has one coming, as far as the breaker lets it. */
  protected connectForWaiting(): void {
    while (this.capacityComing < this.waiting.length) {
      // A host without any connection may always have one, whatever the breaker says.
      if (!this.limits.tryAcquire(Connections)) {
        this.cluster.stats.cells[C.upstream_cx_overflow]! += 1
        if (this.total > 0) return
        this.limits.forceAcquire(Connections)
      }
      this.connecting++
      this.total++
      this.open()
    }
  }

  /** A connection being opened is established, or has gone to another pool. */
  protected connectingEnded(): void {
    this.connecting--
  }

  /** A connection counted here belongs to `other` from now on. */
  giveTo(other: ConnectionPool, connection: Connection): void {
    this.connecting--
    this.total--
    other.total++
    other.adopt(connection)
  }

  /** Releases a request that a connection carried when it ended early. */
  releaseRequest(): void {
    this.limits.release(Requests)
  }

  protected connectionClosed(established: boolean, timedOut: boolean, errno: string | null): void {
    this.total--
    this.limits.release(Connections)
    if (!established) {
      this.connecting--
      // Out of descriptors: that is our trouble, not the host's. Who waits gets the next connection that falls free.
      if (this.total > 0 && (errno === 'EMFILE' || errno === 'ENFILE')) return
      this.failWaiting(timedOut, errno)
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
}
