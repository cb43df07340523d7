// Values as text and as JSON, as Envoy prints them.
import {
  CelBytes,
  CelDuration,
  type CelJson,
  CelMap,
  CelMessage,
  CelTimestamp,
  CelType,
  CelUint,
  type CelValue,
  isList,
} from './values.ts'

const SECOND = 1_000_000_000n

/** As %g writes it, with six digits or as many as it takes. */
export function doubleText(value: number, shortest = false): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf'
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  const [digits = '', power = '0'] = value.toExponential(shortest ? undefined : 5).split('e')
  const exponent = Number(power)
  if (exponent >= -4 && exponent < 6) return String(shortest ? value : Number(value.toPrecision(6)))
  const sign = exponent < 0 ? '-' : '+'
  return `${Number(digits)}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`
}

/** Digits behind the point, of nanoseconds, without zeros at the end. */
function fraction(ns: bigint, width = 9): string {
  const digits = ns.toString().padStart(width, '0').replace(/0+$/, '')
  return digits === '' ? '' : `.${digits}`
}

/** As Abseil's FormatDuration: `1h2m3.5s`. */
export function durationText({ ns }: CelDuration): string {
  if (ns === 0n) return '0'
  if (ns < 0n) return `-${durationText(new CelDuration(-ns))}`
  if (ns < 1000n) return `${ns}ns`
  if (ns < 1_000_000n) return `${ns / 1000n}${fraction(ns % 1000n, 3)}us`
  if (ns < SECOND) return `${ns / 1_000_000n}${fraction(ns % 1_000_000n, 6)}ms`
  const hours = ns / (3600n * SECOND)
  const minutes = (ns / (60n * SECOND)) % 60n
  const rest = ns % (60n * SECOND)
  const seconds = rest === 0n ? '' : `${rest / SECOND}${fraction(rest % SECOND)}s`
  return `${hours === 0n ? '' : `${hours}h`}${minutes === 0n ? '' : `${minutes}m`}${seconds}`
}

/** Protobuf's JSON has 0, 3, 6 or 9 digits behind the point. */
function grouped(ns: bigint): string {
  const digits = fraction(ns).slice(1)
  return digits === '' ? '' : `.${digits.padEnd(Math.ceil(digits.length / 3) * 3, '0')}`
}

const absolute = (ns: bigint): bigint => (ns < 0n ? -ns : ns)

export function durationJson({ ns }: CelDuration): string {
  const size = absolute(ns)
  return `${ns < 0n ? '-' : ''}${size / SECOND}${grouped(size % SECOND)}s`
}

/** Whole seconds and what is left of a second, which is never negative. */
function parts(ns: bigint): readonly [seconds: bigint, rest: bigint] {
  const rest = ((ns % SECOND) + SECOND) % SECOND
  return [(ns - rest) / SECOND, rest]
}

function wholeSeconds(seconds: bigint): string {
  return new Date(Number(seconds) * 1000).toISOString().slice(0, 19)
}

export function timestampText({ ns }: CelTimestamp): string {
  const [seconds, rest] = parts(ns)
  return `${wholeSeconds(seconds)}${fraction(rest)}+00:00`
}

export function timestampJson({ ns }: CelTimestamp): string {
  const [seconds, rest] = parts(ns)
  return `${wholeSeconds(seconds)}${grouped(rest)}Z`
}

/** %CEL(...)% of a value. */
export function celText(value: CelValue): string {
  if (value === null) return 'NULL'
  switch (typeof value) {
    case 'string':
      return value
    case 'number':
      return doubleText(value)
    case 'bigint':
    case 'boolean':
      return String(value)
  }
  if (value instanceof CelUint) return String(value.value)
  if (value instanceof CelBytes) return value.text
  if (value instanceof CelDuration) return durationText(value)
  if (value instanceof CelTimestamp) return timestampText(value)
  if (value instanceof CelMessage) return value.toText()
  if (value instanceof CelType) return 'CelType value'
  return isList(value) ? 'CelList value' : 'CelMap value'
}

/** %TYPED_CEL(...)% of a value; undefined: it has no form as JSON. */
export function celJson(value: CelValue): CelJson | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return value
  if (typeof value === 'bigint') return Number(value)
  if (value instanceof CelUint) return Number(value.value)
  if (value instanceof CelBytes) return Buffer.from(value.text, 'latin1').toString('base64')
  if (value instanceof CelDuration) return durationJson(value)
  if (value instanceof CelTimestamp) return timestampJson(value)
  if (value instanceof CelMessage) return value.toJSON()
  if (value instanceof CelMap) return mapJson(value)
  return isList(value) ? listJson(value) : undefined
}

function listJson(list: readonly CelValue[]): CelJson | undefined {
  const items = list.map(celJson)
  return items.includes(undefined) ? undefined : (items as CelJson[])
}

/** A key as the name of a field; undefined: it is none. */
function nameOf(key: CelValue): string | undefined {
  if (typeof key === 'string') return key
  return typeof key === 'bigint' || key instanceof CelUint ? celText(key) : undefined
}

/** Fields by name, as in a Struct. */
function mapJson(map: CelMap): CelJson | undefined {
  const keys = map.keys()
  if (keys === null) return undefined
  const fields: [string, CelJson][] = []
  for (const key of keys) {
    const value = celJson(map.get(key)!)
    const name = nameOf(key)
    if (name === undefined || value === undefined) return undefined
    fields.push([name, value])
  }
  return Object.fromEntries(fields.sort(([a], [b]) => (a < b ? -1 : 1)))
}
