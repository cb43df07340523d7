import type { ClusterLoadAssignmentJson } from '#api/envoy/config/endpoint/v3/endpoint_pb.ts'
import {
  ConfigPath,
  Diagnostics,
  type DiscoveredResource,
  type DiscoveredSet,
  durationMs,
  type Refusal,
  type Subscription,
  type SubscriptionOwner,
  type Subscriptions,
} from '../../config/index.ts'
import type { EdsPlan } from '../cluster-plan.ts'
import { checkAssignment } from '../compile/assignment.ts'
import type { Schedule } from '../dns/dns-target.ts'
import type { HostDiscovery } from '../host-discovery.ts'
import type { EdsStats } from './eds-stats.ts'

const TYPE = 'envoy.config.endpoint.v3.ClusterLoadAssignment'

export interface EdsEnvironment {
  readonly subscriptions: Subscriptions
  readonly schedule: Schedule
  readonly stats: EdsStats
}

export interface EdsClusterOwner {
  /** The assignment is another one now. */
  onChanged(): void
  /** The first answer has come, good or bad, or not in time. */
  onReady(): void
  /** The cluster that this one takes the place of; null: none, or none of this kind. */
  knownBefore(): EdsCluster | null
}

/** The assignment of one EDS cluster: the last that was accepted. */
export class EdsCluster implements HostDiscovery, SubscriptionOwner {
  private readonly plan: EdsPlan
  private readonly stats: EdsStats
  private readonly schedule: Schedule
  private readonly owner: EdsClusterOwner
  private readonly subscription: Subscription
  private current: ClusterLoadAssignmentJson = {}
  /** `current` as text, to tell whether anything has changed; null: nothing was accepted yet. */
  private text: string | null = null
  private cancelStale: (() => void) | null = null

  constructor(plan: EdsPlan, { subscriptions, schedule, stats }: EdsEnvironment, owner: EdsClusterOwner) {
    this.plan = plan
    this.stats = stats
    this.schedule = schedule
    this.owner = owner
    this.subscription = subscriptions.subscribe({
      source: plan.source,
      typeName: TYPE,
      names: [plan.serviceName],
      statPrefix: stats.prefix,
      owner: this,
    })
  }

  /** The name that the service of assignments knows the cluster by. */
  get serviceName(): string {
    return this.plan.serviceName
  }

  /** What a file says is in force before this returns. */
  start(): void {
    const first = this.subscription.start()
    if (first === null) this.owner.onReady()
    else void first.then(() => this.owner.onReady())
  }

  stop(): void {
    this.subscription.stop()
    this.cancelStale?.()
  }

  assignment(): ClusterLoadAssignmentJson {
    return this.current
  }

  onAttempt(): void {
    this.stats.count('update_attempt')
  }

  onAccepted(version: string): void {
    this.stats.accepted(version)
  }

  onRejected(): void {
    this.stats.count('update_rejected')
  }

  onFailure(): void {
    this.stats.count('update_failure')
  }

  /** Hosts that are known are better than none. */
  onFetchTimeout(): void {
    this.stats.count('init_fetch_timeout')
    const before = this.owner.knownBefore()
    if (before === null || this.text !== null || before.plan.serviceName !== this.plan.serviceName) return
    this.replace(before.current)
  }

  onResources({ resources, expired }: DiscoveredSet): Refusal {
    const { serviceName } = this.plan
    if (expired === true) {
      this.replace({ clusterName: serviceName })
      return null
    }
    if (resources.length === 0) {
      this.stats.count('update_empty')
      return null
    }
    if (resources.length > 1) return `Unexpected EDS resource length: ${resources.length}`
    const [{ name, resource }] = resources as readonly [DiscoveredResource]
    if (name !== serviceName) return `Unexpected EDS cluster (expecting ${serviceName}): ${name}`
    const assignment = resource as ClusterLoadAssignmentJson
    const diagnostics = new Diagnostics()
    checkAssignment(assignment, 'EDS', diagnostics, ConfigPath.root)
    if (diagnostics.failed) return diagnostics.list.map(({ path, message }) => `${path}: ${message}`).join('; ')
    this.watchAge(durationMs(assignment.policy?.endpointStaleAfter, 0))
    this.replace(assignment)
    return null
  }

  private replace(assignment: ClusterLoadAssignmentJson): void {
    const text = JSON.stringify(assignment)
    if (text === this.text) {
      this.stats.count('update_no_rebuild')
      return
    }
    this.text = text
    this.current = assignment
    this.owner.onChanged()
  }

  /** Hosts that are not confirmed in time are given up. */
  private watchAge(staleAfterMs: number): void {
    this.cancelStale?.()
    this.cancelStale = null
    if (staleAfterMs === 0) return
    this.stats.count('assignment_timeout_received')
    this.cancelStale = this.schedule(staleAfterMs, () => {
      this.cancelStale = null
      this.stats.count('assignment_stale')
      this.replace({ clusterName: this.plan.serviceName })
    })
  }
}
