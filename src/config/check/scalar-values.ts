// Canonical ProtoJSON values of scalar fields from what Envoy lets a configuration say. INVALID with an expectation where it
// does not fit.

/** What a scalar of the wrong form should have been. */
export class Mismatch {
  readonly expected: string
  readonly hint: string

  constructor(expected: string, hint = '') {
    this.expected = expected
    this.hint = hint
  }
}

const INT_RANGE: Readonly<Record<string, readonly [bigint, bigint]>> = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
}

const INT_KIND: Readonly<Record<string, string>> = {
  int32: 'int32',
  sint32: 'int32',
  sfixed32: 'int32',
  uint32: 'uint32',
  fixed32: 'uint32',
  int64: 'int64',
  sint64: 'int64',
  sfixed64: 'int64',
  uint64: 'uint64',
  fixed64: 'uint64',
}

const INTEGER_MISMATCH: Readonly<Record<string, Mismatch>> = Object.fromEntries(
  Object.entries(INT_RANGE).map(([kind, [low, high]]) => [kind, new Mismatch(`an integer from ${low} to ${high}`)]),
)

/** 1e3, '2.0' and "2" are integers; 1.5 is not. */
function integerOf(value: unknown): bigint | undefined {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : undefined
  if (typeof value !== 'string') return undefined
  if (/^-?\d+$/.test(value)) return BigInt(value)
  if (/^0x[0-9a-fA-F]{1,16}$/.test(value)) return BigInt(value)
  if (!/^-?\d+(?:\.\d*)?(?:[eE][-+]?\d{1,3})?$/.test(value)) return undefined
  const number = Number(value)
  return Number.isInteger(number) ? BigInt(number) : undefined
}

function integer(kind: string, value: unknown): number | string | Mismatch {
  const range = INT_RANGE[kind]!
  // Ports and sizes: no bigint for what a double holds.
  if (typeof value === 'number' && Number.isInteger(value) && kind.endsWith('32')) {
    return value >= Number(range[0]) && value <= Number(range[1]) ? value + 0 : INTEGER_MISMATCH[kind]!
  }
  const number = integerOf(value)
  if (number === undefined || number < range[0] || number > range[1]) return INTEGER_MISMATCH[kind]!
  return kind.endsWith('64') ? String(number) : Number(number)
}

const NUMBER = new Mismatch('a number')
const BOOLEAN = new Mismatch('true or false')
const TEXT = new Mismatch('text', 'quote it')
const BASE64 = new Mismatch('bytes in base64')

function floating(value: unknown): number | string | Mismatch {
  if (typeof value === 'number') return value
  if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') return value
  if (typeof value === 'string' && value.trim() !== '' && !Number.isNaN(Number(value))) return Number(value)
  return NUMBER
}

function boolean(value: unknown): boolean | Mismatch {
  if (typeof value === 'boolean') return value
  if (typeof value !== 'string') return BOOLEAN
  const word = value.toLowerCase()
  if (word === 'true' || word === 't' || word === 'yes' || word === 'y' || word === '1') return true
  if (word === 'false' || word === 'f' || word === 'no' || word === 'n' || word === '0') return false
  return BOOLEAN
}

function bytes(value: unknown): string | Mismatch {
  if (typeof value !== 'string' || !/^[A-Za-z0-9+/_-]*={0,2}$/.test(value)) return BASE64
  return Buffer.from(value, 'base64').toString('base64')
}

/** `value` in canonical form for a scalar field of `kind`, or what was expected instead. */
export function scalarValue(kind: string, value: unknown): string | number | boolean | Mismatch {
  if (kind === 'string') return typeof value === 'string' ? value : TEXT
  if (kind === 'bool') return boolean(value)
  if (kind === 'bytes') return bytes(value)
  const intKind = INT_KIND[kind]
  return intKind === undefined ? floating(value) : integer(intKind, value)
}

/** Whether a canonical value is what an absent field of its kind means. '0' is a number of 64 bits, or a text like any other. */
export function isDefault(kind: string, value: unknown): boolean {
  return value === '' || value === false || value === 0 || (value === '0' && kind !== 'string')
}
