// What the requests of a cluster are balanced by: made anew when hosts or their health change, and replaced as a whole.
import type { Steps } from '../base/index.ts'
import type { ClusterPlan } from './cluster-plan.ts'
import type { Locality } from './host.ts'
import { type HostGroup, type HostSet, type HostSetPolicy, hostSet } from './host-set/host-set.ts'
import type { BalancerParts } from './load-balancer/balancer-parts.ts'
import { makeLoadBalancer } from './load-balancer/factory.ts'
import type { LoadBalancer } from './load-balancer/load-balancer.ts'
import { HostsByAddress } from './load-balancer/override-host.ts'

export interface Snapshot {
  readonly hostSet: HostSet
  readonly balancer: LoadBalancer
  readonly byAddress: HostsByAddress
}

/** What a snapshot is made from. */
export interface SnapshotSource {
  readonly plan: ClusterPlan
  readonly groups: readonly HostGroup[]
  readonly policy: HostSetPolicy
  /** Where this proxy is; null: not known. */
  readonly here: Locality | null
  readonly parts: BalancerParts
}

/** Clusters of more hosts than this are made ready in steps when something has changed, not at the next request. */
export const LARGE_HOST_COUNT = 500

/** The balancer does its part at the first request. */
export function takeSnapshot(source: SnapshotSource): Snapshot {
  return snapshotOf(source, hostSet(source.groups, source.policy, source.here))
}

/** With a balancer that is ready. */
export function* prepareSnapshot(source: SnapshotSource): Steps<Snapshot> {
  const set = hostSet(source.groups, source.policy, source.here)
  yield
  const snapshot = snapshotOf(source, set)
  yield
  yield* snapshot.balancer.prepare()
  return snapshot
}

function snapshotOf({ plan, parts }: SnapshotSource, set: HostSet): Snapshot {
  const balancer = makeLoadBalancer(plan.balancer, set, parts)
  return { hostSet: set, balancer, byAddress: new HostsByAddress(set, plan.overrideHostStatuses) }
}
