// The contract between those who need resources that come at run time and whoever brings them.
import type { ConfigSourcePlan } from './config-source.ts'

export interface DiscoveredResource {
  readonly name: string
  /** Checked, with defaults left out. */
  readonly resource: object
  /** Its own, where it has one; else that of the whole. */
  readonly version: string
}

export interface DiscoveredSet {
  readonly version: string
  readonly resources: readonly DiscoveredResource[]
  /** Names of what is no longer there; null: what is not among the resources is not there. */
  readonly removed: readonly string[] | null
  /** They were given for a time that is over: whoever holds on to what a server takes away lets go of it now. */
  readonly expired?: boolean
}

/** Why a set, or a part of it, is not in force; null: it is. */
export type Refusal = string | null

/** Who needs resources. */
export interface SubscriptionOwner {
  /** Takes over what was discovered. A promise where that takes time: nothing else comes before it is settled. */
  onResources(set: DiscoveredSet): Refusal | Promise<Refusal>
  onAttempt(): void
  /** What came has been taken over. */
  onAccepted(version: string): void
  onRejected(): void
  /** There was nothing that could be read, or nobody to ask. */
  onFailure(): void
  /** The first answer has not come in time (initial_fetch_timeout). */
  onFetchTimeout(): void
}

export interface SubscriptionRequest {
  readonly source: ConfigSourcePlan
  /** Full name of the message. */
  readonly typeName: string
  /** Null: all there are. */
  readonly names: readonly string[] | null
  /** Of the owner's stats, for those of a server that is asked for it alone. */
  readonly statPrefix: string
  readonly owner: SubscriptionOwner
}

export interface Subscription {
  /** Settles once the first answer has been taken over or refused, or has not come in time. Null: it is already. */
  start(): Promise<void> | null
  stop(): void
}

export interface Subscriptions {
  subscribe(request: SubscriptionRequest): Subscription
}
