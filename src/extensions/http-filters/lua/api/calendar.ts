// strftime, in the C locale.
export interface DateParts {
  readonly year: number
  /** 1 to 12. */
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly min: number
  readonly sec: number
  /** 1 to 7 from Sunday on. */
  readonly wday: number
  /** 1 to 366. */
  readonly yday: number
  readonly offsetMinutes: number
}

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const MONTHS = [
  ...['January', 'February', 'March', 'April', 'May', 'June'],
  ...['July', 'August', 'September', 'October', 'November', 'December'],
]
const MS_PER_MINUTE = 60_000
const MS_PER_DAY = 86_400_000

/** Null for a time that is none. */
export function partsOf(date: Date, utc: boolean): DateParts | null {
  if (Number.isNaN(date.getTime())) return null
  const offsetMinutes = utc ? 0 : -date.getTimezoneOffset()
  const local = new Date(date.getTime() + offsetMinutes * MS_PER_MINUTE)
  const year = local.getUTCFullYear()
  return {
    year,
    month: local.getUTCMonth() + 1,
    day: local.getUTCDate(),
    hour: local.getUTCHours(),
    min: local.getUTCMinutes(),
    sec: local.getUTCSeconds(),
    wday: local.getUTCDay() + 1,
    yday: Math.floor((local.getTime() - Date.UTC(year, 0, 1)) / MS_PER_DAY) + 1,
    offsetMinutes,
  }
}

const two = (value: number): string => String(value).padStart(2, '0')

const COMPOSED: Readonly<Record<string, string>> = {
  c: '%a %b %e %H:%M:%S %Y',
  D: '%m/%d/%y',
  F: '%Y-%m-%d',
  h: '%b',
  r: '%I:%M:%S %p',
  R: '%H:%M',
  T: '%H:%M:%S',
  x: '%m/%d/%y',
  X: '%H:%M:%S',
}

const FIELDS: Readonly<Record<string, (parts: DateParts) => string>> = {
  a: ({ wday }) => DAYS[wday - 1]!.slice(0, 3),
  A: ({ wday }) => DAYS[wday - 1]!,
  b: ({ month }) => MONTHS[month - 1]!.slice(0, 3),
  B: ({ month }) => MONTHS[month - 1]!,
  d: ({ day }) => two(day),
  e: ({ day }) => String(day).padStart(2, ' '),
  H: ({ hour }) => two(hour),
  I: ({ hour }) => two(hour % 12 === 0 ? 12 : hour % 12),
  j: ({ yday }) => String(yday).padStart(3, '0'),
  m: ({ month }) => two(month),
  M: ({ min }) => two(min),
  n: () => '\n',
  p: ({ hour }) => (hour < 12 ? 'AM' : 'PM'),
  S: ({ sec }) => two(sec),
  t: () => '\t',
  w: ({ wday }) => String(wday - 1),
  y: ({ year }) => two(year % 100),
  Y: ({ year }) => String(year),
  z: ({ offsetMinutes }) => {
    const size = Math.abs(offsetMinutes)
    return `${offsetMinutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}${two(size % 60)}`
  },
  Z: ({ offsetMinutes }) => (offsetMinutes === 0 ? 'GMT' : ''),
  '%': () => '%',
}

/** What is no conversion stays as it is. */
export function formatDate(format: string, parts: DateParts): string {
  return format.replace(/%(.)/gs, (whole, letter: string) => {
    const composed = COMPOSED[letter]
    if (composed !== undefined) return formatDate(composed, parts)
    return FIELDS[letter]?.(parts) ?? whole
  })
}
