// What a PROXY header of version 2 says besides addresses: types, lengths and values.
import { isUtf8 } from 'node:buffer'
import type { ProxyProtocolJson } from '#api/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.ts'
import type { AcceptedSocket } from '../../../net/index.ts'

const NAMESPACE = 'envoy.filters.listener.proxy_protocol'
const FILTER_STATE = 'envoy.network.proxy_protocol.tlv'
const HEAD_BYTES = 3

interface TlvRule {
  readonly namespace: string
  readonly key: string
  readonly base64: boolean
}

export interface TlvPlan {
  /** Nobody wants any. */
  readonly isEmpty: boolean
  readonly rules: ReadonlyMap<number, TlvRule>
  readonly inFilterState: boolean
  /** Whether a TLV may go on upstream. */
  passes(type: number): boolean
}

export function compileTlvs({ rules = [], passThroughTlvs, tlvLocation }: ProxyProtocolJson): TlvPlan {
  // As Envoy: the last rule of a type counts.
  const byType = new Map(
    rules.map(({ tlvType = 0, onTlvPresent = {} }) => {
      const { metadataNamespace = '', key = '', valueStringEncoding } = onTlvPresent
      const namespace = metadataNamespace === '' ? NAMESPACE : metadataNamespace
      return [tlvType, { namespace, key, base64: valueStringEncoding === 'BASE64' }]
    }),
  )
  const listed = new Set(passThroughTlvs?.tlvType ?? [])
  const all = passThroughTlvs !== undefined && (passThroughTlvs.matchType ?? 'INCLUDE_ALL') === 'INCLUDE_ALL'
  return {
    isEmpty: byType.size === 0 && passThroughTlvs === undefined,
    rules: byType,
    inFilterState: tlvLocation === 'FILTER_STATE',
    passes: type => all || listed.has(type),
  }
}

/** Bytes that are no text become '!', as in Envoy. */
function text(value: Buffer): string {
  if (isUtf8(value)) return value.toString('utf8')
  return value.toString('utf8').replaceAll('\ufffd', '!')
}

/** `tlvs`: well formed, and the caller's to keep. */
export function keepTlvs(tlvs: Buffer, plan: TlvPlan, socket: AcceptedSocket): void {
  const passed: Buffer[] = []
  const state: Record<string, string> = {}
  for (let at = 0; at < tlvs.length; ) {
    const type = tlvs[at]!
    const end = at + HEAD_BYTES + tlvs.readUInt16BE(at + 1)
    const value = tlvs.subarray(at + HEAD_BYTES, end)
    if (plan.passes(type)) passed.push(tlvs.subarray(at, end))
    const rule = plan.rules.get(type)
    if (rule !== undefined) {
      const shown = rule.base64 ? value.toString('base64') : text(value)
      if (plan.inFilterState) state[rule.key] = shown
      else keepInMetadata(socket, rule, shown)
    }
    at = end
  }
  if (passed.length > 0) socket.proxyTlvs = Buffer.concat(passed)
  if (Object.keys(state).length > 0) {
    socket.filterState ??= new Map()
    socket.filterState.set(FILTER_STATE, state)
  }
}

/** Of several TLVs of one type the first counts here, and the last in the filter state, as in Envoy. */
function keepInMetadata(socket: AcceptedSocket, { namespace, key }: TlvRule, value: string): void {
  socket.dynamicMetadata ??= new Map()
  socket.dynamicMetadata.set(namespace, { [key]: value, ...socket.dynamicMetadata.get(namespace) })
}
