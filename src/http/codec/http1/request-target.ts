// HOT FILE (docs/hot-path.md): the forms of a request target (RFC 9112, 3.2).
import type { HeaderMap } from '../../headers.ts'

/** The end of the response code details, behind 'http1.'. */
export type TargetProblem = 'codec_error' | 'invalid_url' | 'invalid_scheme'

const SLASH = 47
const ASTERISK = 42

/**
 * Checks the target and turns absolute-form into origin-form, its authority replacing `host`; CONNECT's authority-form
 * becomes the authority. Returns why the target is not acceptable, or null.
 */
export function applyTarget(headers: HeaderMap, allowAbsoluteUrl: boolean): TargetProblem | null {
  const { bytes, pathStart, pathEnd, method } = headers
  if (method === 'CONNECT') return applyAuthorityForm(headers)
  const first = bytes[pathStart]
  if (first === SLASH) return null
  const asterisk = first === ASTERISK && pathEnd - pathStart === 1
  // What is not looked into is left for the connection manager, which knows no path that begins like this.
  if (!allowAbsoluteUrl) return asterisk || ABSOLUTE_FORM.test(headers.path) ? null : 'codec_error'
  if (first === ASTERISK) return asterisk && method === 'OPTIONS' ? null : 'invalid_url'
  return applyAbsoluteForm(headers)
}

const ABSOLUTE_FORM = /^([a-z][a-z0-9+.-]*):\/\/([^/?]*)(.*)$/i

/** Userinfo is none of it (RFC 9110, 4.2.4). */
const AUTHORITY = /^(?:[\w.-]+|\[[0-9a-fA-F:.]+\])(?::(\d{1,5}))?$/

function isAuthority(text: string): boolean {
  const match = AUTHORITY.exec(text)
  return match !== null && !text.includes('_') && Number(match[1] ?? 0) <= 65535
}

function applyAbsoluteForm(headers: HeaderMap): TargetProblem | null {
  const match = ABSOLUTE_FORM.exec(headers.path)
  if (match === null || match[2]!.includes('#')) return 'codec_error'
  const [, scheme = '', authority = '', rest = ''] = match
  if (!/^https?$/i.test(scheme)) return 'invalid_scheme'
  if (!isAuthority(authority)) return 'invalid_url'
  headers.scheme = scheme.toLowerCase()
  headers.authority = authority
  headers.path = rest === '' ? '/' : rest
  return null
}

function applyAuthorityForm(headers: HeaderMap): TargetProblem | null {
  const authority = headers.path
  if (!authority.includes(':', authority.indexOf(']') + 1) || !isAuthority(authority)) return 'invalid_url'
  headers.authority = authority
  headers.path = ''
  return null
}
