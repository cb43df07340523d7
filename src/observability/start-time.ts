const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const MONTHS = [
  ...['January', 'February', 'March', 'April', 'May', 'June'],
  ...['July', 'August', 'September', 'October', 'November', 'December'],
]
const DAY_MS = 86_400_000

const pad = (value: number, width = 2, fill = '0'): string => String(value).padStart(width, fill)

/** Days since 1 January. */
const dayOfYear = (date: Date): number => Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / DAY_MS)
/** Week of the year where weeks begin at `firstDay` (0 Sunday); days before the first such day are in week 0. */
const week = (date: Date, firstDay: number): number =>
  Math.floor((dayOfYear(date) + 7 - ((date.getUTCDay() + 7 - firstDay) % 7)) / 7)
const hour12 = (date: Date): number => date.getUTCHours() % 12 || 12

/** ISO 8601: a week belongs to the year of its Thursday. */
function isoWeek(date: Date): { year: number; week: number } {
  const thursday = new Date(date.getTime() + (3 - ((date.getUTCDay() + 6) % 7)) * DAY_MS)
  return { year: thursday.getUTCFullYear(), week: Math.floor(dayOfYear(thursday) / 7) + 1 }
}

/** strftime's conversions in the C locale. */
const CONVERSIONS: Readonly<Record<string, (date: Date) => string>> = {
  a: date => (DAYS[date.getUTCDay()] as string).slice(0, 3),
  A: date => DAYS[date.getUTCDay()] as string,
  b: date => (MONTHS[date.getUTCMonth()] as string).slice(0, 3),
  B: date => MONTHS[date.getUTCMonth()] as string,
  c: date => expand('%a %b %e %H:%M:%S %Y', date),
  C: date => pad(Math.floor(date.getUTCFullYear() / 100)),
  d: date => pad(date.getUTCDate()),
  D: date => expand('%m/%d/%y', date),
  e: date => pad(date.getUTCDate(), 2, ' '),
  F: date => expand('%Y-%m-%d', date),
  g: date => pad(isoWeek(date).year % 100),
  G: date => String(isoWeek(date).year),
  h: date => expand('%b', date),
  H: date => pad(date.getUTCHours()),
  I: date => pad(hour12(date)),
  j: date => pad(dayOfYear(date) + 1, 3),
  k: date => pad(date.getUTCHours(), 2, ' '),
  l: date => pad(hour12(date), 2, ' '),
  m: date => pad(date.getUTCMonth() + 1),
  M: date => pad(date.getUTCMinutes()),
  p: date => (date.getUTCHours() < 12 ? 'AM' : 'PM'),
  P: date => (date.getUTCHours() < 12 ? 'am' : 'pm'),
  r: date => expand('%I:%M:%S %p', date),
  R: date => expand('%H:%M', date),
  s: date => String(Math.floor(date.getTime() / 1000)),
  S: date => pad(date.getUTCSeconds()),
  t: () => '\t',
  T: date => expand('%H:%M:%S', date),
  u: date => String(date.getUTCDay() || 7),
  U: date => pad(week(date, 0)),
  V: date => pad(isoWeek(date).week),
  w: date => String(date.getUTCDay()),
  W: date => pad(week(date, 1)),
  x: date => expand('%D', date),
  X: date => expand('%T', date),
  y: date => pad(date.getUTCFullYear() % 100),
  Y: date => String(date.getUTCFullYear()),
  z: () => '+0000',
  Z: () => 'UTC',
  '%': () => '%',
}

/** Unknown conversions stay as they are. */
function expand(format: string, date: Date): string {
  return format.replace(/%([a-zA-Z%])/g, (whole, letter: string) => CONVERSIONS[letter]?.(date) ?? whole)
}

/**
 * strftime over UTC with Envoy's additions: `%f` (nanoseconds), `%3f` and the like, `%E3S` (seconds with a fraction).
 * An empty format is ISO 8601 with milliseconds. `ms` since the epoch, with a fraction.
 */
export function formatTime(ms: number, format: string): string {
  const date = new Date(Math.floor(ms))
  if (format === '') return date.toISOString()
  const nanos = pad(Math.floor((ms - Math.floor(ms / 1000) * 1000) * 1e6), 9)
  const withFractions = format.replace(/%%|%([1-9]?)f|%E([1-9])S/g, (whole, ofF?: string, ofS?: string) => {
    if (ofS !== undefined) return `%S.${nanos.slice(0, Number(ofS))}`
    return ofF === undefined ? whole : nanos.slice(0, ofF === '' ? 9 : Number(ofF))
  })
  return expand(withFractions, date)
}
