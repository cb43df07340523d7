// HOT FILE (docs/hot-path.md): heads and chunk frames as bytes, prepared once.
import type { Connection } from '../../../net/index.ts'
import type { BytesMeter } from '../../../observability/index.ts'
import type { HeaderMap } from '../../headers.ts'
import { REASON_PHRASES } from './reason-phrases.ts'

const latin1 = (text: string): Uint8Array => Buffer.from(text, 'latin1')

export const CRLF = latin1('\r\n')
export const CONTENT_LENGTH_0 = latin1('content-length: 0\r\n')
export const CHUNKED_LINE = latin1('transfer-encoding: chunked\r\n')
export const LAST_CHUNK = latin1('0\r\n\r\n')
const LAST_CHUNK_LINE = latin1('0\r\n')
export const HTTP_1_1 = latin1(' HTTP/1.1\r\n')
const HEX = latin1('0123456789abcdef')

/** Standard reason phrases; Unknown for the rest, as Envoy. */
export function reasonPhrase(status: number): string {
  return REASON_PHRASES[status] ?? 'Unknown'
}

const statusLines: (Uint8Array | undefined)[][] = [[], []]

/** 'HTTP/1.x STATUS REASON\r\n' as bytes. */
export function statusLine(minor: number, status: number): Uint8Array {
  const lines = statusLines[minor] as (Uint8Array | undefined)[]
  return (lines[status] ??= latin1(`HTTP/1.${minor} ${status} ${reasonPhrase(status)}\r\n`))
}

/** The same with a reason phrase of its own. */
export function ownStatusLine(minor: number, status: number, phrase: string): Uint8Array {
  return latin1(`HTTP/1.${minor} ${status} ${phrase}\r\n`)
}

const methodPrefixes = new Map<string, Uint8Array>()
/** The known methods, and some of those that clients may make up. */
const MAX_PREFIXES = 64
const GET_PREFIX = latin1('GET ')

/** 'METHOD ' as bytes. */
export function methodPrefix(method: string): Uint8Array {
  if (method === 'GET') return GET_PREFIX
  let prefix = methodPrefixes.get(method)
  if (prefix === undefined) {
    prefix = latin1(`${method} `)
    if (methodPrefixes.size < MAX_PREFIXES) methodPrefixes.set(method, prefix)
  }
  return prefix
}

/** How the body of a response ends. */
export const FramingNone = 0
export const FramingLength = 1
export const FramingChunked = 2
export const FramingClose = 3
export const FramingTunnel = 4

/** What a response's head says of its body besides what it says itself; null: nothing. */
export function framingLine(
  framing: number,
  toHead: boolean,
  http11: boolean,
  status: number,
  endStream: boolean,
  bodiless: boolean,
  hasLength: boolean,
): Uint8Array | null {
  if (framing === FramingChunked) return CHUNKED_LINE
  // HEAD is told the framing that GET would have had.
  if (toHead && !hasLength && http11 && framing === FramingNone) {
    return status === 204 || status === 304 ? null : CHUNKED_LINE
  }
  return endStream && !bodiless && !hasLength && framing !== FramingTunnel ? CONTENT_LENGTH_0 : null
}

/** Copies short prepared bytes; returns the position behind them. */
export function put(bytes: Uint8Array, out: Buffer, at: number): number {
  for (let i = 0; i < bytes.length; i++) out[at + i] = bytes[i]!
  return at + bytes.length
}

/** Sends a head: its first line, its fields, what `framing` says of the body, an empty line. */
export function writeHead(
  connection: Connection,
  line: Uint8Array,
  headers: HeaderMap,
  framing: Uint8Array | null,
  meter: BytesMeter,
): void {
  const at = connection.reserve(headers.encodedSize + line.length + 192)
  const { output } = connection.thread.buffers
  const lines = put(line, output, at)
  let behind = headers.encodeLines(output, lines)
  if (framing !== null) behind = put(framing, output, behind)
  const end = put(CRLF, output, behind)
  meter.headerSent += behind - lines
  meter.wireSent += end - at
  connection.commit(end)
}

/** Writes `size` as a chunk-size line. */
function putChunkSize(size: number, out: Buffer, at: number): number {
  let shift = 28
  while (shift > 0 && size >>> shift === 0) shift -= 4
  for (; shift >= 0; shift -= 4) out[at++] = HEX[(size >>> shift) & 15]!
  out[at++] = 13
  out[at++] = 10
  return at
}

/** Sends bytes [start, end) as one chunk; with `last` also the end of the body. Returns the bytes that makes. */
export function writeChunk(connection: Connection, data: Buffer, start: number, end: number, last: boolean): number {
  const size = end - start
  let framing = 0
  if (size > 0) {
    const at = connection.reserve(12)
    const behind = putChunkSize(size, connection.thread.buffers.output, at)
    connection.commit(behind)
    framing = behind - at
    connection.write(data, start, end)
  }
  const at = connection.reserve(8)
  const { output } = connection.thread.buffers
  let behind = size > 0 ? put(CRLF, output, at) : at
  if (last) behind = put(LAST_CHUNK, output, behind)
  connection.commit(behind)
  return framing + size + behind - at
}

/** Ends a chunked body with trailers (RFC 9112, 7.1.2). */
export function writeTrailers(connection: Connection, trailers: HeaderMap | null, meter: BytesMeter): void {
  const at = connection.reserve((trailers?.encodedSize ?? 0) + 16)
  const { output } = connection.thread.buffers
  const lines = put(LAST_CHUNK_LINE, output, at)
  const behind = trailers === null ? lines : trailers.encodeLines(output, lines)
  const end = put(CRLF, output, behind)
  connection.commit(end)
  meter.headerSent += behind - lines
  meter.wireSent += end - at
}

/** Path and query of a request. */
export function putPath(headers: HeaderMap, out: Buffer, at: number): number {
  if (!headers.pathIsBytes) return at + out.latin1Write(headers.path, at)
  const { bytes, pathStart, pathEnd } = headers
  const size = pathEnd - pathStart
  if (size < 64) for (let i = 0; i < size; i++) out[at + i] = bytes[pathStart + i]!
  else bytes.copy(out, at, pathStart, pathEnd)
  return at + size
}
