// A Referer that is no URI reference of RFC 9110, 10.1.3, does not pass: origins judge requests by it.
import { type HeaderMap, parseAbsoluteUrl, REFERER } from '../http/index.ts'

/** A relative reference without a fragment; its first segment has no colon (RFC 3986, 4.2). */
const RELATIVE = /^[A-Za-z0-9\-._~%!$&'()*+,;=@?]*(?:\/[A-Za-z0-9\-._~%!$&'()*+,;=@?:/]*)?$/

export function dropBadReferer(headers: HeaderMap): void {
  if (!isReferer(headers.get(REFERER) as string)) headers.remove(REFERER)
}

function isReferer(value: string): boolean {
  const url = parseAbsoluteUrl(value)
  return url === null ? RELATIVE.test(value) : url.user === '' && url.fragment === ''
}
