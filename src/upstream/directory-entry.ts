// What main keeps of one cluster.
import { deserialize } from 'node:v8'
import type { ClusterJson } from '#api/envoy/config/cluster/v3/cluster_pb.ts'
import type { ClusterLoadAssignmentJson } from '#api/envoy/config/endpoint/v3/endpoint_pb.ts'
import type { StatBlock } from '../observability/index.ts'
import type { BalancerPlan } from './balancer-plan.ts'
import type { BreakerGauges } from './breaker-gauges.ts'
import type { SharedBytes } from './cluster-manager.ts'
import type { ClusterMembers } from './cluster-members.ts'
import type { AssignmentPlan, ClusterPlan } from './cluster-plan.ts'
import { compileAssignment } from './compile/assignment.ts'
import type { EndpointPlan } from './host.ts'
import type { HostDiscovery } from './host-discovery.ts'
import type { HostWatch } from './host-watch.ts'
import type { LimitsLocation } from './limits-memory.ts'
import type { BalancerMemory } from './load-balancer/balancer-parts.ts'
import { countSubsets } from './load-balancer/subset/count-subsets.ts'
import { subsetKeysOf } from './load-balancer/subset/subset-index.ts'
import type { LimitsPlan } from './resource-limits.ts'
import type { SharedHosts } from './shared-hosts.ts'
import { CLUSTER_SLOTS as C } from './stats.ts'

export interface DirectoryEntry {
  readonly name: string
  readonly resource: SharedBytes
  readonly addedViaApi: boolean
  readonly limitsPlan: readonly [LimitsPlan, LimitsPlan]
  readonly hostLimits: ClusterPlan['hostLimits']
  readonly balancer: BalancerPlan
  readonly healthyPanicThreshold: number
  /** Null where there are no subsets to count. */
  readonly memory: Pick<BalancerMemory, 'subsets' | 'subsetKeys'> | null
  readonly limits: LimitsLocation
  readonly stats: StatBlock
  /** Null: the hosts stand in the resource. */
  discovery: HostDiscovery | null
  readonly members: ClusterMembers
  /** Null where neither checks nor traffic say how hosts are. */
  watch: HostWatch | null
  /** Hosts that discovery drops stay while they pass their health checks. */
  readonly retains: boolean
  /** Discovered hosts, and those that stay without it; null before the first answer. */
  assignment: ClusterLoadAssignmentJson | null
  /** The same as workers get it. */
  hosts: SharedHosts | null
  /** Made when a worker first uses the cluster. */
  breakers: BreakerGauges | null
}

export function resourceOf({ resource: { memory, offset, length } }: DirectoryEntry): ClusterJson {
  return deserialize(Buffer.from(new Uint8Array(memory, offset, length))) as ClusterJson
}

/** The hosts at the moment. */
export function assignmentOf({ discovery, assignment }: DirectoryEntry, cluster: ClusterJson): AssignmentPlan {
  return compileAssignment(discovery === null ? cluster.loadAssignment : (assignment ?? undefined))
}

export function countMembersOf({ stats: { cells }, members }: DirectoryEntry): void {
  const { total, healthy, degraded, excluded } = members.counts()
  cells[C.membership_total] = total
  cells[C.membership_healthy] = healthy
  cells[C.membership_degraded] = degraded
  cells[C.membership_excluded] = excluded
}

/** As in Envoy, main counts the subsets too: n workers show each of them n + 1 times. */
export function countSubsetsOf({ balancer, memory, stats }: DirectoryEntry, endpoints: readonly EndpointPlan[]): void {
  if (balancer.kind !== 'subset' || memory === null) return
  countSubsets({ stats, memory }, subsetKeysOf(endpoints, balancer, memory.subsetKeys))
}
