import { xxHash64 } from '../../../base/index.ts'
import { LoadBalancerContext } from '../../../upstream/index.ts'
import type { UdpProxyPlan } from './udp-proxy-plan.ts'

/** What a client tells the balancer; one object for all of a filter, told of each client in turn. */
export class UdpLoadBalancerContext extends LoadBalancerContext {
  private readonly by: NonNullable<UdpProxyPlan['hash']>
  peerHost = ''

  constructor(by: NonNullable<UdpProxyPlan['hash']>) {
    super()
    this.by = by
  }

  override get hash(): bigint {
    return this.by.by === 'key' ? this.by.hash : xxHash64(this.peerHost)
  }
}
