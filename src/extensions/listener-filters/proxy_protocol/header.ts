// The PROXY protocol, versions 1 and 2 (haproxy.org, doc/proxy-protocol.txt).
import { formatHostPort, parseIp } from '../../../net/index.ts'

export interface ProxyHeader {
  readonly version: 1 | 2
  /** Bytes it takes, to be dropped from the stream. */
  readonly length: number
  /** null: the sender speaks for itself (UNKNOWN, LOCAL), so the connection's own addresses stand. */
  readonly addresses: { readonly source: string; readonly destination: string } | null
  /** Where the TLVs of version 2 begin; they end with the header. */
  readonly tlvStart: number
}

/** 'more': a header has begun; 'none': this is none; 'error1' and 'error2': broken ones of that version. */
export type ProxyHeaderResult = ProxyHeader | 'more' | 'none' | 'error1' | 'error2'

const SIGNATURE_V2 = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const PREFIX_V1 = Buffer.from('PROXY ', 'latin1')
const MAX_V1_BYTES = 107
const V2_FIXED_BYTES = 16
const TLV_HEAD_BYTES = 3

/** Reads the header at the front of `bytes`. */
export function parseProxyHeader(bytes: Buffer): ProxyHeaderResult {
  if (startsLike(bytes, SIGNATURE_V2)) return bytes.length < V2_FIXED_BYTES ? 'more' : parseV2(bytes)
  if (startsLike(bytes, PREFIX_V1)) return bytes.length < PREFIX_V1.length ? 'more' : parseV1(bytes)
  return 'none'
}

function startsLike(bytes: Buffer, pattern: Buffer): boolean {
  const size = Math.min(bytes.length, pattern.length)
  return bytes.compare(pattern, 0, size, 0, size) === 0
}

function parseV1(bytes: Buffer): ProxyHeaderResult {
  const line = bytes.latin1Slice(0, Math.min(bytes.length, MAX_V1_BYTES))
  const end = line.indexOf('\r\n')
  if (end < 0) return bytes.length < MAX_V1_BYTES ? 'more' : 'none'
  const length = end + 2
  const [, family, source, destination, sourcePort, destinationPort, extra] = line.slice(0, end).split(' ')
  if (family === 'UNKNOWN') return { version: 1, length, addresses: null, tlvStart: length }
  const parts = family === 'TCP4' ? 2 : family === 'TCP6' ? 8 : 0
  if (extra !== undefined || parts === 0) return 'error1'
  const from = endpoint(source, sourcePort, parts)
  const to = endpoint(destination, destinationPort, parts)
  if (from === null || to === null) return 'error1'
  return { version: 1, length, addresses: { source: from, destination: to }, tlvStart: length }
}

function endpoint(ip: string | undefined, port: string | undefined, parts: number): string | null {
  if (ip === undefined || port === undefined || !/^\d{1,5}$/.test(port) || Number(port) > 65535) return null
  if (parseIp(ip) === null || ip.includes(':') !== (parts === 8)) return null
  return formatHostPort(ip, Number(port))
}

function parseV2(bytes: Buffer): ProxyHeaderResult {
  const command = bytes[12]!
  const family = bytes[13]! >> 4
  const transport = bytes[13]! & 0xf
  const size = bytes.readUInt16BE(14)
  if (command >> 4 !== 2) return 'error2'
  const length = V2_FIXED_BYTES + size
  if ((command & 0xf) > 1) return 'error2'
  if (bytes.length < length) return 'more'
  if ((command & 0xf) === 0) return { version: 2, length, addresses: null, tlvStart: length }
  const addressBytes = [0, 12, 36][family]
  if (addressBytes === undefined || size < addressBytes) return 'error2'
  if (family === 0 ? transport !== 0 : transport !== 1 && transport !== 2) return 'error2'
  const tlvStart = V2_FIXED_BYTES + addressBytes
  if (!areTlvs(bytes, tlvStart, length)) return 'error2'
  if (family === 0) return { version: 2, length, addresses: null, tlvStart }
  return withAddresses(bytes, length, family === 1 ? 4 : 16)
}

/** Whether what follows the addresses is a row of types, lengths and values. */
function areTlvs(bytes: Buffer, start: number, end: number): boolean {
  let at = start
  while (at < end) {
    if (end - at < TLV_HEAD_BYTES) return false
    at += TLV_HEAD_BYTES + bytes.readUInt16BE(at + 1)
  }
  return at === end
}

function withAddresses(bytes: Buffer, length: number, ipBytes: 4 | 16): ProxyHeader {
  const ports = V2_FIXED_BYTES + 2 * ipBytes
  const source = formatHostPort(ipText(bytes, V2_FIXED_BYTES, ipBytes), bytes.readUInt16BE(ports))
  const destination = formatHostPort(ipText(bytes, V2_FIXED_BYTES + ipBytes, ipBytes), bytes.readUInt16BE(ports + 2))
  return { version: 2, length, addresses: { source, destination }, tlvStart: ports + 4 }
}

function ipText(bytes: Buffer, at: number, size: 4 | 16): string {
  if (size === 4) return Array.from(bytes.subarray(at, at + 4)).join('.')
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(at + i * 2).toString(16))
  return compressIpv6(groups)
}

/** The longest run of zero groups becomes '::' (RFC 5952). */
function compressIpv6(groups: readonly string[]): string {
  let best = 0
  let bestLength = 1
  for (let i = 0; i < 8; i++) {
    let length = 0
    while (groups[i + length] === '0') length++
    if (length > bestLength) {
      best = i
      bestLength = length
    }
  }
  if (bestLength < 2) return groups.join(':')
  return `${groups.slice(0, best).join(':')}::${groups.slice(best + bestLength).join(':')}`
}
