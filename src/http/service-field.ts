// Header fields that a service beside the proxy asks for: whoever reads them next must not take them for anything else.
import { ResponseFlag } from '../observability/index.ts'
import type { HttpFilterCallbacks } from './http-filter.ts'

const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
const CONTROL = /[\0-\x1f\x7f]/g

/** How a body is framed is said by whoever sends it; the parts of the first line are no fields. */
export function isServiceField(name: string): boolean {
  const text = name.toLowerCase()
  return text !== '' && !text.startsWith(':') && text !== 'content-length' && text !== 'transfer-encoding'
}

/** What Envoy says of a field that cannot be sent; null: it can. Both are latin1. */
export function serviceFieldProblem(name: string, value: string): string | null {
  if (!NAME.test(name)) return `invalid header name: ${name.replace(CONTROL, '?')}`
  return VALUE.test(value) ? null : `invalid header value for: ${name}`
}

/** The request goes no further. */
export function refuseServiceField(callbacks: HttpFilterCallbacks, problem: string): void {
  callbacks.info.flags |= ResponseFlag.DownstreamProtocolError
  callbacks.sendLocalReply(503, problem, `filter_removed_required_request_headers{${problem}}`)
}
