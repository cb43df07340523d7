// HOT FILE (docs/hot-path.md): the balancer of a dynamic forward proxy: the host that a request names itself.
import type { Steps } from '../../base/index.ts'
import type { DynamicHostPlan } from '../balancer-plan.ts'
import type { DnsCacheView } from '../dns-cache/dns-cache-view.ts'
import { hostAndPort } from '../dns-cache/host-key.ts'
import type { Host } from '../host.ts'
import type { HostSet } from '../host-set/host-set.ts'
import type { LoadBalancer, LoadBalancerContext } from './load-balancer.ts'

export class DynamicHostBalancer implements LoadBalancer {
  private readonly hosts: ReadonlyMap<string, Host>
  private readonly plan: DynamicHostPlan
  private readonly view: DnsCacheView

  constructor(set: HostSet, plan: DynamicHostPlan, view: DnsCacheView) {
    this.hosts = new Map(set.priorities.flatMap(({ hosts }) => hosts.map(host => [host.hostname, host])))
    this.plan = plan
    this.view = view
  }

  // Nothing is left to do.
  *prepare(): Steps {}

  chooseHost(context: LoadBalancerContext | null): Host | null {
    const name = context?.dynamicHost ?? null
    if (context === null || name === null) return null
    const { key } = hostAndPort(name, context.dynamicPort ?? this.plan.defaultPort)
    const host = this.hosts.get(key)
    if (host === undefined) return null
    this.view.touch(key, this.plan.cache.hostTtlMs)
    return host
  }
}
