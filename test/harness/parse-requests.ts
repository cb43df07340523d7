import { parseBody, parseFields, type RawHeaders } from './message-body.ts'

export interface RawRequest {
  readonly method: string
  readonly target: string
  readonly version: string
  readonly headers: RawHeaders
  readonly body: string
  readonly trailers: RawHeaders
}

/** The complete requests in what one origin connection received. Throws when they are not exact HTTP/1.1. */
export function parseRequests(text: string): readonly RawRequest[] {
  const requests: RawRequest[] = []
  let at = 0
  while (at < text.length) {
    const headEnd = text.indexOf('\r\n\r\n', at)
    if (headEnd < 0) break
    const [requestLine, ...lines] = text.slice(at, headEnd).split('\r\n') as [string, ...string[]]
    const [, method, target, version] = /^([A-Z]+) (\S+) (HTTP\/1\.[01])$/.exec(requestLine) ?? []
    if (method === undefined) throw new Error(`no request line: ${JSON.stringify(requestLine)}`)
    const headers = parseFields(lines)
    const body = parseBody(text, headEnd + 4, headers, 'none')
    if (body === null) break
    const { text: bodyText, trailers, end } = body
    requests.push({ method, target: target!, version: version!, headers, body: bodyText, trailers })
    at = end
  }
  return requests
}
