// envoy.clusters.redis: the hosts of a Redis Cluster, which know themselves who has which keys.
import type { LbEndpointJson } from '#api/envoy/config/endpoint/v3/endpoint_components_pb.ts'
import type { ClusterLoadAssignmentJson } from '#api/envoy/config/endpoint/v3/endpoint_pb.ts'
import { type Address, parseAddress } from '../../net/index.ts'
import type { RespValue } from '../../net/resp/index.ts'
import { log } from '../../observability/index.ts'
import type { Schedule } from '../dns/dns-target.ts'
import type { HostDiscovery } from '../host-discovery.ts'
import type { RedisClusterPlan } from './redis-cluster-plan.ts'
import type { RedisCredentials } from './redis-credentials.ts'
import { readSlots } from './slots.ts'
import { type ConnectTo, TopologyQuery } from './topology-query.ts'

const logger = log('upstream')

export interface RedisClusterEnvironment {
  readonly schedule: Schedule
  /** Uniform in [0, 1). */
  readonly random: () => number
  readonly connect: ConnectTo
  credentials(addressText: string): RedisCredentials
}

export interface RedisClusterOwner {
  onAttempt(): void
  /** `changed`: the assignment is another one now. */
  onUpdate(kind: 'success' | 'failure', changed: boolean): void
  /** Asked once, with success or not. */
  onReady(): void
}

export class RedisCluster implements HostDiscovery {
  private readonly name: string
  private readonly seeds: readonly Address[]
  private readonly plan: RedisClusterPlan
  private readonly environment: RedisClusterEnvironment
  private readonly owner: RedisClusterOwner
  private endpoints: readonly LbEndpointJson[] = []
  private query: TopologyQuery | null = null
  private cancelTimer: () => void = () => undefined
  private ready = false
  private complained = ''

  constructor(
    configured: ClusterLoadAssignmentJson,
    name: string,
    plan: RedisClusterPlan,
    environment: RedisClusterEnvironment,
    owner: RedisClusterOwner,
  ) {
    const endpoints = (configured.endpoints ?? []).flatMap(({ lbEndpoints }) => lbEndpoints ?? [])
    this.name = name
    this.seeds = endpoints.map(addressOf)
    this.plan = plan
    this.environment = environment
    this.owner = owner
  }

  start(): void {
    const { environment, owner } = this
    const known = [...this.endpoints.map(addressOf), ...this.seeds]
    if (known.length === 0) {
      this.becomeReady()
      return
    }
    // Hosts that are known come before those that were named once, while they answer.
    const likely = this.complained === '' && this.endpoints.length > 0 ? this.endpoints.length : known.length
    const address = known[Math.floor(environment.random() * likely)]!
    owner.onAttempt()
    const answered = (reply: RespValue | string): void => this.onReply(reply, address)
    const query = new TopologyQuery(environment.connect(address), environment.credentials(address.toString()), answered)
    this.query = query
    this.cancelTimer = environment.schedule(this.plan.timeoutMs, () => {
      query.cancel()
      answered('it has not answered in time')
    })
  }

  stop(): void {
    this.cancelTimer()
    this.query?.cancel()
    this.query = null
  }

  private onReply(reply: RespValue | string, address: Address): void {
    const { owner, plan } = this
    this.cancelTimer()
    this.query = null
    const found = typeof reply === 'string' ? reply : readSlots(reply, address.host)
    if (typeof found === 'string') this.fail(found, address)
    else {
      const changed = JSON.stringify(found) !== JSON.stringify(this.endpoints)
      this.endpoints = found
      this.complained = ''
      owner.onUpdate('success', changed)
    }
    this.becomeReady()
    this.cancelTimer = this.environment.schedule(plan.refreshMs, () => this.start())
  }

  private fail(reason: string, address: Address): void {
    if (reason !== this.complained) {
      logger.warn(`cluster ${this.name}: ${address} was asked for CLUSTER SLOTS: ${reason}`)
    }
    this.complained = reason
    this.owner.onUpdate('failure', false)
  }

  private becomeReady(): void {
    if (this.ready) return
    this.ready = true
    this.owner.onReady()
  }

  assignment(): ClusterLoadAssignmentJson {
    return { clusterName: this.name, endpoints: [{ lbEndpoints: [...this.endpoints] }] }
  }
}

function addressOf({ endpoint }: LbEndpointJson): Address {
  return parseAddress(endpoint?.address ?? {})
}
