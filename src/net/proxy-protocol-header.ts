// The PROXY protocol header (haproxy.org/download/2.9/doc/proxy-protocol.txt), as connections and health checks send it.
import { endpointOf } from './cidr.ts'

export interface ProxyHeaderPlan {
  readonly version: 1 | 2
  /** Type, length and value of every TLV, as they stand in a header of version 2. */
  readonly tlvs: Buffer
  /** Which TLVs of the client's own header go on; null: none. */
  readonly passes: ((type: number) => boolean) | null
}

/** 'ip:port' each. */
export interface ProxiedAddresses {
  readonly source: string
  readonly destination: string
  /** TLVs of the client's header. */
  readonly tlvs: Buffer | null
}

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')
const LOCAL = 0x20
const PROXY = 0x21
const TCP4 = 0x11
const TCP6 = 0x21
const TLV_HEAD_BYTES = 3

export function encodeTlv(type: number, value: Uint8Array): Buffer {
  const head = Buffer.from([type, 0, 0])
  head.writeUInt16BE(value.length, 1)
  return Buffer.concat([head, value])
}

/** The header for a connection; `addresses` is null when nobody stands behind it. */
export function proxyHeader(plan: ProxyHeaderPlan, addresses: ProxiedAddresses | null): Buffer {
  const ends = addresses === null ? null : parse(addresses)
  if (plan.version === 1) return textHeader(ends)
  const passed = addresses === null || addresses.tlvs === null ? [] : passedTlvs(plan, addresses.tlvs)
  return binaryHeader(ends, passed.length === 0 ? plan.tlvs : Buffer.concat([plan.tlvs, ...passed]))
}

function passedTlvs({ passes }: ProxyHeaderPlan, tlvs: Buffer): readonly Buffer[] {
  if (passes === null) return []
  const passed: Buffer[] = []
  for (let at = 0; at < tlvs.length; ) {
    const end = at + TLV_HEAD_BYTES + tlvs.readUInt16BE(at + 1)
    if (passes(tlvs[at]!)) passed.push(tlvs.subarray(at, end))
    at = end
  }
  return passed
}

interface Ends {
  readonly v6: boolean
  readonly source: { readonly host: string; readonly bytes: Buffer; readonly port: number }
  readonly destination: { readonly host: string; readonly bytes: Buffer; readonly port: number }
}

/** Null for what is no pair of TCP addresses of one family, such as a pipe. */
function parse({ source, destination }: ProxiedAddresses): Ends | null {
  const from = endpointOf(source)
  const to = endpointOf(destination)
  if (from.ip === null || to.ip === null || from.ip.length !== to.ip.length) return null
  const v6 = from.ip.length === 8
  const end = (text: string, groups: readonly number[], port: number) => ({
    host: text.startsWith('[') ? text.slice(1, text.indexOf(']')) : text.slice(0, text.lastIndexOf(':')),
    bytes: addressBytes(groups),
    port,
  })
  return { v6, source: end(source, from.ip, from.port), destination: end(destination, to.ip, to.port) }
}

function addressBytes(groups: readonly number[]): Buffer {
  const bytes = Buffer.alloc(groups.length * 2)
  groups.forEach((group, i) => void bytes.writeUInt16BE(group, i * 2))
  return bytes
}

function textHeader(ends: Ends | null): Buffer {
  if (ends === null) return Buffer.from('PROXY UNKNOWN\r\n')
  const { source, destination, v6 } = ends
  const family = v6 ? 'TCP6' : 'TCP4'
  return Buffer.from(`PROXY ${family} ${source.host} ${destination.host} ${source.port} ${destination.port}\r\n`)
}

function binaryHeader(ends: Ends | null, tlvs: Buffer): Buffer {
  const ports = Buffer.alloc(4)
  if (ends !== null) {
    ports.writeUInt16BE(ends.source.port, 0)
    ports.writeUInt16BE(ends.destination.port, 2)
  }
  const addresses = ends === null ? Buffer.alloc(0) : Buffer.concat([ends.source.bytes, ends.destination.bytes, ports])
  const size = addresses.length + (ends === null ? 0 : tlvs.length)
  const head = Buffer.from([ends === null ? LOCAL : PROXY, ends === null ? 0 : ends.v6 ? TCP6 : TCP4, 0, 0])
  head.writeUInt16BE(size, 2)
  return Buffer.concat([SIGNATURE, head, addresses, ends === null ? Buffer.alloc(0) : tlvs])
}
