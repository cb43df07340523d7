// HOT FILE (docs/hot-path.md): the forms of a request target (RFC 9112, 3.2).
import type { HeaderMap } from '../../headers.ts'

const SLASH = 47
const ASTERISK = 42

/**
 * Checks the target and turns absolute-form into origin-form, its authority replacing `host`; CONNECT's authority-form
 * becomes the authority. False: the target is malformed.
 */
export function applyTarget(headers: HeaderMap, allowAbsoluteUrl: boolean): boolean {
  const { bytes, pathStart, pathEnd, method } = headers
  if (method === 'CONNECT') return applyAuthorityForm(headers)
  const first = bytes[pathStart]
  if (first === SLASH) return true
  if (first === ASTERISK && pathEnd - pathStart === 1) return method === 'OPTIONS'
  return allowAbsoluteUrl && applyAbsoluteForm(headers)
}

function applyAbsoluteForm(headers: HeaderMap): boolean {
  const match = /^(https?):\/\/([^/?#]+)([^#]*)$/i.exec(headers.path)
  if (match === null) return false
  const [, scheme = '', authority = '', rest = ''] = match
  if (authority.includes('@')) return false
  headers.scheme = scheme.toLowerCase()
  headers.authority = authority
  headers.path = rest.startsWith('/') ? rest : `/${rest}`
  return true
}

function applyAuthorityForm(headers: HeaderMap): boolean {
  const authority = headers.path
  if (!/^[^/?#@]+$/.test(authority)) return false
  headers.authority = authority
  headers.path = ''
  return true
}
