// Timestamps and durations: reading them, and the parts of a date.
import { CelDuration, CelError, type CelResult, CelTimestamp, type CelValue } from './values.ts'

const SECOND = 1_000_000_000n
const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1000n,
  ms: 1_000_000n,
  s: SECOND,
  m: 60n * SECOND,
  h: 3600n * SECOND,
}
const PART = /(\d+)?(?:\.(\d*))?(ns|us|ms|s|m|h)/y
/** As far as protobuf's Duration goes: 10,000 years. */
const LONGEST = 315_576_000_000n * SECOND

/** `1h30m`, `-1.5s`. */
export function readDuration(text: string): CelDuration | CelError {
  const failed = new CelError(`not a duration: ${text}`)
  const negative = text.startsWith('-')
  const rest = text.replace(/^[-+]/, '')
  if (rest === '0') return new CelDuration(0n)
  let ns = 0n
  for (let at = 0; at < rest.length || at === 0; ) {
    PART.lastIndex = at
    const match = PART.exec(rest)
    if (match === null || (match[1] === undefined && !match[2]) || match[0].length > 32) return failed
    const [whole, whole_, digits = '', unit = ''] = match
    ns += BigInt(whole_ ?? '0') * UNITS[unit]!
    if (digits !== '') ns += (BigInt(digits) * UNITS[unit]!) / 10n ** BigInt(digits.length)
    at += whole.length
  }
  return ns > LONGEST ? failed : new CelDuration(negative ? -ns : ns)
}

const RFC_3339 = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)$/

export function readTimestamp(text: string): CelTimestamp | CelError {
  const match = RFC_3339.exec(text)
  const ms = match === null ? Number.NaN : Date.parse(`${match[1]}${match[3]}`)
  if (Number.isNaN(ms)) return new CelError(`not a timestamp: ${text}`)
  return new CelTimestamp(BigInt(ms) * 1_000_000n + BigInt((match![2] ?? '').padEnd(9, '0')))
}

const LATEST_MS = 253_402_300_799_999n
const EARLIEST_MS = -62_135_596_800_000n

const floorDiv = (a: bigint, b: bigint): bigint => (a - (((a % b) + b) % b)) / b

/** The date with the wall clock of `zone` as its UTC fields; null: no such zone, or out of the calendar. */
function inZone(ns: bigint, zone: string): Date | null {
  const ms = floorDiv(ns, 1_000_000n)
  if (ms > LATEST_MS || ms < EARLIEST_MS) return null
  if (zone === '' || zone === 'UTC') return new Date(Number(ms))
  const fixed = /^([+-])(\d\d):(\d\d)$/.exec(zone)
  if (fixed !== null) {
    const minutes = Number(fixed[2]) * 60 + Number(fixed[3])
    return new Date(Number(ms) + (fixed[1] === '-' ? -minutes : minutes) * 60_000)
  }
  try {
    return wallClock(new Date(Number(ms)), zone)
  } catch {
    // Not a time zone.
    return null
  }
}

function wallClock(date: Date, timeZone: string): Date {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  const field = Object.fromEntries(format.formatToParts(date).map(({ type, value }) => [type, Number(value)]))
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = field
  return new Date(Date.UTC(year, month - 1, day, hour, minute, second, date.getUTCMilliseconds()))
}

function dayOfYear(date: Date): number {
  return Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / 86_400_000)
}

const OF_DATE: Readonly<Record<string, (date: Date) => number>> = {
  getFullYear: date => date.getUTCFullYear(),
  getMonth: date => date.getUTCMonth(),
  getDate: date => date.getUTCDate(),
  getDayOfMonth: date => date.getUTCDate() - 1,
  getDayOfWeek: date => date.getUTCDay(),
  getDayOfYear: dayOfYear,
  getHours: date => date.getUTCHours(),
  getMinutes: date => date.getUTCMinutes(),
  getSeconds: date => date.getUTCSeconds(),
  getMilliseconds: date => date.getUTCMilliseconds(),
}

const OF_DURATION: Readonly<Record<string, (ns: bigint) => bigint>> = {
  getHours: ns => ns / UNITS['h']!,
  getMinutes: ns => ns / UNITS['m']!,
  getSeconds: ns => ns / SECOND,
  getMilliseconds: ns => (ns % SECOND) / UNITS['ms']!,
}

export const TIME_METHODS: readonly string[] = Object.keys(OF_DATE)

/** `timestamp.getHours()`, `timestamp.getHours('Europe/Rome')`, `duration.getHours()`; undefined: of neither. */
export function timePart(name: string, value: CelValue, zone: CelValue | undefined): CelResult | undefined {
  if (value instanceof CelDuration && zone === undefined) return OF_DURATION[name]?.(value.ns)
  if (!(value instanceof CelTimestamp) || (zone !== undefined && typeof zone !== 'string')) return undefined
  const date = inZone(value.ns, zone ?? '')
  return date === null ? new CelError(`no such time zone: ${String(zone)}`) : BigInt(OF_DATE[name]!(date))
}
