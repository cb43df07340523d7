/** RateLimitResponse.RateLimit.Unit and type.v3.RateLimitUnit: the numbers are the same. */
export const UNIT_NAMES = ['UNKNOWN', 'SECOND', 'MINUTE', 'HOUR', 'DAY', 'MONTH', 'YEAR', 'WEEK'] as const

/** By number. Windows are counted from the epoch: a month is 30 days and a year 365, whatever the calendar says. */
const UNIT_SECONDS = [0, 1, 60, 3600, 86_400, 30 * 86_400, 365 * 86_400, 7 * 86_400] as const

export const SECOND = 1

/** 0 for UNKNOWN and for what is no unit. */
export function unitSeconds(unit: number): number {
  return UNIT_SECONDS[unit] ?? 0
}

/** Any mixture of cases, as envoyproxy/ratelimit reads it; 0: no such unit. */
export function unitNumber(name: string): number {
  return Math.max(0, (UNIT_NAMES as readonly string[]).indexOf(name.toUpperCase()))
}
