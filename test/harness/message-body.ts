/** Header fields with lower-case names, in order. */
export type RawHeaders = readonly (readonly [name: string, value: string])[]

export function headerOf(headers: RawHeaders, name: string): string | undefined {
  return headers.find(([key]) => key === name)?.[1]
}

export function parseFields(lines: readonly string[]): RawHeaders {
  return lines.map(line => {
    const colon = line.indexOf(':')
    if (colon <= 0) throw new Error(`no header line: ${JSON.stringify(line)}`)
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const
  })
}

export interface ParsedBody {
  readonly text: string
  readonly trailers: RawHeaders
  /** Where the next message starts. */
  readonly end: number
}

/** The body of a message whose head ends at `from`; null while incomplete. A strict reader: what is odd throws. */
export function parseBody(
  text: string,
  from: number,
  headers: RawHeaders,
  otherwise: 'none' | 'rest',
): ParsedBody | null {
  const length = headerOf(headers, 'content-length')
  const chunked = headerOf(headers, 'transfer-encoding')
  if (chunked !== undefined && (chunked !== 'chunked' || length !== undefined)) throw new Error('ambiguous framing')
  if (chunked !== undefined) return parseChunked(text, from)
  if (length !== undefined) {
    if (!/^\d+$/.test(length)) throw new Error(`content-length: ${length}`)
    const end = from + Number(length)
    return text.length < end ? null : { text: text.slice(from, end), trailers: [], end }
  }
  const end = otherwise === 'rest' ? text.length : from
  return { text: text.slice(from, end), trailers: [], end }
}

function parseChunked(text: string, from: number): ParsedBody | null {
  let at = from
  let body = ''
  while (true) {
    const lineEnd = text.indexOf('\r\n', at)
    if (lineEnd < 0) return null
    const line = text.slice(at, lineEnd)
    if (!/^[0-9a-fA-F]+$/.test(line)) throw new Error(`chunk line: ${JSON.stringify(line)}`)
    const size = Number.parseInt(line, 16)
    at = lineEnd + 2
    if (size === 0) return parseTrailers(text, at, body)
    if (text.length < at + size + 2) return null
    if (text.slice(at + size, at + size + 2) !== '\r\n') throw new Error('chunk data not followed by CRLF')
    body += text.slice(at, at + size)
    at += size + 2
  }
}

function parseTrailers(text: string, from: number, body: string): ParsedBody | null {
  const lines: string[] = []
  let at = from
  while (true) {
    const lineEnd = text.indexOf('\r\n', at)
    if (lineEnd < 0) return null
    const line = text.slice(at, lineEnd)
    at = lineEnd + 2
    if (line === '') return { text: body, trailers: parseFields(lines), end: at }
    lines.push(line)
  }
}
