import { parseBody, parseFields, type RawHeaders } from './message-body.ts'

export interface RawResponse {
  readonly status: number
  readonly reason: string
  readonly headers: RawHeaders
  readonly body: string
  readonly trailers: RawHeaders
}

/**
 * The complete responses in what a client received, interim ones included. `methods` are those of the requests, because
 * answers to HEAD have no body. Throws on bytes that are no HTTP.
 */
export function parseResponses(text: string, methods: readonly string[] = []): readonly RawResponse[] {
  const responses: RawResponse[] = []
  let finals = 0
  let at = 0
  while (at < text.length) {
    const headEnd = text.indexOf('\r\n\r\n', at)
    if (headEnd < 0) break
    const [statusLine, ...lines] = text.slice(at, headEnd).split('\r\n') as [string, ...string[]]
    const [, code, reason = ''] = /^HTTP\/1\.[01] (\d{3}) ?(.*)$/.exec(statusLine) ?? []
    if (code === undefined) throw new Error(`no status line: ${JSON.stringify(statusLine)}`)
    const status = Number(code)
    const headers = parseFields(lines)
    const bodiless = status < 200 || status === 204 || status === 304 || methods[finals] === 'HEAD'
    const body = bodiless ? { text: '', trailers: [], end: headEnd + 4 } : parseBody(text, headEnd + 4, headers, 'rest')
    if (body === null) break
    responses.push({ status, reason, headers, body: body.text, trailers: body.trailers })
    if (status >= 200) finals++
    at = body.end
  }
  return responses
}
