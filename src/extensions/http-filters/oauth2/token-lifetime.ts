// How long cookies live: as long as what they carry.

/** Seconds until the `exp` of a JWT, 0 when it is over; null: it is no JWT or has none. Nothing is verified here. */
export function jwtLifetimeS(token: string, nowS: number): number | null {
  const parts = token.split('.')
  if (parts.length !== 3) return null
  const header = objectOf(parts[0] as string)
  const exp = objectOf(parts[1] as string)?.['exp']
  if (header === null || typeof exp !== 'number' || !Number.isSafeInteger(exp) || exp <= 0) return null
  return Math.max(exp - nowS, 0)
}

function objectOf(part: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null
  } catch {
    // Whatever it is, it is no JWT.
    return null
  }
}
