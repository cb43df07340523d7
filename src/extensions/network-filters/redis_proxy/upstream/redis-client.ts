// HOT FILE (docs/hot-path.md): one connection to one host. It carries everybody's commands, replies come in their order, and
// what one turn of the event loop brings for it leaves in one write.

import { Timer, type TimerOwner } from '../../../../base/index.ts'
import {
  type CloseEvent,
  CloseNoFlush,
  type Connection,
  type ConnectionReader,
  type ThreadContext,
  type WatermarkCallbacks,
} from '../../../../net/index.ts'
import { ERROR, encodeValue, PUSH, parseValue, RespReader, type RespSink } from '../../../../net/resp/index.ts'
import {
  CLUSTER_SLOTS as C,
  type Cluster,
  type DrainableHostPools,
  HOST_CX_ACTIVE,
  HOST_CX_CONNECT_FAIL,
  HOST_CX_TOTAL,
  HOST_RQ_ACTIVE,
  HOST_RQ_ERROR,
  HOST_RQ_TIMEOUT,
  HOST_RQ_TOTAL,
  type Host,
  hostPools,
  openUpstreamConnection,
} from '../../../../upstream/index.ts'
import { EarlyCommands } from './early-commands.ts'
import { type Greeting, isWelcome } from './greeting.ts'
import { PendingReplies } from './pending-replies.ts'
import type { RedisPool } from './redis-pool.ts'
import type { ReplyReceiver } from './reply-receiver.ts'

const CONNECT_TIMER = 0
const OP_TIMER = 1

/** Waits until a host takes more commands. */
export interface CongestionWaiter {
  onUpstreamDrained(): void
}

export class RedisClient implements ConnectionReader, RespSink, TimerOwner, WatermarkCallbacks, DrainableHostPools {
  readonly host: Host
  private readonly pool: RedisPool
  private readonly thread: ThreadContext
  private readonly cluster: Cluster
  private readonly connection: Connection
  private readonly reader = new RespReader(this)
  private readonly pending = new PendingReplies()
  private readonly connectTimer: Timer
  private readonly opTimer: Timer
  /** When a command or reply last passed; the timer looks at it when it fires, so neither costs a re-arming. */
  private progressMs = 0
  /** What waits for the connection; null once it stands. */
  private early: EarlyCommands | null = new EarlyCommands()
  private waiters: CongestionWaiter[] = []
  /** What is said and answered before commands; the first one is under way once the connection stands. */
  private readonly greetings: Greeting[]
  private greeting: Greeting | null = null
  private greetedMs = 0
  /** Commands are counted from when they can be sent, as in Envoy. */
  private counting: boolean
  private draining = false
  /** It is one client's alone. */
  private readonly own: boolean
  private timedOut = false
  /** It takes no more commands. */
  closed = false

  constructor(
    pool: RedisPool,
    thread: ThreadContext,
    cluster: Cluster,
    host: Host,
    own: boolean,
    greetings: Greeting[],
  ) {
    this.pool = pool
    this.thread = thread
    this.cluster = cluster
    this.host = host
    this.own = own
    this.greetings = greetings
    this.counting = greetings.length === 0
    this.reader.scanner.version = pool.settings.version
    const { plan, stats } = cluster
    const connection = openUpstreamConnection(thread, cluster, host, null)
    this.connection = connection
    connection.reader = this
    connection.watermarkCallbacks = this
    connection.expectBulk = true
    connection.batchWrites()
    connection.setBufferLimits(plan.perConnectionBufferLimitBytes)
    this.connectTimer = new Timer(this, CONNECT_TIMER)
    this.opTimer = new Timer(this, OP_TIMER)
    thread.timers.arm(this.connectTimer, plan.connectTimeoutMs)
    stats.cells[C.upstream_cx_total]! += 1
    stats.cells[C.upstream_cx_active]! += 1
    host.cells[HOST_CX_TOTAL]! += 1
    host.cells[HOST_CX_ACTIVE]! += 1
    hostPools(host).add(this)
  }

  get idle(): boolean {
    return this.pending.size === 0
  }

  // ---- commands

  /** `name`: for stats of commands. Bytes [start, end) are copied. */
  send(bytes: Buffer, start: number, end: number, name: string, receiver: ReplyReceiver, index: number): void {
    const { clock } = this.thread
    const { pool } = this
    if (this.counting) this.beginRequests(1)
    if (pool.commandStats) pool.countCommand(name)
    const kept = pool.redirects && !this.own ? (Buffer.copyBytesFrom(bytes, start, end - start) as Buffer) : null
    this.pending.push(receiver, index, clock.now, pool.commandStats ? name : '', kept)
    if (this.early === null) {
      this.connection.write(bytes, start, end)
      if (this.pending.size === 1) this.armOpTimer()
    } else this.early.add(bytes, start, end)
  }

  private beginRequests(count: number): void {
    const { cells } = this.cluster.stats
    cells[C.upstream_rq_total]! += count
    cells[C.upstream_rq_active]! += count
    this.host.cells[HOST_RQ_TOTAL]! += count
    this.host.cells[HOST_RQ_ACTIVE]! += count
  }

  private armOpTimer(): void {
    this.progressMs = this.thread.clock.now
    if (!this.opTimer.armed) this.thread.timers.arm(this.opTimer, this.pool.settings.opTimeoutMs)
  }

  /** More commands than the host takes: who sends them should stop for a while. */
  get congested(): boolean {
    if (this.early === null) return this.connection.aboveHighWatermark
    const { highWatermarkBytes } = this.connection
    return highWatermarkBytes > 0 && this.early.bytes > highWatermarkBytes
  }

  /** False: it waits already, as one does that sends a command per key. */
  awaitDrained(waiter: CongestionWaiter): boolean {
    if (this.waiters[this.waiters.length - 1] === waiter) return false
    this.waiters.push(waiter)
    return true
  }

  onAboveWriteBufferHighWatermark(): void {
    this.cluster.stats.cells[C.upstream_flow_control_backed_up_total]! += 1
  }

  onBelowWriteBufferLowWatermark(): void {
    this.cluster.stats.cells[C.upstream_flow_control_drained_total]! += 1
    this.wakeWaiters()
  }

  private wakeWaiters(): void {
    const { waiters } = this
    if (waiters.length === 0) return
    this.waiters = []
    for (let i = 0; i < waiters.length; i++) waiters[i]!.onUpstreamDrained()
  }

  // ---- replies

  onConnected(): void {
    this.thread.timers.disarm(this.connectTimer)
    this.greet()
  }

  private greet(): void {
    this.greeting = this.greetings.shift() ?? null
    if (this.greeting === null) {
      this.begin()
      return
    }
    const { bytes, name } = this.greeting
    this.beginRequests(1)
    this.greetedMs = this.thread.clock.now
    if (this.pool.commandStats) this.pool.countCommand(name)
    this.connection.write(bytes, 0, bytes.length)
    this.armOpTimer()
  }

  private onGreeted(greeting: Greeting, bytes: Buffer, start: number): void {
    const { pool } = this
    this.endRequest()
    pool.onReplyTime(this.greetedMs)
    if (pool.commandStats) pool.countReply(greeting.name, bytes[start] !== ERROR, this.greetedMs)
    this.greeting = null
    if (isWelcome(greeting, bytes, start)) {
      this.greet()
      return
    }
    if (greeting.negotiates) pool.countHelloFailure()
    this.reader.stop()
    this.close()
  }

  /** Commands may go. */
  private begin(): void {
    const { early } = this
    this.early = null
    if (!this.counting) this.beginRequests(this.pending.size)
    this.counting = true
    early!.sendTo(this.connection)
    if (this.pending.size > 0) this.armOpTimer()
    this.wakeWaiters()
  }

  onData(data: Buffer, start: number, end: number): void {
    this.progressMs = this.thread.clock.now
    this.reader.feed(data, start, end)
    if (this.reader.broken) this.onProtocolError()
  }

  private onProtocolError(): void {
    this.host.monitor?.outlier?.putStatus(500)
    this.cluster.stats.cells[C.upstream_cx_protocol_error]! += 1
    this.host.cells[HOST_RQ_ERROR]! += 1
    this.close()
  }

  onRespValue(bytes: Buffer, start: number, end: number): void {
    const { greeting, pending, pool } = this
    // What a host says unasked is nobody's answer.
    if (bytes[start] === PUSH) return
    if (greeting !== null) {
      this.onGreeted(greeting, bytes, start)
      return
    }
    const receiver = pending.shift()
    if (receiver === null) {
      // It would be taken for the answer to the next command.
      this.reader.stop()
      this.onProtocolError()
      return
    }
    if (!this.reader.scanner.canonical) {
      bytes = Buffer.from(encodeValue(parseValue(bytes, start), pool.settings.version), 'latin1')
      start = 0
      end = bytes.length
    }
    this.endRequest()
    const isError = bytes[start] === ERROR
    const { cancelled } = receiver
    pool.onReplyTime(pending.sentAtMs)
    if (pool.commandStats) pool.countReply(pending.name, !cancelled && !isError, pending.sentAtMs)
    this.host.monitor?.outlier?.putStatus(200)
    const { index, request } = pending
    if (cancelled) this.cluster.stats.cells[C.upstream_rq_cancelled]! += 1
    if (isError && request !== null && !cancelled) {
      pool.onErrorReply(bytes, start, end, receiver, index, pending.name, request)
    } else receiver.onReply(bytes, start, end, index)
    if (this.draining && pending.size === 0) this.finishDrain()
  }

  private endRequest(): void {
    this.cluster.stats.cells[C.upstream_rq_active]! -= 1
    this.host.cells[HOST_RQ_ACTIVE]! -= 1
  }

  // ---- the end

  onEnd(): void {
    this.leave()
    this.connection.closeByPeer()
  }

  /** Ends the connection for a reason of ours. */
  close(): void {
    if (this.closed && this.connection.closing) return
    this.leave()
    this.connection.close(CloseNoFlush)
  }

  private leave(): void {
    if (this.closed) return
    this.closed = true
    this.pool.forget(this)
  }

  /** The host or its cluster goes: commands under way are waited for, nothing new is sent. */
  drain(): void {
    if (this.draining) return
    this.draining = true
    this.leave()
    if (this.pending.size === 0) this.close()
  }

  private finishDrain(): void {
    if (!this.own) this.pool.countDrained()
    this.connection.close(CloseNoFlush)
  }

  /** A transaction is over: this connection was its own, and ends behind the last reply. */
  endOwn(): void {
    this.drain()
  }

  onClose(event: CloseEvent, _errno: string | null): void {
    const { cluster, host, thread, pending } = this
    const { cells } = cluster.stats
    const remote = event === 'remote'
    this.leave()
    if (host.pools !== null) hostPools(host).delete(this)
    thread.timers.disarm(this.connectTimer)
    thread.timers.disarm(this.opTimer)
    cells[C.upstream_cx_active]! -= 1
    host.cells[HOST_CX_ACTIVE]! -= 1
    cells[C.upstream_cx_destroy]! += 1
    cells[remote ? C.upstream_cx_destroy_remote : C.upstream_cx_destroy_local]! += 1
    if (this.counting ? pending.size > 0 : this.greeting !== null) {
      cells[C.upstream_cx_destroy_with_active_rq]! += 1
      const slot = remote ? C.upstream_cx_destroy_remote_with_active_rq : C.upstream_cx_destroy_local_with_active_rq
      cells[slot]! += 1
      if (remote) host.monitor?.outlier?.putConnectFailure()
    }
    if (this.early !== null && !this.timedOut && remote) {
      cells[C.upstream_cx_connect_fail]! += 1
      host.cells[HOST_CX_CONNECT_FAIL]! += 1
    }
    if (this.greeting !== null) this.endRequest()
    this.greeting = null
    this.failPending()
    this.wakeWaiters()
  }

  private failPending(): void {
    const { pending } = this
    for (let receiver = pending.shift(); receiver !== null; receiver = pending.shift()) {
      if (this.counting) this.endRequest()
      if (receiver.cancelled) this.cluster.stats.cells[C.upstream_rq_cancelled]! += 1
      receiver.onUpstreamFailure(pending.index)
    }
  }

  onTimer(kind: number): void {
    if (kind === CONNECT_TIMER) this.onConnectTimeout()
    else this.onOpTimer()
  }

  private onConnectTimeout(): void {
    this.timedOut = true
    this.host.monitor?.outlier?.putTimeout(504)
    this.cluster.stats.cells[C.upstream_cx_connect_timeout]! += 1
    this.host.cells[HOST_CX_CONNECT_FAIL]! += 1
    this.close()
  }

  private onOpTimer(): void {
    if (this.pending.size === 0 && this.greeting === null) return
    const { clock, timers } = this.thread
    const leftMs = this.progressMs + this.pool.settings.opTimeoutMs - clock.now
    if (leftMs > 0) {
      timers.arm(this.opTimer, leftMs)
      return
    }
    this.host.monitor?.outlier?.putTimeout(504)
    this.cluster.stats.cells[C.upstream_rq_timeout]! += 1
    this.host.cells[HOST_RQ_TIMEOUT]! += 1
    this.close()
  }
}
