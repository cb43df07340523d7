// A secret that a server brings (SDS).
import type { SecretJson } from '#api/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts'
import {
  type DiscoveredSecretOrigin,
  type DiscoveredSet,
  type Refusal,
  type Subscription,
  type SubscriptionOwner,
  SubscriptionStats,
  type Subscriptions,
} from '../../config/index.ts'
import type { StatCell, StatStore } from '../../observability/index.ts'
import { secretStatPrefix } from './secret-stats.ts'

const TYPE = 'envoy.extensions.transport_sockets.tls.v3.Secret'

export class DiscoveredSecret implements SubscriptionOwner {
  private readonly origin: DiscoveredSecretOrigin
  /** Takes the secret into use; why it cannot. */
  private readonly take: (secret: SecretJson) => Refusal
  private readonly arrival = Promise.withResolvers<void>()
  private stats: SubscriptionStats | null = null
  private rotationFailed: StatCell | null = null
  private subscription: Subscription | null = null
  private first: Promise<void> | null = null
  /** The first good one has come. */
  arrived = false

  constructor(origin: DiscoveredSecretOrigin, take: (secret: SecretJson) => Refusal) {
    this.origin = origin
    this.take = take
  }

  start(store: StatStore, subscriptions: Subscriptions): void {
    if (this.subscription !== null) return
    const { name, source } = this.origin
    const statPrefix = secretStatPrefix(name)
    this.stats = new SubscriptionStats(store, statPrefix)
    this.rotationFailed = store.counter(`${statPrefix}key_rotation_failed`)
    this.subscription = subscriptions.subscribe({ source, typeName: TYPE, names: [name], statPrefix, owner: this })
    this.first = this.subscription.start()
  }

  /** Settles when there is a good one. */
  get whenArrived(): Promise<void> {
    return this.arrival.promise
  }

  /** Settles when there is a good one, or nobody should wait for it any longer. */
  get whenAnswered(): Promise<void> {
    return this.first ?? this.arrival.promise
  }

  stop(): void {
    this.subscription?.stop()
  }

  onResources({ resources }: DiscoveredSet): Refusal {
    const [found] = resources
    // What a server takes away stays in use: connections need something.
    if (found === undefined) return null
    const refusal = this.take(found.resource)
    if (refusal !== null) {
      if (this.rotationFailed !== null) this.rotationFailed.cells[this.rotationFailed.slot]! += 1
      return `secret '${found.name}': ${refusal}`
    }
    this.arrived = true
    this.arrival.resolve()
    return null
  }

  onAttempt(): void {
    this.stats?.onAttempt()
  }

  onAccepted(version: string): void {
    this.stats?.onAccepted(version)
  }

  onRejected(): void {
    this.stats?.onRejected()
  }

  onFailure(): void {
    this.stats?.onFailure()
  }

  onFetchTimeout(): void {
    this.stats?.onFetchTimeout()
  }
}
