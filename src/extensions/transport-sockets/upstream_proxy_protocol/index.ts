import type { ProxyProtocolConfigJson } from '#api/envoy/config/core/v3/proxy_protocol_pb.ts'
import type { ProxyProtocolUpstreamTransportJson } from '#api/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import type { UpstreamTransportSocketPlan } from '../../../net/index.ts'
import { encodeTlv, type HeaderPlan } from './header.ts'
import { UpstreamProxyProtocol } from './upstream-proxy-protocol.ts'

const TYPE = 'envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport'

declareSupport(TYPE, {
  supported: ['config', 'transport_socket'],
  refused: { tlv_as_pool_key: 'connections with a PROXY header are never shared between clients; leave it out' },
  accepted: { allow_unspecified_address: 'addresses that are not known are told as UNKNOWN or LOCAL' },
})
declareSupport('envoy.config.core.v3.ProxyProtocolConfig', {
  supported: ['version', 'added_tlvs', 'pass_through_tlvs'],
})
declareSupport('envoy.config.core.v3.TlvEntry', {
  supported: ['type', 'value'],
  refused: { format_string: 'TLVs with fields of the connection are not part of this release; use value' },
})

/** envoy.transport_sockets.upstream_proxy_protocol */
export const upstreamProxyProtocolFactory: ExtensionFactory<UpstreamTransportSocketPlan> = {
  name: 'envoy.transport_sockets.upstream_proxy_protocol',
  category: 'envoy.transport_sockets.upstream',
  typeNames: [TYPE],
  compile: (resource, context, path) => {
    const { config = {}, transportSocket } = resource as ProxyProtocolUpstreamTransportJson
    const header = compileHeader(config, context, path.field('config'))
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

function compileHeader(config: ProxyProtocolConfigJson, context: CompileContext, path: ConfigPath): HeaderPlan {
  const version = config.version === 'V2' ? 2 : 1
  const added = config.addedTlvs ?? []
  if (added.length > 0 && version === 1) {
    context.diagnostics.error(path.field('added_tlvs'), 'only version 2 of the PROXY protocol has TLVs')
  }
  const tlvs = added.map(({ type, value }) => encodeTlv(type ?? 0, Buffer.from(value ?? '', 'base64')))
  const { passThroughTlvs: pass } = config
  const all = pass !== undefined && (pass.matchType ?? 'INCLUDE_ALL') === 'INCLUDE_ALL'
  const listed = new Set(pass?.tlvType ?? [])
  // As Envoy: what is added stands in place of a client's TLV of the same type.
  const own = new Set(added.map(({ type = 0 }) => type))
  const passes = pass === undefined ? null : (type: number): boolean => !own.has(type) && (all || listed.has(type))
  return { version, tlvs: Buffer.concat(tlvs), passes }
}
