// Values of RESP as objects, for the few replies that are made of several or told anew.
import {
  ARRAY,
  ATTRIBUTE,
  BIG_NUMBER,
  BLOB_ERROR,
  BOOLEAN,
  BULK_STRING,
  DOUBLE,
  ERROR,
  INTEGER,
  MAP,
  NULL,
  PUSH,
  SET,
  SIMPLE_STRING,
  VERBATIM_STRING,
} from './resp-types.ts'

export type RespVersion = 2 | 3

export interface RespValue {
  readonly type: number
  /** latin1; of counted types ''. Of INTEGER and BOOLEAN as it stands on the wire. */
  readonly text: string
  /** Of MAP: keys and values in turn. */
  readonly items: readonly RespValue[] | null
}

const text = (type: number, value: string): RespValue => ({ type, text: value, items: null })

export const NULL_VALUE = text(NULL, '')
export const simpleString = (value: string): RespValue => text(SIMPLE_STRING, value)
export const bulkString = (value: string): RespValue => text(BULK_STRING, value)
export const errorValue = (value: string): RespValue => text(ERROR, value)
export const integer = (value: number | bigint): RespValue => text(INTEGER, String(value))
export const array = (items: readonly RespValue[]): RespValue => ({ type: ARRAY, text: '', items })
export const map = (items: readonly RespValue[]): RespValue => ({ type: MAP, text: '', items })

const BULKS = new Set([BULK_STRING, BLOB_ERROR, VERBATIM_STRING])
const LISTS = new Set([ARRAY, SET, PUSH, MAP])

/** Reads values that RespScanner has found to be whole. */
class ValueReader {
  private readonly bytes: Buffer
  private at: number

  constructor(bytes: Buffer, start: number) {
    this.bytes = bytes
    this.at = start
  }

  read(): RespValue {
    const type = this.bytes[this.at++]!
    const line = this.line()
    if (BULKS.has(type)) return this.bulk(type, Number(line))
    if (LISTS.has(type)) return this.list(type, Number(line))
    if (type !== ATTRIBUTE) return text(type, type === INTEGER ? String(BigInt(line)) : line)
    // What stands before a value tells of it, and nobody here wants to know.
    for (let left = 2 * Number(line); left > 0; left--) this.read()
    return this.read()
  }

  private line(): string {
    const end = this.bytes.indexOf('\r\n', this.at)
    const line = this.bytes.latin1Slice(this.at, end)
    this.at = end + 2
    return line
  }

  private bulk(type: number, length: number): RespValue {
    if (length < 0) return NULL_VALUE
    const value = this.bytes.latin1Slice(this.at, this.at + length)
    this.at += length + 2
    return text(type, value)
  }

  private list(type: number, count: number): RespValue {
    if (count < 0) return NULL_VALUE
    const items: RespValue[] = []
    for (let left = type === MAP ? 2 * count : count; left > 0; left--) items.push(this.read())
    return { type, text: '', items }
  }
}

/** The value at `start`, which must be whole. */
export function parseValue(bytes: Buffer, start: number): RespValue {
  return new ValueReader(bytes, start).read()
}

/** The bytes of a value, latin1. */
export function encodeValue(value: RespValue, version: RespVersion): string {
  const { type, items } = value
  if (items !== null) {
    const head =
      version === 3
        ? `${String.fromCharCode(type)}${type === MAP ? items.length / 2 : items.length}\r\n`
        : `*${items.length}\r\n`
    return head + items.map(item => encodeValue(item, version)).join('')
  }
  return version === 3 ? encodeText3(value) : encodeText2(value)
}

const bulk = (type: string, value: string): string => `${type}${value.length}\r\n${value}\r\n`

function encodeText3({ type, text }: RespValue): string {
  if (BULKS.has(type)) return bulk(String.fromCharCode(type), text)
  return `${String.fromCharCode(type)}${text}\r\n`
}

/** What RESP2 has no type for is told as Envoy does. */
function encodeText2({ type, text }: RespValue): string {
  switch (type) {
    case NULL:
      return '$-1\r\n'
    case BOOLEAN:
      return text === 't' ? ':1\r\n' : ':0\r\n'
    case DOUBLE:
    case BIG_NUMBER:
    case BULK_STRING:
      return bulk('$', text)
    case VERBATIM_STRING:
      return bulk('$', text.slice(4))
    case BLOB_ERROR:
      return `-${text.replace(/[\r\n]/g, ' ')}\r\n`
    default:
      return `${String.fromCharCode(type)}${text}\r\n`
  }
}
