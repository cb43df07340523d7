// HOT FILE (docs/hot-path.md): hosts that a request names itself, in a header or in dynamic metadata, before the policy.
import type { Steps } from '../../base/index.ts'
import type { OverrideHostPlan, OverrideHostSource } from '../balancer-plan.ts'
import { AnyStatus, healthStatusBit } from '../health.ts'
import type { Host } from '../host.ts'
import type { HostSet } from '../host-set/host-set.ts'
import type { LoadBalancer, LoadBalancerContext } from './load-balancer.ts'

/** Finds hosts by their address as text; made at the first request that names one. */
export class HostsByAddress {
  private readonly set: HostSet
  private readonly statuses: number
  private map: ReadonlyMap<string, Host> | null = null

  /** `statuses`: healthStatusBits() of hosts that may be used. */
  constructor(set: HostSet, statuses: number) {
    this.set = set
    this.statuses = statuses
  }

  /** The first host of a comma-separated list that is there and can be used. */
  find(addresses: string): Host | null {
    this.map ??= new Map(this.set.priorities.flatMap(({ hosts }) => hosts.map(host => [host.addressText, host])))
    for (const address of addresses.split(',')) {
      const host = this.map.get(address.trim())
      if (host !== undefined && (healthStatusBit(host.healthFlags) & this.statuses) !== 0) return host
    }
    return null
  }
}

export class OverrideHostBalancer implements LoadBalancer {
  private readonly sources: readonly OverrideHostSource[]
  private readonly hosts: HostsByAddress
  private readonly child: LoadBalancer

  constructor(set: HostSet, plan: OverrideHostPlan, child: LoadBalancer) {
    this.sources = plan.sources
    // As in Envoy: who names a host gets it, whatever its health.
    this.hosts = new HostsByAddress(set, AnyStatus)
    this.child = child
  }

  prepare(): Steps {
    return this.child.prepare()
  }

  chooseHost(context: LoadBalancerContext | null): Host | null {
    if (context === null) return this.child.chooseHost(null)
    for (const source of this.sources) {
      const addresses =
        source.kind === 'header' ? context.header(source.name) : context.metadataValue(source.namespace, source.path)
      if (typeof addresses !== 'string') continue
      const host = this.hosts.find(addresses)
      if (host !== null && !context.shouldSelectAnother(host)) return host
    }
    return this.child.chooseHost(context)
  }
}
