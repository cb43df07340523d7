import type { LbEndpointJson } from '#api/envoy/config/endpoint/v3/endpoint_components_pb.ts'
import type { ClusterLoadAssignmentJson } from '#api/envoy/config/endpoint/v3/endpoint_pb.ts'
import type { DnsPlan } from '../cluster-plan.ts'
import type { HostDiscovery } from '../host-discovery.ts'
import { type DnsEnvironment, DnsTarget } from './dns-target.ts'
import type { DnsAnswer } from './resolver.ts'

export interface DnsClusterOwner {
  onAttempt(): void
  /** `changed`: the assignment is another one now. */
  onUpdate(kind: 'success' | 'failure', changed: boolean): void
  /** Every name has been answered once, with success or not. */
  onReady(): void
}

/** The names of one STRICT_DNS or LOGICAL_DNS cluster and the hosts that they stand for at the moment. */
export class DnsCluster implements HostDiscovery {
  private readonly configured: ClusterLoadAssignmentJson
  private readonly logical: boolean
  private readonly owner: DnsClusterOwner
  private readonly targets: DnsTarget[] = []
  /** By target; null until the first good answer. */
  private readonly addresses: (readonly string[] | null)[] = []
  private unanswered: number

  constructor(
    configured: ClusterLoadAssignmentJson,
    logical: boolean,
    plan: DnsPlan,
    environment: DnsEnvironment,
    owner: DnsClusterOwner,
  ) {
    this.configured = configured
    this.logical = logical
    this.owner = owner
    for (const endpoint of (configured.endpoints ?? []).flatMap(locality => locality.lbEndpoints ?? [])) {
      const index = this.targets.length
      let answered = false
      const target = new DnsTarget(nameOf(endpoint), plan, environment, {
        onAttempt: () => owner.onAttempt(),
        onAnswer: answer => {
          this.onAnswer(index, answer)
          if (!answered && --this.unanswered === 0) owner.onReady()
          answered = true
        },
      })
      this.targets.push(target)
      this.addresses.push(null)
    }
    this.unanswered = this.targets.length
  }

  start(): void {
    if (this.targets.length === 0) this.owner.onReady()
    for (const target of this.targets) target.start()
  }

  stop(): void {
    for (const target of this.targets) target.stop()
  }

  private onAnswer(index: number, answer: DnsAnswer): void {
    // A logical host keeps its last address when there is none any more; names of a strict cluster lose their hosts.
    if (answer.kind === 'failure' || (this.logical && answer.records.length === 0)) {
      this.owner.onUpdate('failure', false)
      return
    }
    const found = [...new Set(answer.records.map(({ address }) => address))]
    const known = this.addresses[index] ?? null
    const wanted = this.logical ? found.slice(0, 1) : found
    const changed = !sameSet(known ?? [], wanted)
    // Answers in another order are no change, and the order in use stays.
    if (changed) this.addresses[index] = wanted
    this.owner.onUpdate('success', changed)
  }

  /** The configured endpoints with addresses in place of names. */
  assignment(): ClusterLoadAssignmentJson {
    let index = 0
    const seen = new Set<string>()
    const endpoints = (this.configured.endpoints ?? []).map(locality => ({
      ...locality,
      lbEndpoints: (locality.lbEndpoints ?? []).flatMap(endpoint => {
        const addresses = this.addresses[index++] ?? []
        return addresses.map(address => resolvedEndpoint(endpoint, address)).filter(resolved => isNew(resolved, seen))
      }),
    }))
    return { ...this.configured, endpoints }
  }
}

/** Two names may lead to one address, which then is one host. */
function isNew({ endpoint }: LbEndpointJson, seen: Set<string>): boolean {
  const socket = endpoint?.address?.socketAddress
  const key = `${socket?.address} ${socket?.portValue}`
  if (seen.has(key)) return false
  seen.add(key)
  return true
}

function nameOf(endpoint: LbEndpointJson): string {
  return endpoint.endpoint?.address?.socketAddress?.address ?? ''
}

function resolvedEndpoint(configured: LbEndpointJson, address: string): LbEndpointJson {
  const { endpoint } = configured
  const hostname = endpoint?.hostname ?? ''
  return {
    ...configured,
    endpoint: {
      ...endpoint,
      hostname: hostname === '' ? nameOf(configured) : hostname,
      address: { socketAddress: { ...endpoint?.address?.socketAddress, address } },
    },
  }
}

function sameSet(left: readonly string[], right: readonly string[]): boolean {
  if (left.length !== right.length) return false
  const known = new Set(left)
  return right.every(address => known.has(address))
}
