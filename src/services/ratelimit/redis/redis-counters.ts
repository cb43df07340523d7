// HOT FILE (docs/hot-path.md): counters in Redis, shared with every other instance and with envoyproxy/ratelimit.
import { SECOND } from '../config/unit.ts'
import type { Count, CountCallbacks, CounterStore, WindowKind } from '../limiter/counter-store.ts'
import { IGNORE_REPLY, type RedisClient, type ReplySink, redisCommand } from './redis-client.ts'
import { RedisError, type RedisReply } from './resp-parser.ts'
import { SLIDING_SCRIPT, SLIDING_SHA } from './sliding-script.ts'

export interface RedisCounterSettings {
  readonly window: WindowKind
  /** Keys outlive their window by up to this, so that they do not all end at once. */
  readonly expirationJitterSeconds: number
  /** Nothing is added for a request that is over one of its limits, but to that limit. */
  readonly stopWhenOver: boolean
}

export class RedisCounters implements CounterStore {
  onConnectedChanged: (() => void) | null = null
  readonly settled: Promise<void>
  readonly settings: RedisCounterSettings
  private readonly main: RedisClient
  /** Has the limits per second to itself; null: they are with the others. */
  private readonly perSecond: RedisClient | null
  private readonly random: () => number

  constructor(settings: RedisCounterSettings, main: RedisClient, perSecond: RedisClient | null, random: () => number) {
    this.settings = settings
    this.main = main
    this.perSecond = perSecond
    this.random = random
    this.settled = Promise.all([main.settled, perSecond?.settled]).then(() => undefined)
    const changed = (): void => this.onConnectedChanged?.()
    main.onStateChanged = changed
    if (perSecond !== null) perSecond.onStateChanged = changed
  }

  get connected(): boolean {
    return this.main.ready && this.perSecond?.ready !== false
  }

  count(counts: readonly Count[], nowMs: number, anyOver: boolean, callbacks: CountCallbacks): void {
    const { window, stopWhenOver } = this.settings
    if (window === 'sliding') new SlidingCall(this, counts, callbacks, nowMs).start()
    else if (stopWhenOver) new CarefulCall(this, counts, callbacks, anyOver).start()
    else new FixedCall(this, counts, callbacks).start()
  }

  clientOf({ limit }: Count): RedisClient {
    return this.perSecond !== null && limit.unit === SECOND ? this.perSecond : this.main
  }

  lifetimeSeconds(windows: number, { limit }: Count): number {
    const { expirationJitterSeconds } = this.settings
    const jitter = expirationJitterSeconds === 0 ? 0 : Math.floor(this.random() * expirationJitterSeconds)
    return windows * limit.windowSeconds + jitter
  }

  close(): void {
    this.main.stop()
    this.perSecond?.stop()
  }
}

/** The commands of one request on their way. */
abstract class RedisCall implements ReplySink {
  protected readonly store: RedisCounters
  protected readonly counts: readonly Count[]
  private readonly callbacks: CountCallbacks
  /** Replies to come; -1: the caller has been told. */
  private waiting = 0

  constructor(store: RedisCounters, counts: readonly Count[], callbacks: CountCallbacks) {
    this.store = store
    this.counts = counts
    this.callbacks = callbacks
  }

  start(): void {
    const { counts } = this
    this.waiting = counts.length
    for (let i = 0; i < counts.length && this.waiting >= 0; i++) this.ask(counts[i]!, i)
  }

  protected abstract ask(count: Count, index: number): void
  /** False: the reply makes no sense. */
  protected abstract take(count: Count, reply: RedisReply): boolean

  protected send(count: Count, command: string, index: number): void {
    const client = this.store.clientOf(count)
    if (!client.send(command, this, index))
      this.fail(client.failure === '' ? 'redis: too many requests wait' : client.failure)
  }

  onReply(reply: RedisReply, index: number): void {
    if (this.waiting < 0) return
    if (reply instanceof RedisError) this.fail(`redis: ${reply.message}`)
    else if (!this.take(this.counts[index]!, reply)) this.fail('redis: an answer of the wrong type')
    else if (--this.waiting === 0) this.allTaken()
  }

  protected allTaken(): void {
    this.waiting = -1
    this.callbacks.onCounted(null)
  }

  onConnectionLost(reason: string): void {
    this.fail(reason)
  }

  protected fail(reason: string): void {
    if (this.waiting < 0) return
    this.waiting = -1
    this.callbacks.onCounted(reason)
  }
}

/** Adds and looks at the sum: two commands that go together. */
class FixedCall extends RedisCall {
  protected ask(count: Count, index: number): void {
    this.add(count, count.hits, index)
  }

  protected add(count: Count, hits: number, index: number): void {
    const key = `${count.key}${count.windowStart}`
    const client = this.store.clientOf(count)
    const number = String(hits)
    const lifetime = String(this.store.lifetimeSeconds(1, count))
    const keyPart = `$${Buffer.byteLength(key)}\r\n${key}\r\n`
    this.send(count, `*3\r\n$6\r\nINCRBY\r\n${keyPart}$${number.length}\r\n${number}\r\n`, index)
    client.send(`*3\r\n$6\r\nEXPIRE\r\n${keyPart}$${lifetime.length}\r\n${lifetime}\r\n`, IGNORE_REPLY, 0)
  }

  protected take(count: Count, reply: RedisReply): boolean {
    if (typeof reply !== 'number') return false
    count.after = reply
    count.before = reply - count.hits
    return true
  }
}

/** Looks first, and adds only where that does not take from limits that have room left. */
class CarefulCall extends FixedCall {
  private looking = true
  private anyOver: boolean

  constructor(store: RedisCounters, counts: readonly Count[], callbacks: CountCallbacks, anyOver: boolean) {
    super(store, counts, callbacks)
    this.anyOver = anyOver
    // A limit that is over by itself decides for all: there is nothing to look at.
    this.looking = !anyOver
  }

  protected override ask(count: Count, index: number): void {
    if (this.looking) this.send(count, redisCommand(['GET', `${count.key}${count.windowStart}`]), index)
    else this.add(count, this.hitsOf(count), index)
  }

  private hitsOf(count: Count): number {
    if (!this.anyOver) return count.hits
    return this.exceeds(count) ? count.hits : 0
  }

  private exceeds({ before, hits, limit }: Count): boolean {
    return before + hits > limit.requestsPerUnit
  }

  protected override take(count: Count, reply: RedisReply): boolean {
    if (!this.looking) {
      if (typeof reply !== 'number') return false
      count.after = reply
      count.before = reply - this.hitsOf(count)
      return true
    }
    count.before = reply === null ? 0 : Number(reply)
    return Number.isInteger(count.before)
  }

  protected override allTaken(): void {
    if (!this.looking) {
      super.allTaken()
      return
    }
    this.looking = false
    this.anyOver = this.counts.some(count => this.exceeds(count))
    this.start()
  }
}

/** Both windows are weighed, and hits added, in one script: nobody can come between. */
class SlidingCall extends RedisCall {
  private readonly nowMs: number

  constructor(store: RedisCounters, counts: readonly Count[], callbacks: CountCallbacks, nowMs: number) {
    super(store, counts, callbacks)
    this.nowMs = nowMs
  }

  protected ask(count: Count, index: number): void {
    this.evaluate(['EVALSHA', SLIDING_SHA], count, index)
  }

  private evaluate(how: readonly string[], count: Count, index: number): void {
    const { key, windowStart, limit, hits } = count
    const windowMs = limit.windowSeconds * 1000
    const left = 1 - Math.min(Math.max(0, this.nowMs - windowStart * 1000), windowMs) / windowMs
    const lifetime = this.store.lifetimeSeconds(2, count)
    const numbers = [left, hits, limit.requestsPerUnit, lifetime].map(String)
    const keys = [`${key}${windowStart}`, `${key}${windowStart - limit.windowSeconds}`]
    this.send(count, redisCommand([...how, '2', ...keys, ...numbers]), index)
  }

  override onReply(reply: RedisReply, index: number): void {
    // Redis forgets scripts when it restarts.
    if (reply instanceof RedisError && reply.message.startsWith('NOSCRIPT')) {
      this.evaluate(['EVAL', SLIDING_SCRIPT], this.counts[index]!, index)
      return
    }
    super.onReply(reply, index)
  }

  protected take(count: Count, reply: RedisReply): boolean {
    if (!Array.isArray(reply) || typeof reply[0] !== 'number') return false
    const { limit, hits } = count
    const used = reply[0]
    const over = reply[1] === 0
    count.before = over ? Math.max(used, limit.requestsPerUnit) : used
    count.after = over ? count.before + Math.max(hits, 1) : Math.max(0, used + hits)
    return true
  }
}
