// HOT FILE (docs/hot-path.md): the authority goes into URLs, logs and routing: only what RFC 3986, 3.2 allows.
import type { HeaderMap } from '../headers.ts'
import { HOST } from '../known-headers.ts'

/** 1 for bytes of a host and port; userinfo is none of them. */
const ALLOWED = new Uint8Array(256)
for (const c of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:[]%") {
  ALLOWED[c.charCodeAt(0)] = 1
}

/** Looks at the `host` line, which is the authority of every request. A missing one is none of the codec's affairs. */
export function isValidAuthority(headers: HeaderMap): boolean {
  const index = headers.find(HOST, 0)
  if (index < 0) return true
  const { bytes } = headers
  const end = headers.valueEndAt(index)
  for (let i = headers.valueStartAt(index); i < end; i++) if (ALLOWED[bytes[i]!] === 0) return false
  return true
}

/** The same of a text. */
export function isAuthorityText(latin1: string): boolean {
  for (let i = 0; i < latin1.length; i++) if (ALLOWED[latin1.charCodeAt(i)] !== 1) return false
  return true
}
