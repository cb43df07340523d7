// HOT FILE (docs/hot-path.md): what may stand in a head (RFC 9113, 8.2 and 8.3), checked field by field.
import type { HeaderName } from '../../../header-name.ts'
import { HeaderName as Names } from '../../../header-name.ts'
import { HeaderMap } from '../../../headers.ts'
import { HOST } from '../../../known-headers.ts'
import { IS_BAD_TARGET, IS_BAD_VALUE, IS_TOKEN, SPACE, TAB } from '../../http1/characters.ts'
import type { HeadLimits } from '../../http1/head-scanner.ts'
import type { DecodeTable } from './decode-table.ts'
import { ENTRY_OVERHEAD } from './decode-table.ts'
import * as Kind from './field-kind.ts'
import type { StaticEntry } from './static-table.ts'

/** Which pseudo-headers may come. */
export const RequestHead = 0
export const ResponseHead = 1
export const Trailers = 2
export type HeadMode = typeof RequestHead | typeof ResponseHead | typeof Trailers

/** Nothing is wrong. */
export const HeadValid = 0
export const HeadInvalidField = 1
/** Valid fields that do not make a message. */
export const HeadViolation = 2
export const HeadTooManyFields = 3
export const HeadTooLarge = 4
export const HeadUnderscore = 5
export type HeadFailure = 0 | 1 | 2 | 3 | 4 | 5

const REQUEST_PSEUDO =
  (1 << Kind.Authority) | (1 << Kind.Method) | (1 << Kind.Path) | (1 << Kind.Scheme) | (1 << Kind.Protocol)
const ALLOWED_PSEUDO = [REQUEST_PSEUDO, 1 << Kind.Status, 0]

const COOKIE = Names.of('cookie')
const TRAILERS = Buffer.from('trailers')
const HOST_SEEN = 1 << Kind.Host
const COLON = 58
const UNDERSCORE = 95

/** 1 for bytes of a lower-case field name. */
const IS_NAME = new Uint8Array(256)
/** 1 for bytes of an authority without userinfo (RFC 3986, 3.2). */
const IS_AUTHORITY = new Uint8Array(256)
const IS_SCHEME = new Uint8Array(256)
/** IS_BAD_VALUE with everything above ASCII. */
const IS_BAD_ASCII = new Uint8Array(256)
for (let i = 0; i < 256; i++) {
  IS_NAME[i] = i >= 65 && i <= 90 ? 0 : IS_TOKEN[i]!
  IS_BAD_ASCII[i] = i >= 128 ? 1 : IS_BAD_VALUE[i]!
}
for (const c of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:[]%") {
  IS_AUTHORITY[c.charCodeAt(0)] = 1
}
for (const c of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-.') IS_SCHEME[c.charCodeAt(0)] = 1

/** Kinds of the names that have a presence bit, by word and number of the bit. */
const KNOWN_KINDS = [new Uint8Array(32), new Uint8Array(32), new Uint8Array(32)] as const
for (const name of ['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'te', 'host']) {
  markKind(name)
}
markKind('content-length')
function markKind(text: string): void {
  const name = Names.of(text)
  KNOWN_KINDS[name.word][31 - Math.clz32(name.bit)] = Kind.kindOf(text)
}

/** Puts one head together; one per thread serves all connections, since no head is under way between two blocks. */
export class HeadAssembler {
  headers: HeaderMap = HeaderMap.acquire()
  failure: HeadFailure = HeadValid
  /** Lines dropped for their underscore. */
  droppedUnderscores = 0
  /** Cookie lines: more than one are joined by `finish`. */
  cookies = 0
  protocol = ''
  mode: HeadMode = RequestHead
  /** Bit per kind of pseudo-header seen. */
  seen = 0
  private allowed = 0
  private regularSeen = false
  private fields = 0
  private listBytes = 0
  private maxFields = 0
  private maxBytes = 0
  private underscores: HeadLimits['underscores'] = 'ALLOW'
  private badValue = IS_BAD_VALUE

  /** Begins a head; its lines go to a fresh HeaderMap. */
  begin(mode: HeadMode, limits: HeadLimits, disallowObsText: boolean): void {
    this.headers = HeaderMap.acquire()
    this.failure = HeadValid
    this.droppedUnderscores = 0
    this.cookies = 0
    this.protocol = ''
    this.mode = mode
    this.seen = 0
    this.allowed = ALLOWED_PSEUDO[mode]!
    this.regularSeen = false
    this.fields = 0
    this.listBytes = 0
    this.maxFields = limits.maxCount
    this.maxBytes = limits.maxBytes
    this.underscores = limits.underscores
    this.badValue = disallowObsText ? IS_BAD_ASCII : IS_BAD_VALUE
  }

  saw(kind: Kind.FieldKind): boolean {
    return (this.seen & (1 << kind)) !== 0
  }

  addStatic(entry: StaticEntry): void {
    const { kind, valueBytes, value } = entry
    if (!this.accept(kind, entry.name.length + value.length, valueBytes, 0, valueBytes.length)) return
    // An authority or path that is empty.
    if (value === '' && kind !== Kind.Regular && kind <= Kind.Protocol) this.fail(HeadInvalidField)
    else if (kind >= Kind.Method && kind <= Kind.Protocol) {
      this.setPseudo(kind, valueBytes, 0, valueBytes.length, value)
    } else this.headers.append(entry.header, value)
  }

  addEntry(table: DecodeTable, slot: number): void {
    const kind = table.kindOf(slot)
    const start = table.startOf(slot)
    const nameLength = table.nameLengthOf(slot)
    const end = start + table.lineLengthOf(slot)
    const { bytes } = table
    if (!this.accept(kind, table.sizeOf(slot) - ENTRY_OVERHEAD, bytes, start + nameLength + 2, end - 2)) return
    if (kind >= Kind.Method && kind <= Kind.Protocol) {
      this.setPseudo(kind, bytes, start + nameLength + 2, end - 2, table.textOf(slot))
    } else {
      const { view } = table
      this.headers.copyLine(
        view,
        start,
        end,
        nameLength,
        table.printOf(slot),
        table.headerOf(slot),
        table.tokenOf(slot),
      )
    }
  }

  /** Counts a field and says whether it becomes part of the head. `kind` is negative for an invalid value. */
  accept(kind: Kind.FieldKind, size: number, bytes: Uint8Array, valueStart: number, valueEnd: number): boolean {
    this.listBytes += size
    if (++this.fields > this.maxFields) return this.fail(HeadTooManyFields)
    if (this.listBytes > this.maxBytes) return this.fail(HeadTooLarge)
    if (this.failure !== HeadValid) return false
    if (kind === Kind.Regular) {
      this.regularSeen = true
      return true
    }
    if (kind < 0) return this.fail(HeadInvalidField)
    if (kind <= Kind.UnknownPseudo) {
      const bit = 1 << kind
      if (this.regularSeen || (this.seen & bit) !== 0 || (this.allowed & bit) === 0) return this.fail(HeadInvalidField)
      this.seen |= bit
      return true
    }
    this.regularSeen = true
    return this.acceptSpecial(kind, bytes, valueStart, valueEnd)
  }

  private acceptSpecial(kind: Kind.FieldKind, bytes: Uint8Array, valueStart: number, valueEnd: number): boolean {
    switch (kind) {
      case Kind.Cookie:
        this.cookies++
        return true
      case Kind.ContentLength:
        return this.mode !== Trailers
      case Kind.Te:
        return isTrailers(bytes, valueStart, valueEnd) || this.fail(HeadInvalidField)
      case Kind.Host:
        return this.acceptHost(bytes, valueStart, valueEnd)
      case Kind.Underscored:
        if (this.underscores === 'REJECT_REQUEST') return this.fail(HeadUnderscore)
        this.droppedUnderscores++
        return false
      default:
        return this.fail(HeadInvalidField)
    }
  }

  /** `host` stands in for a missing authority; beside one it must say the same, and is dropped (RFC 9113, 8.3.1). */
  private acceptHost(bytes: Uint8Array, valueStart: number, valueEnd: number): boolean {
    if (this.mode !== RequestHead) return this.mode === ResponseHead
    const { headers } = this
    const index = headers.find(HOST, 0)
    if ((this.seen & HOST_SEEN) !== 0) return this.fail(HeadInvalidField)
    this.seen |= HOST_SEEN
    if (index < 0) {
      return isAuthority(bytes, valueStart, valueEnd) || this.fail(HeadInvalidField)
    }
    const same = equalBytes(
      bytes,
      valueStart,
      valueEnd,
      headers.bytes,
      headers.valueStartAt(index),
      headers.valueEndAt(index),
    )
    if (!same || !this.saw(Kind.Authority)) this.fail(HeadInvalidField)
    return false
  }

  setPseudo(kind: Kind.FieldKind, bytes: Uint8Array, start: number, end: number, text: string): void {
    const { headers } = this
    switch (kind) {
      case Kind.Method:
        headers.method = text
        break
      case Kind.Scheme:
        headers.scheme = text
        break
      case Kind.Path:
        if (bytes !== headers.bytes) headers.copyPath(bytes, start, end)
        else {
          headers.pathStart = start
          headers.pathEnd = end
        }
        break
      case Kind.Status:
        headers.status = (bytes[start]! - 48) * 100 + (bytes[start + 1]! - 48) * 10 + (bytes[start + 2]! - 48)
        break
      default:
        this.protocol = text
    }
  }

  /** What the name [start, end) means; BadName when it is none. */
  kindOfName(bytes: Buffer, start: number, end: number, print: number, known: HeaderName | undefined): Kind.FieldKind {
    if (known !== undefined) return KNOWN_KINDS[known.word][31 - Math.clz32(known.bit)]!
    if (end === start) return Kind.BadName
    if (bytes[start] === COLON) return Kind.kindOf(bytes.latin1Slice(start, end))
    let underscore = false
    for (let i = start; i < end; i++) {
      const c = bytes[i]!
      if (IS_NAME[c] === 0) return Kind.BadName
      if (c === UNDERSCORE) underscore = true
    }
    if (underscore && this.underscores !== 'ALLOW') return Kind.Underscored
    return print === COOKIE.print && COOKIE.matches(bytes, start, end) ? Kind.Cookie : Kind.Regular
  }

  /** Whether the value [start, end) is one for that kind of field. */
  checkValue(kind: Kind.FieldKind, bytes: Buffer, start: number, end: number): boolean {
    const bad = this.badValue
    for (let i = start; i < end; i++) if (bad[bytes[i]!] === 1) return false
    if (kind > 0 && kind <= Kind.Protocol) return checkPseudo(kind, bytes, start, end)
    if (end === start) return true
    const first = bytes[start]!
    const last = bytes[end - 1]!
    return first !== SPACE && first !== TAB && last !== SPACE && last !== TAB
  }

  fail(failure: HeadFailure): false {
    if (this.failure === HeadValid) this.failure = failure
    return false
  }
}

function checkPseudo(kind: Kind.FieldKind, bytes: Buffer, start: number, end: number): boolean {
  switch (kind) {
    case Kind.Authority:
      return isAuthority(bytes, start, end)
    case Kind.Path:
      for (let i = start; i < end; i++) if (IS_BAD_TARGET[bytes[i]!] === 1) return false
      return end > start
    case Kind.Scheme:
      return all(IS_SCHEME, bytes, start, end)
    case Kind.Status:
      return end - start === 3 && isStatus(bytes, start)
    default:
      return all(IS_TOKEN, bytes, start, end)
  }
}

const isDigit = (c: number): boolean => c >= 48 && c <= 57
const isStatus = (bytes: Buffer, at: number): boolean =>
  bytes[at]! >= 49 && bytes[at]! <= 57 && isDigit(bytes[at + 1]!) && isDigit(bytes[at + 2]!)

const isAuthority = (bytes: Uint8Array, start: number, end: number): boolean => all(IS_AUTHORITY, bytes, start, end)

/** Not empty, and all bytes are of `table`. */
function all(table: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (table[bytes[i]!] === 0) return false
  return end > start
}

function equalBytes(a: Uint8Array, aStart: number, aEnd: number, b: Uint8Array, bStart: number, bEnd: number): boolean {
  if (aEnd - aStart !== bEnd - bStart) return false
  for (let i = aStart, k = bStart; i < aEnd; i++, k++) if (a[i] !== b[k]) return false
  return true
}

function isTrailers(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start !== TRAILERS.length) return false
  for (let i = 0; i < TRAILERS.length; i++) if ((bytes[start + i]! | 0x20) !== TRAILERS[i]) return false
  return true
}
