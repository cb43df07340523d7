// HOT FILE (docs/hot-path.md): one connection to Redis that carries everybody's commands: those of one turn go out in one
// write, replies come in order.
import { Timer } from '../../../base/index.ts'
import {
  type CloseEvent,
  CloseNoFlush,
  type Connection,
  type ConnectionReader,
  connect,
  type ThreadContext,
} from '../../../net/index.ts'
import { log, type StatBlock, statTemplate } from '../../../observability/index.ts'
import type { RedisTarget } from './redis-url.ts'
import { RedisError, type RedisReply, RespParser } from './resp-parser.ts'

export const REDIS_STATS = statTemplate({
  counters: ['cx_connect_fail', 'cx_local_close', 'cx_total', 'rq_overflow', 'rq_timeout'],
  gauges: ['cx_active'],
})
const CX_CONNECT_FAIL = REDIS_STATS.slot('cx_connect_fail')
const CX_LOCAL_CLOSE = REDIS_STATS.slot('cx_local_close')
const CX_TOTAL = REDIS_STATS.slot('cx_total')
const CX_ACTIVE = REDIS_STATS.slot('cx_active')
const RQ_OVERFLOW = REDIS_STATS.slot('rq_overflow')
const RQ_TIMEOUT = REDIS_STATS.slot('rq_timeout')

const logger = log('upstream')

const FIRST_BACKOFF_MS = 25
const MAX_BACKOFF_MS = 2000
/** Commands that wait for their reply, at most. */
const MAX_PENDING = 200_000

const RECONNECT_TIMER = 0
const TIMEOUT_TIMER = 1

const Closed = 0
const Connecting = 1
const LoggingIn = 2
const Ready = 3
const Stopped = 4

/** Gets the reply to one command; an Error that is no RedisError's text: the connection is gone, nobody knows what was done. */
export interface ReplySink {
  onReply(reply: RedisReply, index: number): void
  onConnectionLost(reason: string): void
}

/** Replies that nobody waits for, such as those to EXPIRE. */
export const IGNORE_REPLY: ReplySink = { onReply: () => undefined, onConnectionLost: () => undefined }

export class RedisClient implements ConnectionReader {
  onStateChanged: (() => void) | null = null
  /** Why there is no connection, or '' while there is one. */
  failure = 'not connected yet'
  /** Resolves with the outcome of the first attempt to connect, good or bad. */
  readonly settled: Promise<void>
  private readonly settle: () => void
  private readonly thread: ThreadContext
  private readonly target: RedisTarget
  private readonly timeoutMs: number
  private readonly cells: Float64Array
  private readonly reconnectTimer = new Timer(this, RECONNECT_TIMER)
  private readonly timeoutTimer = new Timer(this, TIMEOUT_TIMER)
  private state: number = Closed
  private connection: Connection | null = null
  private parser = new RespParser(reply => this.onReply(reply))
  private loginReplies = 0
  private backoffMs = FIRST_BACKOFF_MS
  private outage = false
  // Commands under way, in order: [head, sinks.length) of three lists side by side.
  private sinks: ReplySink[] = []
  private indices: number[] = []
  private sentMs: number[] = []
  private head = 0

  constructor(thread: ThreadContext, target: RedisTarget, timeoutMs: number, stats: StatBlock) {
    this.thread = thread
    this.target = target
    this.timeoutMs = timeoutMs
    this.cells = stats.cells
    const { promise, resolve } = Promise.withResolvers<void>()
    this.settled = promise
    this.settle = resolve
  }

  get ready(): boolean {
    return this.state === Ready
  }

  start(): void {
    if (this.state !== Closed) return
    this.state = Connecting
    this.parser = new RespParser(reply => this.onReply(reply))
    const connection = connect(this.thread, this.target.address, { keepalive: { idleS: 60, intervalS: 75, probes: 9 } })
    this.connection = connection
    connection.reader = this
    this.thread.timers.arm(this.timeoutTimer, this.timeoutMs)
  }

  stop(): void {
    this.state = Stopped
    this.thread.timers.disarm(this.reconnectTimer)
    this.thread.timers.disarm(this.timeoutTimer)
    this.connection?.close(CloseNoFlush)
    this.connection = null
    this.failPending('the service is shutting down')
  }

  /** Writes a command; its reply goes to `sink` with `index`. False: it was not sent, `failure` tells why. */
  send(command: string, sink: ReplySink, index: number): boolean {
    if (this.state !== Ready) return false
    if (this.sinks.length - this.head >= MAX_PENDING) {
      this.cells[RQ_OVERFLOW]! += 1
      return false
    }
    this.write(command, sink, index)
    return true
  }

  private write(command: string, sink: ReplySink, index: number): void {
    const { clock, timers } = this.thread
    this.sinks.push(sink)
    this.indices.push(index)
    this.sentMs.push(clock.now)
    if (!this.timeoutTimer.armed) timers.arm(this.timeoutTimer, this.timeoutMs)
    const connection = this.connection!
    // Commands say how many bytes their parts have; most are ASCII, which is one copy.
    if (Buffer.byteLength(command) === command.length) connection.writeString(command)
    else {
      const bytes = Buffer.from(command)
      connection.write(bytes, 0, bytes.length)
    }
  }

  // ---- the connection

  onConnected(): void {
    const { user, password, database } = this.target
    this.state = LoggingIn
    this.cells[CX_TOTAL]! += 1
    this.cells[CX_ACTIVE]! += 1
    this.loginReplies = 1
    if (password !== '') this.login(user === '' ? ['AUTH', password] : ['AUTH', user, password])
    if (database !== 0) this.login(['SELECT', String(database)])
    // A server that accepts connections may still not answer: only its answer makes it one.
    this.loginReplies--
    this.login(['PING'])
  }

  private login(parts: readonly string[]): void {
    this.loginReplies++
    this.write(redisCommand(parts), LOGIN, 0)
  }

  onData(data: Buffer, start: number, end: number): void {
    this.parser.feed(data, start, end)
    if (this.parser.broken) this.drop('it sent what is no Redis reply')
  }

  private onReply(reply: RedisReply): void {
    const { head } = this
    const sink = this.sinks[head]
    if (sink === undefined) {
      this.drop('it sent a reply that nobody asked for')
      return
    }
    const index = this.indices[head]!
    this.head = head + 1
    if (this.head === this.sinks.length) this.forgetPending()
    else if (this.head >= 4096) this.compact()
    if (sink === LOGIN) this.onLoginReply(reply)
    else sink.onReply(reply, index)
    // After a failover the address may lead to a replica, or the name to another server: look again.
    if (reply instanceof RedisError && reply.message.startsWith('READONLY')) this.drop(reply.message)
  }

  private onLoginReply(reply: RedisReply): void {
    if (reply instanceof RedisError) {
      this.drop(reply.message)
      return
    }
    if (--this.loginReplies > 0) return
    this.state = Ready
    this.backoffMs = FIRST_BACKOFF_MS
    this.failure = ''
    if (this.outage) logger.info(`redis ${this.target.shown}: connected again`)
    this.outage = false
    this.tellState()
  }

  /** Ends the connection for a reason of ours. */
  private drop(reason: string): void {
    if (this.connection === null) return
    this.cells[CX_LOCAL_CLOSE]! += 1
    const { connection } = this
    connection.reader = null
    connection.close(CloseNoFlush)
    this.onGone(reason)
  }

  onEnd(): void {
    this.drop('it closed the connection')
  }

  onClose(_event: CloseEvent, errno: string | null): void {
    this.onGone(errno ?? 'it closed the connection')
  }

  private onGone(reason: string): void {
    if (this.state === Stopped) return
    this.connection = null
    if (this.state >= LoggingIn) this.cells[CX_ACTIVE]! -= 1
    if (this.state !== Ready) this.cells[CX_CONNECT_FAIL]! += 1
    this.state = Closed
    this.failure = `redis ${this.target.shown}: ${reason}`
    if (!this.outage) logger.warn(`${this.failure}; rate limits cannot be counted until it is back`)
    this.outage = true
    const { timers, random } = this.thread
    timers.disarm(this.timeoutTimer)
    timers.arm(this.reconnectTimer, this.backoffMs * (0.5 + random() / 2))
    this.backoffMs = Math.min(this.backoffMs * 2, MAX_BACKOFF_MS)
    this.failPending(this.failure)
    this.tellState()
  }

  private tellState(): void {
    this.settle()
    this.onStateChanged?.()
  }

  // ---- commands under way

  private failPending(reason: string): void {
    const { sinks, head } = this
    this.sinks = []
    this.forgetPending()
    for (let i = head; i < sinks.length; i++) if (sinks[i] !== LOGIN) sinks[i]!.onConnectionLost(reason)
  }

  private forgetPending(): void {
    this.sinks.length = this.indices.length = this.sentMs.length = this.head = 0
  }

  private compact(): void {
    this.sinks.splice(0, this.head)
    this.indices.splice(0, this.head)
    this.sentMs.splice(0, this.head)
    this.head = 0
  }

  onTimer(kind: number): void {
    if (kind === RECONNECT_TIMER) {
      this.start()
      return
    }
    const { clock, timers } = this.thread
    const oldest = this.state === Connecting ? -Infinity : this.sentMs[this.head]
    if (oldest === undefined) return
    const leftMs = oldest + this.timeoutMs - clock.now
    if (leftMs > 0) {
      timers.arm(this.timeoutTimer, leftMs)
      return
    }
    this.cells[RQ_TIMEOUT]! += 1
    this.drop(`no answer within ${this.timeoutMs} ms`)
  }
}

/** Marks replies to what a connection begins with. */
const LOGIN: ReplySink = { onReply: () => undefined, onConnectionLost: () => undefined }

/** A command in RESP. */
export function redisCommand(parts: readonly string[]): string {
  let text = `*${parts.length}\r\n`
  for (const part of parts) text += `$${Buffer.byteLength(part)}\r\n${part}\r\n`
  return text
}
