// HOT FILE (docs/hot-path.md): heads and trailers of HeaderMap as header blocks.
import { fingerprint } from '../../header-name.ts'
import type { HeaderMap } from '../../headers.ts'
import { CONNECTION, HOST, KEEP_ALIVE, PROXY_CONNECTION, TE, TRANSFER_ENCODING, UPGRADE } from '../../known-headers.ts'
import type { HpackEncoder } from './hpack/encoder.ts'

/** Fields of one HTTP/1 connection: not sent (RFC 9113, 8.2.2). */
const HOP_NAMES = [CONNECTION, KEEP_ALIVE, PROXY_CONNECTION, TE, TRANSFER_ENCODING, UPGRADE]
const HOP_BITS = HOP_NAMES.reduce((bits, name) => bits | name.bit, 0)

const pseudo = (text: string) => {
  const bytes = Buffer.from(text, 'latin1')
  return { bytes, length: bytes.length, print: fingerprint(bytes, 0, bytes.length) }
}
const AUTHORITY = pseudo(':authority')
const METHOD = pseudo(':method')
const PATH = pseudo(':path')
const SCHEME = pseudo(':scheme')
const STATUS = pseudo(':status')
const PROTOCOL = pseudo(':protocol')

const INDEX_AUTHORITY = 1
const INDEX_GET = 2
const INDEX_POST = 3
const INDEX_ROOT = 4
const INDEX_HTTP = 6
const INDEX_HTTPS = 7
const STATUS_INDEX = new Uint8Array(1000)
;[200, 204, 206, 304, 400, 404, 500].forEach((status, i) => {
  STATUS_INDEX[status] = 8 + i
})
const SLASH = 47

// Values that stand nowhere as bytes: a status, a path that was rewritten.
let scratch = Buffer.allocUnsafeSlow(512)

/** Upper bound of the block of a message. */
export function blockBound(headers: HeaderMap): number {
  const path = headers.pathIsBytes ? 0 : headers.path.length
  return headers.encodedSize + path + headers.method.length + headers.scheme.length + (headers.length + 8) * 16 + 64
}

/** Writes a response head to `out`; returns its end. */
export function encodeResponse(
  encoder: HpackEncoder,
  headers: HeaderMap,
  status: number,
  out: Buffer,
  p: number,
): number {
  p = encoder.begin(out, p)
  const index = STATUS_INDEX[status]!
  if (index !== 0) out[p++] = 0x80 | index
  else {
    scratch[0] = 48 + ((status / 100) | 0)
    scratch[1] = 48 + (((status / 10) | 0) % 10)
    scratch[2] = 48 + (status % 10)
    p = encoder.putField(out, p, 0, STATUS.print, 8, STATUS.bytes, 0, STATUS.length, scratch, 0, 3)
  }
  return encodeLines(encoder, headers, -1, out, p)
}

/** Writes a request head. `protocol`: of an extended CONNECT, else ''. */
export function encodeRequest(
  encoder: HpackEncoder,
  headers: HeaderMap,
  protocol: string,
  out: Buffer,
  p: number,
): number {
  p = encoder.begin(out, p)
  const method = protocol === '' ? headers.method : 'CONNECT'
  if (method === 'GET') out[p++] = 0x80 | INDEX_GET
  else if (method === 'POST') out[p++] = 0x80 | INDEX_POST
  else p = putText(encoder, METHOD, INDEX_GET, method, out, p)
  if (method !== 'CONNECT' || protocol !== '') {
    if (headers.scheme === 'https') out[p++] = 0x80 | INDEX_HTTPS
    else if (headers.scheme === 'http' || headers.scheme === '') out[p++] = 0x80 | INDEX_HTTP
    else p = putText(encoder, SCHEME, INDEX_HTTP, headers.scheme, out, p)
  }
  const host = headers.find(HOST, 0)
  if (host >= 0) {
    const { bytes } = headers
    const start = headers.valueStartAt(host)
    const end = headers.valueEndAt(host)
    p = encoder.putField(
      out,
      p,
      headers.tokenAt(host),
      AUTHORITY.print,
      INDEX_AUTHORITY,
      AUTHORITY.bytes,
      0,
      AUTHORITY.length,
      bytes,
      start,
      end,
    )
  }
  if (method !== 'CONNECT' || protocol !== '') p = putPath(encoder, headers, out, p)
  if (protocol !== '') p = putText(encoder, PROTOCOL, 0, protocol, out, p)
  return encodeLines(encoder, headers, host, out, p)
}

export function encodeTrailers(encoder: HpackEncoder, headers: HeaderMap, out: Buffer, p: number): number {
  return encodeLines(encoder, headers, -1, out, encoder.begin(out, p))
}

/** `host`: entry that has gone out as the authority; further ones of its name are dropped with it. */
function encodeLines(encoder: HpackEncoder, headers: HeaderMap, host: number, out: Buffer, p: number): number {
  const { bytes, length } = headers
  const hops = (headers.known0 & HOP_BITS) !== 0
  for (let i = 0; i < length; i++) {
    if (headers.isRemoved(i) || i === host) continue
    const print = headers.printAt(i)
    const start = headers.nameStartAt(i)
    const nameEnd = headers.nameEndAt(i)
    if (hops && isHop(headers, i, print, start, nameEnd)) continue
    if (host >= 0 && print === HOST.print && HOST.matches(bytes, start, nameEnd)) continue
    p = encoder.putField(
      out,
      p,
      headers.tokenAt(i),
      print,
      -1,
      bytes,
      start,
      nameEnd,
      bytes,
      nameEnd + 2,
      headers.valueEndAt(i),
    )
  }
  return p
}

function isHop(headers: HeaderMap, index: number, print: number, start: number, nameEnd: number): boolean {
  for (let k = 0; k < HOP_NAMES.length; k++) {
    const name = HOP_NAMES[k]!
    if (name.print === print && name.matches(headers.bytes, start, nameEnd)) {
      return name !== TE || headers.valueAt(index) !== 'trailers'
    }
  }
  return false
}

function putPath(encoder: HpackEncoder, headers: HeaderMap, out: Buffer, p: number): number {
  const { bytes, pathStart, pathEnd } = headers
  if (headers.pathIsBytes ? pathEnd - pathStart === 1 && bytes[pathStart] === SLASH : headers.path === '/') {
    out[p] = 0x80 | INDEX_ROOT
    return p + 1
  }
  if (!headers.pathIsBytes) return putText(encoder, PATH, INDEX_ROOT, headers.path, out, p)
  return encoder.putField(out, p, 0, PATH.print, INDEX_ROOT, PATH.bytes, 0, PATH.length, bytes, pathStart, pathEnd)
}

function putText(
  encoder: HpackEncoder,
  name: typeof PATH,
  staticName: number,
  value: string,
  out: Buffer,
  p: number,
): number {
  if (value.length > scratch.length) scratch = Buffer.allocUnsafeSlow(value.length * 2)
  scratch.latin1Write(value, 0)
  return encoder.putField(out, p, 0, name.print, staticName, name.bytes, 0, name.length, scratch, 0, value.length)
}
