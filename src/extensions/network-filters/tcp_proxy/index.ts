import './support.ts'
import type { ExtensionFactory } from '../../../config/index.ts'
import { type AccessLog, type NetworkFilterPlan, openAccessLogs, type ThreadContext } from '../../../net/index.ts'
import type { UpstreamThread } from '../../../upstream/index.ts'
import { compileTcpProxy } from './compile.ts'
import { TCP_STATS } from './stats.ts'
import { TcpProxy, type TcpProxyShared } from './tcp-proxy.ts'
import type { TcpProxyPlan } from './tcp-proxy-plan.ts'

class TcpProxyFilterPlan implements NetworkFilterPlan {
  readonly terminal = true
  private readonly plan: TcpProxyPlan
  private shared: TcpProxyShared | null = null

  constructor(plan: TcpProxyPlan) {
    this.plan = plan
  }

  prepare(thread: ThreadContext): void {
    this.shared ??= this.share(thread)
  }

  create(thread: ThreadContext): TcpProxy {
    this.shared ??= this.share(thread)
    return new TcpProxy(this.shared)
  }

  /** A plan is compiled per thread, so what it opens belongs to that thread. */
  private share(thread: ThreadContext): TcpProxyShared {
    const { plan } = this
    const accessLogs: readonly AccessLog[] = openAccessLogs(plan.accessLogs, thread)
    const { clusters } = thread as UpstreamThread
    return { plan, thread, clusters, accessLogs, stats: thread.stats.block(`tcp.${plan.statPrefix}.`, TCP_STATS) }
  }
}

/** envoy.filters.network.tcp_proxy */
export const tcpProxyFactory: ExtensionFactory<NetworkFilterPlan> = {
  name: 'envoy.filters.network.tcp_proxy',
  category: 'envoy.filters.network',
  typeNames: ['envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy'],
  compile: (config, context, path) => new TcpProxyFilterPlan(compileTcpProxy(config, context, path)),
}
