import { HeaderName } from '../../header-name.ts'
import type { HeaderMap } from '../../headers.ts'
import { CONNECTION, UPGRADE } from '../../known-headers.ts'
import { hasToken } from './framing.ts'

const HTTP2_SETTINGS = HeaderName.of('http2-settings')

/**
 * Names that a `connection` field must not take away (RFC 9110, 7.6.1 leaves it to us): who the client is, and the
 * message's framing.
 */
const KEPT = new Set([
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'content-length',
  'transfer-encoding',
])

/** Whether what `connection` nominates may go. */
export function acceptsNominated(headers: HeaderMap): boolean {
  const value = headers.get(CONNECTION) as string
  if (hasToken(value, 'keep-alive') || hasToken(value, 'close')) {
    // The whole value, nearly always.
    if (!value.includes(',')) return true
  }
  return value.split(',').every(part => {
    const name = part.trim().toLowerCase()
    return !name.startsWith(':') && !KEPT.has(name)
  })
}

/** HTTP/2 begins with its preface here, not by an upgrade: an offer of one is not taken up (RFC 9113, 3.1). */
export function ignoreH2cUpgrade(headers: HeaderMap): void {
  if (headers.get(UPGRADE)?.toLowerCase() !== 'h2c') return
  headers.remove(UPGRADE)
  headers.remove(HTTP2_SETTINGS)
  const rest = (headers.get(CONNECTION) as string)
    .split(',')
    .map(token => token.trim())
    .filter(token => !/^(?:upgrade|http2-settings)$/i.test(token))
  if (rest.length === 0) headers.remove(CONNECTION)
  else headers.set(CONNECTION, rest.join(','))
}
