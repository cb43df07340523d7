// HOT FILE (docs/hot-path.md): finds the end of a value in RESP2 or RESP3 without making anything of it; each byte that a
// number or line consists of is looked at once or twice, the bytes of strings never.
import {
  ARRAY,
  ATTRIBUTE,
  BIG_NUMBER,
  BLOB_ERROR,
  BOOLEAN,
  BULK_STRING,
  CR,
  DOUBLE,
  ERROR,
  INTEGER,
  LF,
  MAP,
  MAX_BULK_BYTES,
  MAX_DEPTH,
  MAX_ELEMENTS,
  MAX_LINE_BYTES,
  NULL,
  PUSH,
  SET,
  SIMPLE_STRING,
  VERBATIM_STRING,
} from './resp-types.ts'

const MAX_DIGITS = 19
const MAX_INTEGER = 2n ** 63n

/** How many elements each one of a counted type stands for; 0: it has none. */
const ELEMENTS = new Uint8Array(256)
ELEMENTS[ARRAY] = ELEMENTS[SET] = ELEMENTS[PUSH] = 1
ELEMENTS[MAP] = ELEMENTS[ATTRIBUTE] = 2

/** No number that counts. */
const INCOMPLETE = Number.NEGATIVE_INFINITY
/** Places of elements that are kept for the next command. */
const KEPT_PLACES = 4096

const NoNumber = 0
const Counted = 1
const Line = 2
const KINDS = new Uint8Array(256)
for (const type of [ARRAY, SET, PUSH, MAP, ATTRIBUTE, BULK_STRING, BLOB_ERROR, VERBATIM_STRING, INTEGER]) {
  KINDS[type] = Counted
}
for (const type of [SIMPLE_STRING, ERROR, NULL, BOOLEAN, DOUBLE, BIG_NUMBER]) KINDS[type] = Line
const IS_RESP3 = new Uint8Array(256)
for (const type of [NULL, BOOLEAN, DOUBLE, BIG_NUMBER, BLOB_ERROR, VERBATIM_STRING, MAP, SET, PUSH, ATTRIBUTE]) {
  IS_RESP3[type] = 1
}

/** One value at a time. It goes on where it stopped when more bytes have come behind the same ones. */
export class RespScanner {
  /** What came is no RESP: nothing can be read any more. */
  broken = false
  /** What values are told in. */
  version: 2 | 3 = 2
  /** Of the value that has been found: written as an encoder of this version would write it. */
  canonical = true
  /** An array of nothing but bulk strings, whose bytes are at [starts[i], ends[i]) behind the value's first byte. */
  isCommand = false
  readonly starts: number[] = []
  readonly ends: number[] = []
  count = 0
  /** So many bytes at least are missing of a value that is not complete. */
  missing = 0
  private offset = 0
  private lineOffset = 0
  /** Bytes of the string that is being read; -1: none is. */
  private body = -1
  private depth = 0
  private elements = 0
  /** By depth: elements still to come. */
  private readonly left: number[] = []
  private digitsEnd = 0
  /** The head just read counts elements that follow. */
  private opened = false

  /** Looks for the end of the value that begins at `start`; -1: it is not complete, or `broken`. */
  scan(bytes: Buffer, start: number, end: number): number {
    if (this.offset === 0) this.begin(bytes[start]!)
    let at = start + this.offset
    for (;;) {
      if (this.body >= 0) {
        const stop = at + this.body
        if (stop < end && bytes[stop] !== CR) return this.fail()
        if (stop + 2 > end) return this.pause(at - start, stop + 2 - end)
        if (bytes[stop + 1] !== LF) return this.fail()
        if (this.depth === 1 && this.isCommand) this.note(at - start, stop - start)
        this.body = -1
        at = stop + 2
      } else {
        if (at >= end) return this.pause(at - start, 1)
        const next = this.head(bytes, start, at, end)
        if (next < 0) return next
        at = next
        // What counts others is complete with the last of them, a string with its bytes.
        if (this.body >= 0 || this.opened) continue
      }
      while (this.depth > 0 && --this.left[this.depth - 1]! === 0) this.depth--
      if (this.depth === 0) {
        this.offset = 0
        return at
      }
    }
  }

  private begin(type: number): void {
    this.canonical = true
    this.isCommand = type === ARRAY
    this.count = 0
    this.elements = 0
    if (this.starts.length > KEPT_PLACES) this.starts.length = this.ends.length = 0
  }

  /** What stands before a value's bytes or elements, or the whole of a short one; the position behind it. */
  private head(bytes: Buffer, start: number, at: number, end: number): number {
    const type = bytes[at]!
    const kind = KINDS[type]!
    this.opened = false
    if (kind === NoNumber) return this.fail()
    if (IS_RESP3[type] === 1 && (this.version === 2 || type === ATTRIBUTE)) this.canonical = false
    if (type !== BULK_STRING && this.depth === 1) this.isCommand = false
    if (kind === Line) return this.line(bytes, start, at, end)
    const value = this.number(bytes, at, end)
    if (value === INCOMPLETE) return this.broken ? -1 : this.pause(at - start, 1)
    if (type === INTEGER) return this.digitsEnd
    const each = ELEMENTS[type]!
    if (value < 0 || Object.is(value, -0)) {
      if (value !== -1 || (type !== ARRAY && type !== BULK_STRING)) return this.fail()
      // RESP2 has two forms of null, of which one is enough; RESP3 has one of its own.
      if (type === ARRAY || this.version === 3) this.canonical = false
      if (this.depth <= 1) this.isCommand = false
      return this.digitsEnd
    }
    if (each === 0) {
      if (value > MAX_BULK_BYTES) return this.fail()
      this.body = value
      return this.digitsEnd
    }
    return this.open(type, value * each)
  }

  private open(type: number, count: number): number {
    // An attribute stands before the value that it tells of, and is complete with it.
    if (type === ATTRIBUTE) count++
    if (count === 0) return this.digitsEnd
    this.elements += count
    if (this.elements > MAX_ELEMENTS || this.depth >= MAX_DEPTH) return this.fail()
    this.left[this.depth++] = count
    this.opened = true
    return this.digitsEnd
  }

  /** The number behind the type at `at`, whose end is then `digitsEnd`. */
  private number(bytes: Buffer, at: number, end: number): number {
    let position = at + 1
    const negative = bytes[position] === ERROR && position < end
    if (negative) position++
    const first = position
    let value = 0
    for (; position < end; position++) {
      const digit = bytes[position]! - 48
      if (digit < 0 || digit > 9) break
      value = value * 10 + digit
    }
    const digits = position - first
    if (digits > MAX_DIGITS) return this.failNumber()
    if (position >= end) return INCOMPLETE
    if (digits === 0 || bytes[position] !== CR) return this.failNumber()
    if (position + 1 >= end) return INCOMPLETE
    if (bytes[position + 1] !== LF) return this.failNumber()
    if (digits === MAX_DIGITS && !fitsInteger(bytes, first, position, negative)) return this.failNumber()
    if (bytes[first] === 48 && (digits > 1 || negative)) this.canonical = false
    this.digitsEnd = position + 2
    // What is lost of large numbers is not looked at: lengths and counts have their limits.
    return negative ? -value : value
  }

  private failNumber(): number {
    this.broken = true
    return INCOMPLETE
  }

  private line(bytes: Buffer, start: number, at: number, end: number): number {
    let position = Math.max(at + 1, start + this.lineOffset)
    while (position < end && bytes[position] !== CR) position++
    if (position - at > MAX_LINE_BYTES) return this.fail()
    if (position + 1 >= end) {
      this.lineOffset = position - start
      return this.pause(at - start, 1)
    }
    this.lineOffset = 0
    if (bytes[position + 1] !== LF || !isLine(bytes, at, position)) return this.fail()
    return position + 2
  }

  private note(from: number, to: number): void {
    this.starts[this.count] = from
    this.ends[this.count++] = to
  }

  private pause(offset: number, missing: number): number {
    this.offset = offset
    this.missing = missing
    // A value that has only begun begins anew, with all that is known of it.
    if (offset === 0) this.depth = 0
    return -1
  }

  private fail(): number {
    this.broken = true
    return -1
  }
}

function fitsInteger(bytes: Buffer, first: number, end: number, negative: boolean): boolean {
  const value = BigInt(bytes.latin1Slice(first, end))
  return negative ? value <= MAX_INTEGER : value < MAX_INTEGER
}

/** Null has nothing behind its type, and a boolean one of two letters. */
function isLine(bytes: Buffer, at: number, end: number): boolean {
  const type = bytes[at]
  if (type === NULL) return end === at + 1
  return type !== BOOLEAN || (end === at + 2 && (bytes[at + 1] === 0x74 || bytes[at + 1] === 0x66))
}
