// Hosts that are asked for again and again: of names, or of a Redis Cluster.
import type { ClusterJson } from '#api/envoy/config/cluster/v3/cluster_pb.ts'
import { type Address, type Connection, connect, type ThreadContext } from '../net/index.ts'
import type { ClusterPlan } from './cluster-plan.ts'
import { ClusterTransports } from './cluster-transports.ts'
import { DnsCluster, type DnsClusterOwner } from './dns/dns-cluster.ts'
import type { Schedule } from './dns/dns-target.ts'
import type { DnsResolverFactory } from './dns/node-resolver.ts'
import type { HostDiscovery } from './host-discovery.ts'
import { RedisCluster } from './redis-cluster/redis-cluster.ts'
import { redisCredentials } from './redis-cluster/redis-credentials.ts'
import { CLUSTER_SLOTS as C } from './stats.ts'

export interface PollEnvironment {
  readonly resolvers: DnsResolverFactory
  readonly schedule: Schedule
  /** Uniform in [0, 1). */
  readonly random: () => number
  readonly thread: () => ThreadContext
}

export interface PolledOwner {
  /** Of the cluster's stats. */
  readonly cells: Float64Array
  onHostsChanged(): void
  /** Asked once, with success or not. */
  onReady(): void
}

/** Null for clusters that find their hosts in another way, or have them. */
export function polledDiscovery(
  plan: ClusterPlan,
  cluster: ClusterJson,
  environment: PollEnvironment,
  { cells, onHostsChanged, onReady }: PolledOwner,
): HostDiscovery | null {
  const { dns, name, redisCluster } = plan
  const configured = cluster.loadAssignment ?? {}
  const { resolvers, schedule, random } = environment
  const owner: DnsClusterOwner = {
    onAttempt: () => {
      cells[C.update_attempt]! += 1
    },
    onUpdate: (kind, changed) => {
      cells[kind === 'failure' ? C.update_failure : C.update_success]! += 1
      if (changed) onHostsChanged()
      else if (kind !== 'failure') cells[C.update_no_rebuild]! += 1
    },
    onReady,
  }
  if (redisCluster !== null) {
    const connectTo = connecting(plan, environment.thread)
    const credentials = (address: string) => redisCredentials(plan, address)
    return new RedisCluster(
      configured,
      name,
      redisCluster,
      { schedule, random, connect: connectTo, credentials },
      owner,
    )
  }
  if (dns === null) return null
  const resolver = resolvers(dns.resolver)
  return new DnsCluster(configured, plan.discovery === 'LOGICAL_DNS', dns, { resolver, schedule, random }, owner)
}

/** Connects as traffic to the host would. */
function connecting(plan: ClusterPlan, thread: () => ThreadContext): (address: Address) => Connection {
  let transports: ClusterTransports | null = null
  return address => {
    transports ??= new ClusterTransports(plan, thread())
    const transport = transports.of(null)
    if (transport === null) return connect(thread(), address, plan.connectOptions)
    return transport.connect({ address, hostname: '' }, plan.connectOptions, null)
  }
}
