import type { ProxyProtocolJson } from '#api/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.ts'
import { declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import type { ListenerFilterPlan, ThreadContext } from '../../../net/index.ts'
import { PROXY_PROTOCOL_STATS, ProxyProtocol, type ProxyProtocolPlan } from './proxy-protocol.ts'
import { compileTlvs } from './tlvs.ts'

declareSupport('envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol', {
  supported: [
    'rules',
    'allow_requests_without_proxy_protocol',
    'pass_through_tlvs',
    'disallowed_versions',
    'stat_prefix',
    'tlv_location',
  ],
})
declareSupport('envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol.Rule', {
  supported: ['tlv_type', 'on_tlv_present'],
})
declareSupport('envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol.KeyValuePair', {
  supported: ['metadata_namespace', 'key', 'value_string_encoding'],
})
declareSupport('envoy.config.core.v3.ProxyProtocolPassThroughTLVs', { supported: ['match_type', 'tlv_type'] })

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
      tlvs: compileTlvs(config),
    }
    const prefix = config.statPrefix ? `proxy_proto.${config.statPrefix}.` : 'proxy_proto.'
    return {
      create: (thread: ThreadContext) => new ProxyProtocol(plan, thread.stats.block(prefix, PROXY_PROTOCOL_STATS)),
    }
  },
}
