// Functions of texts: those that are always there, and those of enable_string_functions. Positions count characters, and
// texts are bytes: those that are not ASCII alone are taken apart first.
import { intOf, noOverload } from './operators.ts'
import { CelBytes, CelError, CelMap, type CelResult, type CelValue, isList } from './values.ts'

/** By name: how many arguments, the text that it is called upon included, and what it computes. */
export interface CelFunction {
  readonly arity: readonly [least: number, most: number]
  /** Null: called upon a value or with it in front, alike. */
  readonly method: boolean | null
  readonly call: (args: readonly CelValue[]) => CelResult
}

/** What an expression may make of a request's texts, in bytes. */
const LONGEST_TEXT = 1 << 20
const NOT_ASCII = /[^\x00-\x7f]/

/** Of bytes that are no UTF-8, each is a character. */
function characters(text: string): readonly string[] | string {
  if (!NOT_ASCII.test(text)) return text
  return Array.from(Buffer.from(text, 'latin1').toString('utf8'), char => Buffer.from(char, 'utf8').toString('latin1'))
}

const piece = (text: readonly string[] | string, from: number, to: number): string =>
  typeof text === 'string' ? text.slice(from, to) : text.slice(from, to).join('')

const texts = (args: readonly CelValue[], count: number): args is readonly string[] =>
  args.slice(0, count).every(arg => typeof arg === 'string')

function sizeOf(value: CelValue): CelResult {
  if (typeof value === 'string') return BigInt(characters(value).length)
  if (value instanceof CelBytes) return BigInt(value.text.length)
  if (value instanceof CelMap) return BigInt(value.size)
  return value !== null && typeof value === 'object' && isList(value) ? BigInt(value.length) : noOverload('size', value)
}

const ofTwo = (
  name: string,
  holds: (text: string, other: string) => CelResult,
  method: boolean | null,
): CelFunction => ({
  arity: [2, 2],
  method,
  call: args => (texts(args, 2) ? holds(args[0]!, args[1]!) : noOverload(name, ...args)),
})

const ofOne = (name: string, of: (text: string) => CelResult): CelFunction => ({
  arity: [1, 1],
  method: true,
  call: args => (texts(args, 1) ? of(args[0]!) : noOverload(name, ...args)),
})

export const BASIC_FUNCTIONS: Readonly<Record<string, CelFunction>> = {
  size: { arity: [1, 1], method: null, call: ([value]) => sizeOf(value!) },
  contains: ofTwo('contains', (text, other) => text.includes(other), null),
  startsWith: ofTwo('startsWith', (text, other) => text.startsWith(other), null),
  endsWith: ofTwo('endsWith', (text, other) => text.endsWith(other), null),
}

/** The optional argument behind `count` others, as a number; undefined: it is none. */
function position(args: readonly CelValue[], count: number, otherwise: number): number | undefined {
  const value = args[count]
  if (value === undefined) return otherwise
  return typeof value === 'bigint' && intOf(value) === value ? Number(value) : undefined
}

function substring(args: readonly CelValue[]): CelResult {
  const [text] = args
  if (typeof text !== 'string') return noOverload('substring', ...args)
  const chars = characters(text)
  const [from, to] = [position(args, 1, 0), position(args, 2, chars.length)]
  if (from === undefined || to === undefined) return noOverload('substring', ...args)
  if (from < 0 || to > chars.length || from > to) return new CelError('substring out of bounds')
  return piece(chars, from, to)
}

function charAt(args: readonly CelValue[]): CelResult {
  const [text] = args
  const index = position(args, 1, 0)
  if (typeof text !== 'string' || index === undefined) return noOverload('charAt', ...args)
  const chars = characters(text)
  return index < 0 || index > chars.length ? new CelError('charAt out of bounds') : piece(chars, index, index + 1)
}

function found(name: string, last: boolean): CelFunction['call'] {
  return args => {
    if (!texts(args, 2)) return noOverload(name, ...args)
    const [text, wanted] = [args[0]!, args[1]!]
    const { length } = characters(text)
    const from = position(args, 2, last ? length : 0)
    if (from === undefined) return noOverload(name, ...args)
    if (from < 0 || from > length) return new CelError(`${name} out of bounds`)
    const start = piece(characters(text), 0, from).length
    const at = last ? text.lastIndexOf(wanted, start) : text.indexOf(wanted, start)
    return at < 0 ? -1n : BigInt(characters(text.slice(0, at)).length)
  }
}

/** At most `limit` pieces; negative: any number. */
function split(args: readonly CelValue[]): CelResult {
  const limit = position(args, 2, -1)
  if (!texts(args, 2) || limit === undefined) return noOverload('split', ...args)
  const [text, by] = [args[0]!, args[1]!]
  if (limit === 0) return []
  const pieces = by === '' ? Array.from(characters(text)) : text.split(by)
  return limit < 0 ? pieces : atMost(limit, pieces, by)
}

/** The last one holds the rest. */
function atMost(count: number, pieces: readonly string[], by: string): readonly string[] {
  return pieces.length <= count ? pieces : [...pieces.slice(0, count - 1), pieces.slice(count - 1).join(by)]
}

function replace(args: readonly CelValue[]): CelResult {
  const limit = position(args, 3, -1)
  if (!texts(args, 3) || limit === undefined) return noOverload('replace', ...args)
  const [text, by] = [args[0]!, args[1]!]
  // An empty text stands before each character, and behind the last one.
  const pieces = by === '' ? ['', ...characters(text), ''] : text.split(by)
  const all = limit < 0 ? pieces : atMost(limit + 1, pieces, by)
  return joined(all, args[2]!)
}

function joined(pieces: readonly string[], by: string): CelResult {
  let length = by.length * Math.max(pieces.length - 1, 0)
  for (const text of pieces) length += text.length
  return length > LONGEST_TEXT ? new CelError('the text becomes too long') : pieces.join(by)
}

function join(args: readonly CelValue[]): CelResult {
  const [list, by = ''] = args
  const isTexts = list !== null && typeof list === 'object' && isList(list) && texts(list, list.length)
  return isTexts && typeof by === 'string' ? joined(list, by) : noOverload('join', ...args)
}

const QUOTED: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
}
const quoted = (text: string): string => `"${text.replace(/[\x07\b\f\n\r\t\v\\"]/g, char => QUOTED[char]!)}"`

const method = (least: number, most: number, call: CelFunction['call']): CelFunction => ({
  arity: [least, most],
  method: true,
  call,
})

/** Of enable_string_functions. */
export const STRING_FUNCTIONS: Readonly<Record<string, CelFunction>> = {
  charAt: method(2, 2, charAt),
  indexOf: method(2, 3, found('indexOf', false)),
  lastIndexOf: method(2, 3, found('lastIndexOf', true)),
  lowerAscii: ofOne('lowerAscii', text => text.replace(/[A-Z]+/g, upper => upper.toLowerCase())),
  upperAscii: ofOne('upperAscii', text => text.replace(/[a-z]+/g, lower => lower.toUpperCase())),
  replace: method(3, 4, replace),
  split: method(2, 3, split),
  join: method(1, 2, join),
  substring: method(2, 3, substring),
  trim: ofOne('trim', text => text.trim()),
  reverse: ofOne('reverse', text => Array.from(characters(text)).reverse().join('')),
  'strings.quote': { ...ofOne('strings.quote', quoted), method: false },
}
