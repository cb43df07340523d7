import type { StringPredicate } from '../../../config/index.ts'
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

/**
 * Offers that are not taken up: of HTTP/2, which begins with its preface here (RFC 9113, 3.1), and those that
 * ignore_http_11_upgrade names.
 */
export function ignoreUpgrades(headers: HeaderMap, ignored: readonly StringPredicate[]): void {
  if (headers.get(UPGRADE)?.toLowerCase() === 'h2c') {
    headers.remove(HTTP2_SETTINGS)
    forgetUpgrade(headers)
  } else if (ignored.length > 0) {
    const offers = (headers.get(UPGRADE) as string).split(',').map(offer => offer.trim())
    const others = offers.filter(offer => offer !== '' && !ignored.some(matches => matches(offer)))
    if (others.length === 0) forgetUpgrade(headers)
    else if (others.length < offers.length) headers.set(UPGRADE, others.join(','))
  }
}

function forgetUpgrade(headers: HeaderMap): void {
  headers.remove(UPGRADE)
  const rest = (headers.get(CONNECTION) as string)
    .split(',')
    .map(token => token.trim())
    .filter(token => !/^(?:upgrade|http2-settings)$/i.test(token))
  if (rest.length === 0) headers.remove(CONNECTION)
  else headers.set(CONNECTION, rest.join(','))
}
