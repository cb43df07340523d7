import { durationText } from '../schema/nanos.ts'
import { Mismatch, scalarValue } from './scalar-values.ts'

/** The range of google.protobuf.Duration: 10,000 years. */
const MAX_SECONDS = 315_576_000_000n

const DURATION = new Mismatch('a duration in seconds such as 5s or 0.25s')
const TIMESTAMP = new Mismatch('a time such as 2026-01-31T12:00:00Z')
const FIELD_MASK = new Mismatch('field names with commas between them')
const OBJECT = new Mismatch('a mapping')
const LIST = new Mismatch('a list')

function inRange(seconds: bigint): boolean {
  return seconds >= -MAX_SECONDS && seconds <= MAX_SECONDS
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** '15s', '0.250s' or {seconds: 15, nanos: 0} in canonical text. */
function duration(value: unknown): string | Mismatch {
  if (typeof value === 'string') {
    const match = /^(-?)(\d+)(?:\.(\d{1,9}))?s$/.exec(value)
    if (match === null) return DURATION
    const seconds = BigInt(match[2]!)
    const nanos = Number((match[3] ?? '').padEnd(9, '0'))
    if (!inRange(seconds)) return DURATION
    return match[1] === '-' ? durationText(-seconds, -nanos) : durationText(seconds, nanos)
  }
  if (!isObject(value) || Object.keys(value).some(key => key !== 'seconds' && key !== 'nanos')) return DURATION
  const seconds = scalarValue('int64', value['seconds'] ?? 0)
  const nanos = scalarValue('int32', value['nanos'] ?? 0)
  if (typeof seconds !== 'string' || typeof nanos !== 'number' || Math.abs(nanos) > 999_999_999) return DURATION
  const whole = BigInt(seconds)
  if (!inRange(whole) || (whole > 0n && nanos < 0) || (whole < 0n && nanos > 0)) return DURATION
  return durationText(whole, nanos)
}

function timestamp(value: unknown): string | Mismatch {
  const valid =
    typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/.test(value) && !Number.isNaN(Date.parse(value))
  return valid ? value : TIMESTAMP
}

/** Canonical JSON of a value of a well-known message type other than Any; `kind` as in FieldSchema. */
export function wellKnownValue(kind: string, value: unknown): unknown {
  switch (kind) {
    case 'duration':
      return duration(value)
    case 'timestamp':
      return timestamp(value)
    case 'field_mask':
      return typeof value === 'string' ? value : FIELD_MASK
    case 'struct':
      return isObject(value) ? value : OBJECT
    case 'list_value':
      return Array.isArray(value) ? value : LIST
    default:
      return value
  }
}
