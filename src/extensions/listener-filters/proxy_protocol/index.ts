import type { ProxyProtocolJson } from '#api/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.ts'
import { declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import type { ListenerFilterPlan, ThreadContext } from '../../../net/index.ts'
import { PROXY_PROTOCOL_STATS, ProxyProtocol, type ProxyProtocolPlan } from './proxy-protocol.ts'

const NO_TLVS = 'the TLVs of version 2 are read over but not kept in this release'

declareSupport('envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol', {
  supported: ['allow_requests_without_proxy_protocol', 'disallowed_versions', 'stat_prefix'],
  refused: { rules: NO_TLVS, pass_through_tlvs: NO_TLVS, tlv_location: NO_TLVS },
})

/** envoy.filters.listener.proxy_protocol */
export const proxyProtocolFactory: ExtensionFactory<ListenerFilterPlan> = {
  name: 'envoy.filters.listener.proxy_protocol',
  category: 'envoy.filters.listener',
  typeNames: ['envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol'],
  compile: resource => {
    const config = resource as ProxyProtocolJson
    const versions = (config.disallowedVersions ?? []).map(version => (version === 'V1' ? 1 : 2))
    const plan: ProxyProtocolPlan = {
      allowWithout: config.allowRequestsWithoutProxyProtocol ?? false,
      disallowedVersions: new Set(versions),
    }
    const prefix = config.statPrefix ? `proxy_proto.${config.statPrefix}.` : 'proxy_proto.'
    return {
      create: (thread: ThreadContext) => new ProxyProtocol(plan, thread.stats.block(prefix, PROXY_PROTOCOL_STATS)),
    }
  },
}
