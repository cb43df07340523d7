import { Clock, TimerWheel } from '../../base/index.ts'
import { runtimeSnapshot } from '../../config/index.ts'
import {
  ConnectionCounters,
  DrainState,
  OverloadState,
  SharedCells,
  ThreadBuffers,
  type ThreadContext,
} from '../../net/index.ts'
import { log, StatReader, StatStore } from '../../observability/index.ts'
import { ConfigWatch } from './config/config-watch.ts'
import { RateLimitConfig } from './config/rate-limit-config.ts'
import { GrpcServer } from './grpc/grpc-server.ts'
import { Health } from './grpc/health.ts'
import { SHOULD_RATE_LIMIT, ShouldRateLimit } from './grpc/should-rate-limit.ts'
import { HttpPort } from './http/http-port.ts'
import type { CounterStore } from './limiter/counter-store.ts'
import { LimitStats } from './limiter/limit-stats.ts'
import { MemoryCounters } from './limiter/memory-counters.ts'
import { OverLimitCache } from './limiter/over-limit-cache.ts'
import { RateLimiter } from './limiter/rate-limiter.ts'
import { REDIS_STATS, RedisClient } from './redis/redis-client.ts'
import { RedisCounters } from './redis/redis-counters.ts'
import type { RedisTarget } from './redis/redis-url.ts'
import type { RateLimitServerSettings } from './settings.ts'

const logger = log('main')

/** What the service is called where health is asked about: envoyproxy/ratelimit's name, and the protocol's. */
const HEALTH_NAMES = ['ratelimit', 'envoy.service.ratelimit.v3.RateLimitService']

const delay = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** The rate limit service: one process, one thread. */
export class RateLimitServer {
  readonly stats = new StatReader()
  private readonly settings: RateLimitServerSettings
  private readonly thread: ThreadContext
  private readonly health = new Health(HEALTH_NAMES)
  private readonly store: CounterStore
  private readonly limitStats: LimitStats
  private readonly configWatch: ConfigWatch
  private readonly limiter: RateLimiter
  private readonly httpPorts: HttpPort[] = []
  private grpc: GrpcServer | null = null
  private stopping: Promise<void> | null = null

  constructor(settings: RateLimitServerSettings, wallMs: () => number = Date.now) {
    this.settings = settings
    const stats = new StatStore(definitions => this.stats.define('main', definitions))
    this.thread = serviceThread(stats)
    this.limitStats = new LimitStats(stats, settings.maxDynamicStats)
    this.configWatch = new ConfigWatch(
      { path: settings.configPath, mergeDomains: settings.mergeDomains, nearLimitRatio: settings.nearLimitRatio },
      this.limitStats,
      stats,
    )
    this.store = this.makeStore()
    const { localCacheBytes, redis } = settings
    const overLimits = redis !== null && localCacheBytes > 0 ? new OverLimitCache(localCacheBytes) : null
    const none = new RateLimitConfig(new Map(), { stats: this.limitStats, nearLimitRatio: settings.nearLimitRatio })
    this.limiter = new RateLimiter(settings, none, this.store, this.limitStats, overLimits, stats, wallMs)
  }

  private makeStore(): CounterStore {
    const { settings, thread } = this
    const { redis, redisPerSecond } = settings
    if (redis === null) return new MemoryCounters(settings, thread.stats)
    const main = this.redisClient(redis, 'ratelimit.redis_pool.')
    const perSecond =
      redisPerSecond === null ? null : this.redisClient(redisPerSecond, 'ratelimit.redis_per_second_pool.')
    return new RedisCounters(settings, main, perSecond, thread.random)
  }

  private redisClient(target: RedisTarget, prefix: string): RedisClient {
    const { thread, settings } = this
    const client = new RedisClient(thread, target, settings.redisTimeoutMs, thread.stats.block(prefix, REDIS_STATS))
    client.start()
    return client
  }

  /** Resolves to the addresses that are served, or to what went wrong. */
  async start(): Promise<{ readonly grpc: string; readonly http: readonly string[] } | string> {
    const { config, report } = this.configWatch.start(changed => this.useConfig(changed))
    if (config === null) {
      this.abandon()
      return report
    }
    if (report !== '') logger.warn(report)
    this.useConfig(config)
    this.watchRedis()
    await this.store.settled
    try {
      const http: string[] = []
      for (const address of [this.settings.http, this.settings.debug]) {
        if (address === null) continue
        const port = new HttpPort({
          clock: this.thread.clock,
          limiter: this.limiter,
          health: this.health,
          stats: this.stats,
        })
        http.push(await port.listen(address))
        this.httpPorts.push(port)
      }
      this.grpc = this.makeGrpcServer()
      return { grpc: (await this.grpc.listening()).toString(), http }
    } catch (error) {
      this.abandon()
      return `${(error as Error).message}\n`
    }
  }

  private makeGrpcServer(): GrpcServer {
    const { settings, thread, limiter, health } = this
    const { listen: address, maxConnectionAgeMs: maxAgeMs, maxConnectionAgeGraceMs: maxAgeGraceMs } = settings
    const { method } = new ShouldRateLimit(limiter, thread.clock, thread.stats)
    const methods = new Map([[SHOULD_RATE_LIMIT, method] as const, ...health.methods])
    return new GrpcServer(thread, { address, maxAgeMs, maxAgeGraceMs }, methods)
  }

  private useConfig(config: RateLimitConfig): void {
    this.limiter.config = config
    if (config.isEmpty) logger.warn(`there is no rate limit in ${this.settings.configPath}`)
    if (this.settings.healthNeedsConfig) this.health.set('no configuration', config.isEmpty)
  }

  private watchRedis(): void {
    if (!this.settings.healthNeedsRedis || this.settings.redis === null) return
    const tell = (): void => this.health.set('redis is not connected', !this.store.connected)
    this.store.onConnectedChanged = tell
    tell()
  }

  /** Health says NOT_SERVING at once; calls under way are answered. Resolves when all is closed. */
  shutDown(): Promise<void> {
    this.stopping ??= this.drain()
    return this.stopping
  }

  private async drain(): Promise<void> {
    const { drainDelayMs, drainTimeMs } = this.settings
    logger.info(`shutting down: no longer healthy, closing in ${drainDelayMs} ms`)
    this.health.set('draining', true)
    this.grpc?.announceDrain()
    await delay(drainDelayMs)
    this.health.endWatches()
    await this.grpc?.drain(drainTimeMs)
    await Promise.all(this.httpPorts.splice(0).map(port => port.close()))
    this.abandon()
    logger.info('all calls are answered')
  }

  private abandon(): void {
    this.configWatch.stop()
    this.store.close()
    for (const port of this.httpPorts.splice(0)) void port.close()
  }
}

function serviceThread(stats: StatStore): ThreadContext {
  const clock = new Clock()
  return {
    clock,
    timers: new TimerWheel(clock),
    stats,
    buffers: new ThreadBuffers(),
    random: Math.random,
    drain: new DrainState(),
    overload: new OverloadState(),
    connectionCounters: new ConnectionCounters(ConnectionCounters.allocate(1), 1, 0),
    sharedCells: new SharedCells(SharedCells.allocate(0)),
    runtime: { snapshot: runtimeSnapshot([]) },
    node: {},
    workerIndex: -1,
  }
}
