import './support.ts'
import type { DnsFilterConfigJson } from '#api/envoy/extensions/filters/udp/dns_filter/v3/dns_filter_pb.ts'
import type { CompileContext, ConfigPath, ExtensionFactory } from '../../../config/index.ts'
import type { ThreadContext, UdpListenerFilterCallbacks, UdpListenerFilterPlan } from '../../../net/index.ts'
import type { UpstreamThread } from '../../../upstream/index.ts'
import { DnsFilter, type DnsFilterShared } from './dns-filter.ts'
import { DnsTable } from './dns-table.ts'
import { DNS_STATS } from './stats.ts'

/** Fields of Envoy releases after the API packages that the types come from. */
interface LaterFields {
  readonly caseInsensitive?: boolean
}

class DnsFilterPlan implements UdpListenerFilterPlan {
  private readonly statPrefix: string
  private readonly table: DnsTable
  private shared: DnsFilterShared | null = null

  constructor(config: DnsFilterConfigJson & LaterFields, context: CompileContext, path: ConfigPath) {
    const at = path.field('server_config')
    const table = config.serverConfig?.inlineDnsTable
    if (table === undefined) context.diagnostics.error(at, 'is required: which names are answered?')
    this.statPrefix = config.statPrefix ?? ''
    this.table = DnsTable.compile(table ?? {}, config.caseInsensitive ?? false, context, at.field('inline_dns_table'))
  }

  create(callbacks: UdpListenerFilterCallbacks): DnsFilter {
    this.shared ??= this.share(callbacks.thread)
    return new DnsFilter(this.shared, callbacks)
  }

  /** A plan is compiled per thread, so what it opens belongs to that thread. */
  private share(thread: ThreadContext): DnsFilterShared {
    const { clusters } = thread as UpstreamThread
    return { table: this.table, clusters, stats: thread.stats.block(`dns_filter.${this.statPrefix}.`, DNS_STATS) }
  }
}

/** envoy.filters.udp.dns_filter */
export const dnsFilterFactory: ExtensionFactory<UdpListenerFilterPlan> = {
  name: 'envoy.filters.udp.dns_filter',
  category: 'envoy.filters.udp_listener',
  typeNames: ['envoy.extensions.filters.udp.dns_filter.v3.DnsFilterConfig'],
  compile: (config, context, path) => new DnsFilterPlan(config as DnsFilterConfigJson, context, path),
}
