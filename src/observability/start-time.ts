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

/** '+0200' or '+02:00'. */
function offsetText(minutes: number, colon = ''): string {
  const size = Math.abs(minutes)
  return `${minutes < 0 ? '-' : '+'}${pad(Math.floor(size / 60))}${colon}${pad(size % 60)}`
}

/** The name of a zone, such as CET. */
const zoneName = (offset: number): string =>
  offset === 0
    ? 'UTC'
    : (new Intl.DateTimeFormat('en', { timeZoneName: 'short' })
        .formatToParts()
        .find(part => part.type === 'timeZoneName')?.value ?? '')

/** strftime's conversions in the C locale, over a date whose UTC fields are those of the zone `offset` minutes east. */
const CONVERSIONS: Readonly<Record<string, (date: Date, offset: number) => string>> = {
  a: date => (DAYS[date.getUTCDay()] as string).slice(0, 3),
  A: date => DAYS[date.getUTCDay()] as string,
  b: date => (MONTHS[date.getUTCMonth()] as string).slice(0, 3),
  B: date => MONTHS[date.getUTCMonth()] as string,
  c: (date, offset) => expand('%a %b %e %H:%M:%S %Y', date, offset),
  C: date => pad(Math.floor(date.getUTCFullYear() / 100)),
  d: date => pad(date.getUTCDate()),
  D: (date, offset) => expand('%m/%d/%y', date, offset),
  e: date => pad(date.getUTCDate(), 2, ' '),
  F: (date, offset) => expand('%Y-%m-%d', date, offset),
  g: date => pad(isoWeek(date).year % 100),
  G: date => String(isoWeek(date).year),
  h: (date, offset) => expand('%b', date, offset),
  H: date => pad(date.getUTCHours()),
  I: date => pad(hour12(date)),
  j: date => pad(dayOfYear(date) + 1, 3),
  k: date => pad(date.getUTCHours(), 2, ' '),
  l: date => pad(hour12(date), 2, ' '),
  m: date => pad(date.getUTCMonth() + 1),
  M: date => pad(date.getUTCMinutes()),
  p: date => (date.getUTCHours() < 12 ? 'AM' : 'PM'),
  P: date => (date.getUTCHours() < 12 ? 'am' : 'pm'),
  r: (date, offset) => expand('%I:%M:%S %p', date, offset),
  R: (date, offset) => expand('%H:%M', date, offset),
  s: (date, offset) => String(Math.floor(date.getTime() / 1000) - offset * 60),
  S: date => pad(date.getUTCSeconds()),
  t: () => '\t',
  T: (date, offset) => expand('%H:%M:%S', date, offset),
  u: date => String(date.getUTCDay() || 7),
  U: date => pad(week(date, 0)),
  V: date => pad(isoWeek(date).week),
  w: date => String(date.getUTCDay()),
  W: date => pad(week(date, 1)),
  x: (date, offset) => expand('%D', date, offset),
  X: (date, offset) => expand('%T', date, offset),
  y: date => pad(date.getUTCFullYear() % 100),
  Y: date => String(date.getUTCFullYear()),
  z: (_date, offset) => offsetText(offset),
  Z: (_date, offset) => zoneName(offset),
  '%': () => '%',
}

/** Unknown conversions stay as they are. */
function expand(format: string, date: Date, offset: number): string {
  return format.replace(/%(?:Ez|([a-zA-Z%]))/g, (whole, letter?: string) =>
    letter === undefined ? offsetText(offset, ':') : (CONVERSIONS[letter]?.(date, offset) ?? whole),
  )
}

let isoMs = Number.NaN
let isoText = ''

/** Many lines are written within one millisecond. (bench: chain) */
function isoTime(ms: number): string {
  if (ms !== isoMs) {
    isoText = new Date(ms).toISOString()
    isoMs = ms
  }
  return isoText
}

const LOCAL_ISO = '%Y-%m-%dT%H:%M:%S.%3f%z'

/**
 * strftime over UTC or, with `local`, over the zone of this machine, with Envoy's additions: `%f` (nanoseconds), `%3f` and the
 * like, `%E3S` (seconds with a fraction), `%Ez`. An empty format is ISO 8601 with milliseconds. `ms` since the epoch, with a
 * fraction.
 */
export function formatTime(ms: number, format: string, local = false): string {
  if (format === '' && !local) return isoTime(Math.floor(ms))
  const utc = new Date(Math.floor(ms))
  const offset = local ? -utc.getTimezoneOffset() : 0
  const date = offset === 0 ? utc : new Date(utc.getTime() + offset * 60_000)
  const nanos = pad(Math.floor((ms - Math.floor(ms / 1000) * 1000) * 1e6), 9)
  const withFractions = (format || LOCAL_ISO).replace(
    /%%|%([1-9]?)f|%E([1-9])S/g,
    (whole, ofF?: string, ofS?: string) => {
      if (ofS !== undefined) return `%S.${nanos.slice(0, Number(ofS))}`
      return ofF === undefined ? whole : nanos.slice(0, ofF === '' ? 9 : Number(ofF))
    },
  )
  return expand(withFractions, date, offset)
}
