import './support.ts'
import type { ExtensionFactory } from '../../../config/index.ts'
import {
  openAccessLogs,
  type ThreadContext,
  type UdpListenerFilterCallbacks,
  type UdpListenerFilterPlan,
} from '../../../net/index.ts'
import type { UpstreamThread } from '../../../upstream/index.ts'
import { compileUdpProxy } from './compile.ts'
import { UDP_STATS } from './stats.ts'
import { UdpProxy, type UdpProxyShared } from './udp-proxy.ts'
import type { UdpProxyPlan } from './udp-proxy-plan.ts'

class UdpProxyFilterPlan implements UdpListenerFilterPlan {
  private readonly plan: UdpProxyPlan
  private shared: UdpProxyShared | null = null

  constructor(plan: UdpProxyPlan) {
    this.plan = plan
  }

  create(callbacks: UdpListenerFilterCallbacks): UdpProxy {
    this.shared ??= this.share(callbacks.thread)
    return new UdpProxy(this.shared, callbacks)
  }

  /** A plan is compiled per thread, so what it opens belongs to that thread. */
  private share(thread: ThreadContext): UdpProxyShared {
    const { plan } = this
    return {
      plan,
      clusters: (thread as UpstreamThread).clusters,
      stats: thread.stats.block(`udp.${plan.statPrefix}.`, UDP_STATS),
      sessionLogs: openAccessLogs(plan.sessionLogs, thread),
      proxyLogs: openAccessLogs(plan.proxyLogs, thread),
    }
  }
}

/** envoy.filters.udp_listener.udp_proxy */
export const udpProxyFactory: ExtensionFactory<UdpListenerFilterPlan> = {
  name: 'envoy.filters.udp_listener.udp_proxy',
  category: 'envoy.filters.udp_listener',
  typeNames: ['envoy.extensions.filters.udp.udp_proxy.v3.UdpProxyConfig'],
  compile: (config, context, path) => new UdpProxyFilterPlan(compileUdpProxy(config, context, path)),
}
