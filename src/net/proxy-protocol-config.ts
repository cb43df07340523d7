// core.v3.ProxyProtocolConfig: the PROXY protocol header that is sent.
import type { ProxyProtocolConfigJson } from '#api/envoy/config/core/v3/proxy_protocol_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport } from '../config/index.ts'
import { encodeTlv, type ProxyHeaderPlan } from './proxy-protocol-header.ts'

declareSupport('envoy.config.core.v3.ProxyProtocolConfig', {
  supported: ['version', 'added_tlvs', 'pass_through_tlvs'],
})
declareSupport('envoy.config.core.v3.TlvEntry', {
  supported: ['type', 'value'],
  refused: { format_string: 'TLVs with fields of the connection are not part of this release; use value' },
})

export function compileProxyHeader(
  config: ProxyProtocolConfigJson,
  context: CompileContext,
  path: ConfigPath,
): ProxyHeaderPlan {
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
