import type { ProxyProtocolUpstreamTransportJson } from '#api/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.ts'
import { declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import { compileProxyHeader, type UpstreamTransportSocketPlan } from '../../../net/index.ts'
import { UpstreamProxyProtocol } from './upstream-proxy-protocol.ts'

const TYPE = 'envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport'

declareSupport(TYPE, {
  supported: ['config', 'transport_socket'],
  refused: { tlv_as_pool_key: 'connections with a PROXY header are never shared between clients; leave it out' },
  accepted: { allow_unspecified_address: 'addresses that are not known are told as UNKNOWN or LOCAL' },
})

/** envoy.transport_sockets.upstream_proxy_protocol */
export const upstreamProxyProtocolFactory: ExtensionFactory<UpstreamTransportSocketPlan> = {
  name: 'envoy.transport_sockets.upstream_proxy_protocol',
  category: 'envoy.transport_sockets.upstream',
  typeNames: [TYPE],
  compile: (resource, context, path) => {
    const { config = {}, transportSocket } = resource as ProxyProtocolUpstreamTransportJson
    const header = compileProxyHeader(config, context, path.field('config'))
    const at = path.field('transport_socket')
    let inner: UpstreamTransportSocketPlan | null = null
    if (transportSocket === undefined)
      context.diagnostics.error(at, 'needs the transport socket that goes behind the header')
    else {
      const factory = context.extensions.find('envoy.transport_sockets.upstream', transportSocket, context, at)
      const compiled = factory?.compile(transportSocket.typedConfig!, context, at.field('typed_config'))
      inner = (compiled as UpstreamTransportSocketPlan | null | undefined) ?? null
    }
    return {
      proxyProtocol: true,
      secure: inner?.secure === true,
      create: (thread, statPrefix) =>
        new UpstreamProxyProtocol(thread, header, inner?.create(thread, statPrefix) ?? null),
    }
  },
}
