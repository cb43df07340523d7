import type { Schedule } from '../dns/dns-target.ts'
import { lookup } from '../dns/lookup.ts'
import type { DnsAnswer, DnsResolver } from '../dns/resolver.ts'
import type { DnsCachePlan } from './dns-cache-plan.ts'
import type { HostAndPort } from './host-key.ts'

export interface CachedHostEnvironment {
  readonly plan: DnsCachePlan
  readonly resolver: DnsResolver
  readonly schedule: Schedule
  readonly random: () => number
  /** Monotonic. */
  readonly nowMs: () => number
}

export interface CachedHostOwner {
  onAttempt(): void
  /** 'timeout': the resolver has taken too long. Says whether the name resolves. */
  onAnswer(host: CachedHost, answer: DnsAnswer | 'timeout'): 'resolved' | 'empty' | 'failed'
  /** Nobody has used it for the time that it is kept. */
  onEnd(host: CachedHost): void
}

/** One name of a cache: asked for again and again, for as long as it is in use. */
export class CachedHost {
  readonly target: HostAndPort
  /** Empty: it has none; once there are some they stay until others come. */
  addresses: readonly string[] = []
  /** Why there is no address. */
  details = ''
  /** The last answer was none. */
  failed = false
  /** The first answer has come. */
  answered = false
  private readonly environment: CachedHostEnvironment
  private readonly owner: CachedHostOwner
  private usedMs: number
  private failureMs: number
  private ended = false
  private cancelQuery: () => void = () => undefined
  private cancelRefresh: () => void = () => undefined

  constructor(target: HostAndPort, environment: CachedHostEnvironment, owner: CachedHostOwner) {
    this.target = target
    this.environment = environment
    this.owner = owner
    this.usedMs = environment.nowMs()
    this.failureMs = environment.plan.dns.failureBaseMs
  }

  start(): void {
    this.resolve()
  }

  touch(): void {
    this.usedMs = this.environment.nowMs()
  }

  stop(): void {
    this.ended = true
    this.cancelQuery()
    this.cancelRefresh()
  }

  /** As Envoy, whether it is still wanted is looked at only when it is to be asked for again. */
  private refresh(): void {
    const { plan, nowMs } = this.environment
    if (nowMs() - this.usedMs > plan.hostTtlMs) this.owner.onEnd(this)
    else this.resolve()
  }

  private resolve(): void {
    const { plan, resolver, schedule } = this.environment
    this.owner.onAttempt()
    let open = true
    const settle = (answer: DnsAnswer | 'timeout'): void => {
      if (!open || this.ended) return
      open = false
      this.cancelQuery()
      this.onAnswer(answer)
    }
    this.cancelQuery =
      plan.queryTimeoutMs > 0 ? schedule(plan.queryTimeoutMs, () => settle('timeout')) : () => undefined
    void lookup(resolver, this.target.host, plan.dns.lookupFamily).then(settle)
  }

  private onAnswer(answer: DnsAnswer | 'timeout'): void {
    const outcome = this.owner.onAnswer(this, answer)
    if (this.ended) return
    const { plan, schedule } = this.environment
    if (outcome === 'failed' && !plan.refreshesFailures) return
    this.cancelRefresh = schedule(this.delayMs(answer, outcome), () => this.refresh())
  }

  private delayMs(answer: DnsAnswer | 'timeout', outcome: 'resolved' | 'empty' | 'failed'): number {
    const { dns } = this.environment.plan
    if (outcome === 'failed') return this.failureDelayMs()
    this.failureMs = dns.failureBaseMs
    const ttlS = answer !== 'timeout' && answer.kind === 'resolved' ? (answer.records[0]?.ttlS ?? 0) : 0
    return ttlS > 0 ? Math.max(ttlS * 1000, dns.minRefreshRateMs) : dns.refreshRateMs
  }

  private failureDelayMs(): number {
    const { dns } = this.environment.plan
    if (!dns.failureBackOff) return dns.refreshRateMs
    const limitMs = this.failureMs
    this.failureMs = Math.min(limitMs * 2, dns.failureMaxMs)
    return Math.floor(this.environment.random() * limitMs)
  }
}
