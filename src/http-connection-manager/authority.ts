// HOT FILE (docs/hot-path.md): the authority goes into URLs, logs and routing: only what RFC 3986, 3.2 allows.
import { type HeaderMap, HOST } from '../http/index.ts'

export const AuthorityValid = 0
export const AuthorityMissing = 1
export const AuthorityInvalid = 2
export type AuthorityCheck = typeof AuthorityValid | typeof AuthorityMissing | typeof AuthorityInvalid

/** 1 for bytes of a host and port; userinfo is none of them. */
const ALLOWED = new Uint8Array(256)
for (const c of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:[]%") {
  ALLOWED[c.charCodeAt(0)] = 1
}

/** Looks at the `host` line, which is the authority of every request. */
export function checkAuthority(headers: HeaderMap): AuthorityCheck {
  const index = headers.find(HOST, 0)
  if (index < 0) return AuthorityMissing
  const { bytes } = headers
  const start = headers.valueStartAt(index)
  const end = headers.valueEndAt(index)
  if (start === end) return AuthorityMissing
  for (let i = start; i < end; i++) if (ALLOWED[bytes[i]!] === 0) return AuthorityInvalid
  return AuthorityValid
}
