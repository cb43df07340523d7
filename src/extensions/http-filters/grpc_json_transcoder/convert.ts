// Text of a path or a query to the JSON value of a field.
import type { DescEnum, DescField, JsonValue } from '@bufbuild/protobuf'

const BOOLEANS: Readonly<Record<string, boolean>> = { true: true, t: true, yes: true, y: true, '1': true }
const NO: Readonly<Record<string, boolean>> = { false: false, f: false, no: false, n: false, '0': false }

/** google.protobuf.FieldDescriptorProto.Type, as error messages name them. */
const TYPE_NAMES: Readonly<Record<number, string>> = {
  1: 'TYPE_DOUBLE',
  2: 'TYPE_FLOAT',
  3: 'TYPE_INT64',
  4: 'TYPE_UINT64',
  5: 'TYPE_INT32',
  6: 'TYPE_FIXED64',
  7: 'TYPE_FIXED32',
  8: 'TYPE_BOOL',
  9: 'TYPE_STRING',
  12: 'TYPE_BYTES',
  13: 'TYPE_UINT32',
  15: 'TYPE_SFIXED32',
  16: 'TYPE_SFIXED64',
  17: 'TYPE_SINT32',
  18: 'TYPE_SINT64',
}
const RANGES: Readonly<Record<number, readonly [bigint, bigint]>> = {
  3: [-(2n ** 63n), 2n ** 63n - 1n],
  4: [0n, 2n ** 64n - 1n],
  5: [-(2n ** 31n), 2n ** 31n - 1n],
  6: [0n, 2n ** 64n - 1n],
  7: [0n, 2n ** 32n - 1n],
  13: [0n, 2n ** 32n - 1n],
  15: [-(2n ** 31n), 2n ** 31n - 1n],
  16: [-(2n ** 63n), 2n ** 63n - 1n],
  17: [-(2n ** 31n), 2n ** 31n - 1n],
  18: [-(2n ** 63n), 2n ** 63n - 1n],
}
/** Messages whose JSON form is a string. */
const TEXT_MESSAGES = new Set(['google.protobuf.Timestamp', 'google.protobuf.Duration'])
const FIELD_MASK = 'google.protobuf.FieldMask'

/** How the type of a field is called in errors. */
export function typeText(field: DescField): string {
  const named = field.message ?? field.enum
  return named === undefined ? (TYPE_NAMES[field.scalar as number] ?? '') : `type.googleapis.com/${named.typeName}`
}

/** undefined: the text is no value of the field's type. */
export function convertText(field: DescField, text: string, anyCase: boolean): JsonValue | undefined {
  if (field.enum !== undefined) return convertEnum(field.enum, text, anyCase)
  if (field.message === undefined) return convertScalar(field.scalar as number, text)
  const { typeName, fields } = field.message
  // Paths of field masks by their names in the .proto too.
  if (typeName === FIELD_MASK) return text.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
  if (TEXT_MESSAGES.has(typeName)) return text
  if (typeName === 'google.protobuf.Value') return text
  const wrapped = /^google\.protobuf\.\w+Value$/.test(typeName) ? fields[0] : undefined
  return wrapped === undefined ? undefined : convertScalar(wrapped.scalar as number, text)
}

function convertScalar(type: number, text: string): JsonValue | undefined {
  const range = RANGES[type]
  if (range !== undefined) {
    if (!/^[+-]?\d{1,20}$/.test(text)) return undefined
    const value = BigInt(text.replace('+', ''))
    if (value < range[0] || value > range[1]) return undefined
    return String(value)
  }
  if (type === 8) return BOOLEANS[text.toLowerCase()] ?? NO[text.toLowerCase()]
  if (type !== 1 && type !== 2) return text
  if (text === 'NaN' || text === 'Infinity' || text === '-Infinity') return text
  const number = text.trim() === '' ? Number.NaN : Number(text)
  return Number.isFinite(number) ? number : undefined
}

/** By name or number; with `anyCase` in any case, and with '-' for '_'. */
export function convertEnum(type: DescEnum, text: string, anyCase: boolean): JsonValue | undefined {
  if (/^-?\d{1,10}$/.test(text)) return type.values.find(({ number }) => number === Number(text))?.number
  if (type.values.some(({ name }) => name === text)) return text
  if (!anyCase) return undefined
  const wanted = text.toUpperCase().replaceAll('-', '_')
  return type.values.find(({ name }) => name.toUpperCase() === wanted)?.name
}
