// What a token endpoint answers (RFC 6749, 5.1).

export interface OAuthTokens {
  readonly accessToken: string
  /** '' where the server gave none. */
  readonly idToken: string
  readonly refreshToken: string
  readonly lifetimeS: number
}

/** Why there are none; `details` are for the log only. */
export interface TokenFailure {
  readonly reason: string
  readonly details: string
}

export type TokenAnswer = OAuthTokens | TokenFailure

const OK = 200
const MAX_SHOWN = 200
/** What may stand in a cookie; a token with anything else could not come back. */
const COOKIE_VALUE = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*$/

/** What others sent, fit for a log. */
export const printable = (text: string): string => text.slice(0, MAX_SHOWN).replace(/[^\x20-\x7e]/g, '?')

export function readOAuthTokens(status: number, body: Buffer, defaultLifetimeS: number): TokenAnswer {
  if (status !== OK) {
    const details = `response code: ${status}, response body: ${printable(body.toString('latin1', 0, MAX_SHOWN))}`
    return { reason: 'Failed to get access token', details }
  }
  const fields = parse(body)
  if (fields === null) return { reason: 'Failed to parse oauth response body', details: '' }
  const { accessToken, idToken, refreshToken, lifetimeS } = fields
  if (accessToken === null) return { reason: 'No access token found in the token exchange response', details: '' }
  const lives = lifetimeS ?? defaultLifetimeS
  if (lives <= 0) {
    const reason = 'No default or explicit access token expiration found in the token exchange response'
    return { reason, details: '' }
  }
  return { accessToken, idToken: idToken ?? '', refreshToken: refreshToken ?? '', lifetimeS: lives }
}

interface Fields {
  readonly accessToken: string | null
  readonly idToken: string | null
  readonly refreshToken: string | null
  readonly lifetimeS: number | null
}

function parse(body: Buffer): Fields | null {
  let value: unknown
  try {
    value = JSON.parse(body.toString('utf8'))
  } catch {
    // The caller says so.
    return null
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  const json = value as Record<string, unknown>
  const accessToken = token(json['access_token'])
  const idToken = token(json['id_token'])
  const refreshToken = token(json['refresh_token'])
  const lifetimeS = wholeSeconds(json['expires_in'])
  if (accessToken === undefined || idToken === undefined || refreshToken === undefined) return null
  return lifetimeS === undefined ? null : { accessToken, idToken, refreshToken, lifetimeS }
}

/** Null where there is none, undefined where it makes no sense. */
function token(value: unknown): string | null | undefined {
  if (value === undefined || value === null) return null
  return typeof value === 'string' && COOKIE_VALUE.test(value) ? value : undefined
}

/** Some servers send the number as a text. */
function wholeSeconds(value: unknown): number | null | undefined {
  if (value === undefined || value === null) return null
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 ? number : undefined
}
