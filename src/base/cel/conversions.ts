// int(), uint(), double(), string(), bytes(), bool(), timestamp(), duration(), type(), dyn().
import { isUtf8 } from 'node:buffer'
import { intOf, noOverload, uintOf } from './operators.ts'
import { doubleText, durationJson, timestampJson } from './text.ts'
import { readDuration, readTimestamp } from './time.ts'
import {
  CelBytes,
  CelDuration,
  CelError,
  type CelResult,
  CelTimestamp,
  CelType,
  CelUint,
  type CelValue,
  typeNameOf,
} from './values.ts'

type Conversion = (value: CelValue) => CelResult

const SECOND = 1_000_000_000n
const failed = (name: string, value: CelValue): CelError => new CelError(`${name}() of ${String(value)}`)

/** Null: no whole number. Both ends of the double's range are beyond that of integers. */
function whole(value: CelValue): bigint | null {
  if (typeof value === 'bigint') return value
  if (value instanceof CelUint) return value.value
  if (typeof value === 'boolean') return value ? 1n : 0n
  if (typeof value === 'number') return Number.isFinite(value) ? BigInt(Math.trunc(value)) : null
  return typeof value === 'string' && /^\s*[-+]?\d{1,40}\s*$/.test(value)
    ? BigInt(value.trim().replace(/^\+/, ''))
    : null
}

const int: Conversion = value => {
  if (value instanceof CelTimestamp) return (value.ns - (((value.ns % SECOND) + SECOND) % SECOND)) / SECOND
  const number = whole(value)
  return number === null ? failed('int', value) : intOf(number)
}

const uint: Conversion = value => {
  const number = typeof value === 'boolean' ? null : whole(value)
  return number === null ? failed('uint', value) : uintOf(number)
}

const DOUBLE = /^\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*$/
const NAMED_DOUBLE = /^\s*([-+]?)(nan|inf|infinity)\s*$/i

const double: Conversion = value => {
  if (typeof value === 'string') {
    if (DOUBLE.test(value)) return Number(value)
    const [, minus, name] = NAMED_DOUBLE.exec(value) ?? []
    if (name === undefined) return failed('double', value)
    const number = name.toLowerCase() === 'nan' ? Number.NaN : Number.POSITIVE_INFINITY
    return minus === '-' ? -number : number
  }
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  return value instanceof CelUint ? Number(value.value) : noOverload('double', value)
}

const string: Conversion = value => {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value)
  if (typeof value === 'number') return doubleText(value, true)
  if (value instanceof CelUint) return String(value.value)
  if (value instanceof CelBytes) return isUtf8(Buffer.from(value.text, 'latin1')) ? value.text : failed('string', '')
  if (value instanceof CelDuration) return durationJson(value)
  return value instanceof CelTimestamp ? timestampJson(value) : noOverload('string', value)
}

const bytes: Conversion = value => {
  if (typeof value === 'string') return new CelBytes(value)
  return value instanceof CelBytes ? value : noOverload('bytes', value)
}

const TRUTH: Readonly<Record<string, boolean>> = Object.fromEntries([
  ...['1', 't', 'true', 'TRUE', 'True'].map(text => [text, true] as const),
  ...['0', 'f', 'false', 'FALSE', 'False'].map(text => [text, false] as const),
])

const bool: Conversion = value => {
  if (typeof value === 'boolean') return value
  if (typeof value !== 'string') return noOverload('bool', value)
  return Object.hasOwn(TRUTH, value) ? TRUTH[value]! : failed('bool', value)
}

const timestamp: Conversion = value => {
  if (typeof value === 'string') return readTimestamp(value)
  if (typeof value === 'bigint') return new CelTimestamp(value * SECOND)
  return value instanceof CelTimestamp ? value : noOverload('timestamp', value)
}

const duration: Conversion = value => {
  if (typeof value === 'string') return readDuration(value)
  return value instanceof CelDuration ? value : noOverload('duration', value)
}

export const CONVERSIONS: Readonly<Record<string, Conversion>> = {
  int,
  uint,
  double,
  bytes,
  bool,
  timestamp,
  duration,
  dyn: value => value,
  type: value => new CelType(typeNameOf(value)),
}

/** Of enable_string_conversion. */
export const toCelString: Conversion = string

/** Types by the names that type() may be compared with. */
export const TYPES: Readonly<Record<string, CelType>> = Object.fromEntries(
  ['bool', 'int', 'uint', 'double', 'string', 'bytes', 'list', 'map', 'null_type', 'type'].map(name => [
    name,
    new CelType(name),
  ]),
)
