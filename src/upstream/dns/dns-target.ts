import type { DnsPlan } from '../cluster-plan.ts'
import { lookup } from './lookup.ts'
import type { DnsAnswer, DnsResolver } from './resolver.ts'

/** Calls back once after `ms`; returns how to cancel. */
export type Schedule = (ms: number, callback: () => void) => () => void

export interface DnsEnvironment {
  readonly resolver: DnsResolver
  readonly schedule: Schedule
  /** Uniform in [0, 1). */
  readonly random: () => number
}

/** Hears every answer. */
export interface DnsTargetOwner {
  onAttempt(): void
  onAnswer(answer: DnsAnswer): void
}

/** One name of one cluster, resolved again and again until stopped. */
export class DnsTarget {
  readonly name: string
  private readonly plan: DnsPlan
  private readonly environment: DnsEnvironment
  private readonly owner: DnsTargetOwner
  private failureMs: number
  private stopped = false
  private cancel: () => void = () => undefined

  constructor(name: string, plan: DnsPlan, environment: DnsEnvironment, owner: DnsTargetOwner) {
    this.name = name
    this.plan = plan
    this.environment = environment
    this.owner = owner
    this.failureMs = plan.failureBaseMs
  }

  start(): void {
    this.owner.onAttempt()
    void lookup(this.environment.resolver, this.name, this.plan.lookupFamily).then(answer => {
      // An answer that comes after the cluster has gone, or has been replaced, is nobody's.
      if (this.stopped) return
      this.owner.onAnswer(answer)
      this.cancel = this.environment.schedule(this.delayMs(answer), () => this.start())
    })
  }

  stop(): void {
    this.stopped = true
    this.cancel()
  }

  private delayMs(answer: DnsAnswer): number {
    const { plan } = this
    if (answer.kind === 'failure') return this.nextFailureDelayMs()
    this.failureMs = plan.failureBaseMs
    const ttlS = answer.records.reduce((least, record) => Math.min(least, record.ttlS), Number.POSITIVE_INFINITY)
    const byTtl = plan.respectTtl && ttlS > 0 && Number.isFinite(ttlS)
    const refreshMs = Math.max(byTtl ? ttlS * 1000 : plan.refreshRateMs, plan.minRefreshRateMs)
    return refreshMs + Math.floor(this.environment.random() * plan.jitterMs)
  }

  /** Doubles from failure to failure, and is drawn below that so that proxies do not ask in step. */
  private nextFailureDelayMs(): number {
    if (!this.plan.failureBackOff) return this.plan.refreshRateMs
    const limitMs = this.failureMs
    this.failureMs = Math.min(limitMs * 2, this.plan.failureMaxMs)
    return Math.floor(this.environment.random() * limitMs)
  }
}
