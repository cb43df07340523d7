import type { DiscoveredSet, Refusal, Subscription, SubscriptionOwner, SubscriptionRequest } from '../config/index.ts'
import type { Schedule } from '../upstream/index.ts'

/** Where a watch is entered and left. */
export interface Watched {
  enter(watch: Watch): void
  leave(watch: Watch): void
}

/** One subscription among those that share a stream. */
export class Watch implements Subscription {
  readonly typeName: string
  /** Null: all there are. */
  readonly names: readonly string[] | null
  private readonly owner: SubscriptionOwner
  private readonly fetchTimeoutMs: number
  private readonly watched: Watched
  private readonly schedule: Schedule
  private readonly first = Promise.withResolvers<void>()
  private cancelTimeout: (() => void) | null = null
  private answered = false
  private stopped = false

  constructor({ typeName, names, owner, source }: SubscriptionRequest, watched: Watched, schedule: Schedule) {
    this.typeName = typeName
    this.names = names
    this.owner = owner
    this.fetchTimeoutMs = source.initialFetchTimeoutMs
    this.watched = watched
    this.schedule = schedule
  }

  start(): Promise<void> | null {
    this.owner.onAttempt()
    if (this.fetchTimeoutMs > 0) {
      this.cancelTimeout = this.schedule(this.fetchTimeoutMs, () => {
        this.owner.onFetchTimeout()
        this.settleFirst()
      })
    }
    this.watched.enter(this)
    return this.answered ? null : this.first.promise
  }

  stop(): void {
    this.stopped = true
    this.settleFirst()
    this.watched.leave(this)
  }

  private settleFirst(): void {
    this.answered = true
    this.cancelTimeout?.()
    this.cancelTimeout = null
    this.first.resolve()
  }

  /** Hands over what has come. */
  take(set: DiscoveredSet): Refusal | Promise<Refusal> {
    if (this.stopped) return null
    try {
      const refusal = this.owner.onResources(set)
      if (refusal === null || typeof refusal === 'string') return this.settle(refusal, set)
      return refusal.then(
        settled => this.settle(settled, set),
        error => this.settle(failure(error), set),
      )
    } catch (error) {
      return this.settle(failure(error), set)
    }
  }

  private settle(refusal: Refusal, set: DiscoveredSet): Refusal {
    if (this.stopped) return refusal
    if (refusal === null) this.owner.onAccepted(set.version)
    else this.owner.onRejected()
    this.owner.onAttempt()
    this.settleFirst()
    return refusal
  }

  /** What came is refused before anybody could look at it. */
  refuse(): void {
    this.owner.onRejected()
    this.owner.onAttempt()
    this.settleFirst()
  }

  /** Nobody can be asked at the moment. */
  fail(): void {
    this.owner.onFailure()
  }
}

/** A control plane must not be able to end the process, whatever it sends. */
function failure(error: unknown): string {
  return `internal error: ${error instanceof Error ? error.message : String(error)}`
}
