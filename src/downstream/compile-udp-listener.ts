import type { ListenerJson } from '#api/envoy/config/listener/v3/listener_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport } from '../config/index.ts'
import { maxRxDatagramBytes, type UdpListenerFilterPlan } from '../net/index.ts'

declareSupport('envoy.config.listener.v3.UdpListenerConfig', {
  supported: ['downstream_socket_config'],
  refused: {
    quic_options: 'HTTP/3 is not part of this release; listen on TCP',
    udp_packet_packet_writer_config: 'datagrams are written one by one, as Node.js does; leave it out',
  },
})

/** What a listener has in place of filter chains when its address is one of UDP. */
export interface UdpListenerPlan {
  readonly filters: readonly UdpListenerFilterPlan[]
  /** Longer datagrams are dropped. */
  readonly maxRxDatagramBytes: number
}

/** Null for a listener of connections. All addresses of a listener are of one kind. */
export function compileUdpListener(
  resource: ListenerJson,
  context: CompileContext,
  path: ConfigPath,
): UdpListenerPlan | null {
  const { diagnostics } = context
  const udp = resource.address?.socketAddress?.protocol === 'UDP'
  resource.additionalAddresses?.forEach(({ address }, i) => {
    if ((address?.socketAddress?.protocol === 'UDP') === udp) return
    const at = path.field('additional_addresses').index(i).field('address')
    diagnostics.error(at, 'the addresses of a listener are all of UDP or all of connections')
  })
  if (!udp) {
    const at = path.field('udp_listener_config')
    if (resource.udpListenerConfig !== undefined) {
      diagnostics.warn(at, 'has no effect: the address is not one of UDP', { code: 'no-effect' })
    }
    return null
  }
  if ((resource.filterChains ?? []).length > 0 || resource.defaultFilterChain !== undefined) {
    const at = path.field(resource.defaultFilterChain === undefined ? 'filter_chains' : 'default_filter_chain')
    diagnostics.error(at, 'a UDP listener has no connections that could have a filter chain; use listener_filters')
  }
  return {
    filters: compileFilters(resource, context, path.field('listener_filters')),
    maxRxDatagramBytes: maxRxDatagramBytes(resource.udpListenerConfig?.downstreamSocketConfig, false),
  }
}

function compileFilters(
  { listenerFilters = [] }: ListenerJson,
  context: CompileContext,
  path: ConfigPath,
): readonly UdpListenerFilterPlan[] {
  return listenerFilters.flatMap((filter, i) => {
    const at = path.index(i)
    if (filter.filterDisabled !== undefined) {
      context.diagnostics.error(at.field('filter_disabled'), 'filters of datagrams cannot be left out for some ports')
    }
    const factory = context.extensions.find('envoy.filters.udp_listener', filter, context, at)
    if (factory === undefined) return []
    return [factory.compile(filter.typedConfig!, context, at.field('typed_config')) as UdpListenerFilterPlan]
  })
}
