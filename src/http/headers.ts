// HOT FILE (docs/hot-path.md): heads are kept as the bytes they came in; strings are made when somebody asks.

import { byteSizeOf, joinLines, namesOf } from './header-lines.ts'
import { fingerprint, HeaderName } from './header-name.ts'
import { HOST, knownName } from './known-headers.ts'
import type { PreparedLine } from './prepared-line.ts'

const NAME_END = 1
const VALUE_END = 2
const PRINT = 3
const TOKEN = 4
const WIDTH = 5
const REMOVED = -1
const WORD = 4
const CR = 13
const LF = 10

const INITIAL_BYTES = 2048
const INITIAL_ENTRIES = 48
/** Grown maps above this are not kept for reuse: one large head must not hold memory for ever. */
const KEEP_BYTES = 16384
const MAX_SPARE = 256

const spare: HeaderMap[] = []

/**
 * The head (or the trailers) of one message. Lines stand in `bytes` as `name: value\r\n`, names in lower case, values
 * byte for byte as they came (latin1). `entries` points into them, in order, so encoding copies whole runs of lines.
 *
 * A request's path and method, and a response's status, are fields of their own; the authority is the `host` line.
 */
export class HeaderMap {
  bytes: Buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES)
  /** The same bytes, for copies in words. */
  private view = new DataView(this.bytes.buffer)
  size = 0
  entries = new Int32Array(INITIAL_ENTRIES * WIDTH)
  /** Entries in use, removed ones included. */
  length = 0
  /** Presence bits of known names, see known-headers.ts. */
  known0 = 0
  known1 = 0
  known2 = 0
  /** A known name came more than once: see joinRepeated. */
  repeated = false
  /** 'GET'; '' in responses. */
  method = ''
  /** 'http' or 'https'; '' in responses. */
  scheme = ''
  status = 0
  /** In place of the status's own, towards HTTP/1 clients; null: that. */
  reasonPhrase: string | null = null
  /** Lower-case name -> name as it came; only where a codec preserves case. */
  originalNames: Map<string, string> | null = null
  /** Names that are not among `originalNames` are written In-Proper-Case. */
  othersInProperCase = false
  /** The path as bytes [pathStart, pathEnd) of `bytes`; -1 once it was replaced by a string. */
  pathStart = 0
  pathEnd = 0
  private pathText: string | null = null
  private live = 0

  /** A clean map, reused where possible. Pair with `release`. */
  static acquire(): HeaderMap {
    return spare.pop() ?? new HeaderMap()
  }

  /** Gives the map back. Nobody may use it afterwards. */
  static release(map: HeaderMap): void {
    if (spare.length >= MAX_SPARE || map.bytes.length > KEEP_BYTES) return
    map.clear()
    spare.push(map)
  }

  clear(): void {
    this.size = 0
    this.length = 0
    this.known0 = 0
    this.known1 = 0
    this.known2 = 0
    this.repeated = false
    this.method = ''
    this.scheme = ''
    this.status = 0
    this.reasonPhrase = null
    this.originalNames = null
    this.othersInProperCase = false
    this.pathStart = 0
    this.pathEnd = 0
    this.pathText = null
    this.live = 0
  }

  // ---- building, used by codecs

  /** Makes room for `more` bytes behind `size`. */
  ensure(more: number): void {
    const need = this.size + more
    if (need <= this.bytes.length) return
    let capacity = this.bytes.length * 2
    while (capacity < need) capacity *= 2
    const grown = Buffer.allocUnsafeSlow(capacity)
    this.bytes.copy(grown, 0, 0, this.size)
    this.bytes = grown
    this.view = new DataView(grown.buffer)
  }

  /** Records the line whose bytes already stand at [start, valueEnd) followed by CRLF. */
  addLine(start: number, nameEnd: number, valueEnd: number): HeaderName | undefined {
    const print = fingerprint(this.bytes, start, nameEnd)
    const name = knownName(this.bytes, start, nameEnd, print)
    this.addKnownLine(start, nameEnd, valueEnd, print, name)
    return name
  }

  /** As addLine, where the name's fingerprint and what it is among the known ones have been looked up already. */
  addKnownLine(start: number, nameEnd: number, valueEnd: number, print: number, name: HeaderName | undefined): void {
    let at = this.length * WIDTH
    if (at === this.entries.length) {
      const grown = new Int32Array(at * 2)
      grown.set(this.entries)
      this.entries = grown
    }
    const { entries } = this
    entries[at++] = start
    entries[at++] = nameEnd
    entries[at++] = valueEnd
    entries[at++] = print
    entries[at] = 0
    this.length++
    this.live++
    if (name !== undefined) this.mark(name)
  }

  /**
   * Adds the line [start, end) of `from`, which ends with CRLF, with what is known of its name. `token`: the same for the
   * same line in this thread, so that an encoder need not compare it with what it has sent before.
   */
  copyLine(
    from: DataView,
    start: number,
    end: number,
    nameLength: number,
    print: number,
    name: HeaderName | undefined,
    token: number,
  ): void {
    const size = end - start
    this.ensure(size + WORD)
    const { view, size: at } = this
    // In words: twice as fast as bytes, and as a call into native code at this size. (bench: http2-codec)
    const last = from.byteLength - WORD
    let i = 0
    for (; i < size && start + i <= last; i += WORD) view.setInt32(at + i, from.getInt32(start + i))
    for (; i < size; i++) view.setInt8(at + i, from.getInt8(start + i))
    this.size = at + size
    this.addKnownLine(at, at + nameLength, this.size - 2, print, name)
    this.entries[this.length * WIDTH - 1] = token
  }

  /** Takes bytes [start, end) of `from` as the path. */
  copyPath(from: Uint8Array, start: number, end: number): void {
    this.ensure(end - start)
    const { bytes } = this
    let at = this.size
    this.pathStart = at
    for (let i = start; i < end; i++) bytes[at++] = from[i]!
    this.pathEnd = this.size = at
  }

  private mark(name: HeaderName): void {
    if (name.word === 0) {
      if ((this.known0 & name.bit) !== 0) this.repeated = true
      this.known0 |= name.bit
    } else if (name.word === 1) {
      if ((this.known1 & name.bit) !== 0) this.repeated = true
      this.known1 |= name.bit
    } else {
      if ((this.known2 & name.bit) !== 0) this.repeated = true
      this.known2 |= name.bit
    }
  }

  /** Joins repeated lines of names the proxy knows with a comma, as Envoy does (RFC 9110, 5.3); others stay apart. */
  joinRepeated(): void {
    this.repeated = false
    joinLines(this)
  }

  // ---- reading

  /** Number of lines, `host` included. */
  get count(): number {
    return this.live
  }

  has(name: HeaderName): boolean {
    return this.find(name, 0) >= 0
  }

  /** Index of the first entry at or after `from` with that name, or -1. */
  find(name: HeaderName, from: number): number {
    if (name.bit !== 0 && (this.wordOf(name) & name.bit) === 0) return -1
    const { entries, bytes, length } = this
    const { print } = name
    for (let i = from; i < length; i++) {
      const at = i * WIDTH
      if (entries[at + PRINT] === print && entries[at] !== REMOVED) {
        if (name.matches(bytes, entries[at]!, entries[at + NAME_END]!)) return i
      }
    }
    return -1
  }

  private wordOf({ word }: HeaderName): number {
    return word === 0 ? this.known0 : word === 1 ? this.known1 : this.known2
  }

  /** Value of entry `index`, as latin1. */
  valueAt(index: number): string {
    const at = index * WIDTH
    return this.bytes.latin1Slice(this.entries[at + NAME_END]! + 2, this.entries[at + VALUE_END]!)
  }

  nameAt(index: number): string {
    const at = index * WIDTH
    return this.bytes.latin1Slice(this.entries[at]!, this.entries[at + NAME_END]!)
  }

  nameStartAt(index: number): number {
    return this.entries[index * WIDTH]!
  }

  nameEndAt(index: number): number {
    return this.entries[index * WIDTH + NAME_END]!
  }

  /** Fingerprint of the name of entry `index`. */
  printAt(index: number): number {
    return this.entries[index * WIDTH + PRINT]!
  }

  /** Token of entry `index`, see copyLine; 0: none. */
  tokenAt(index: number): number {
    return this.entries[index * WIDTH + TOKEN]!
  }

  valueLengthAt(index: number): number {
    const at = index * WIDTH
    return this.entries[at + VALUE_END]! - this.entries[at + NAME_END]! - 2
  }

  /** First byte of the value of entry `index` in `bytes`. */
  valueStartAt(index: number): number {
    return this.entries[index * WIDTH + NAME_END]! + 2
  }

  valueEndAt(index: number): number {
    return this.entries[index * WIDTH + VALUE_END]!
  }

  isRemoved(index: number): boolean {
    return this.entries[index * WIDTH] === REMOVED
  }

  /** The first value of that name. */
  get(name: HeaderName): string | undefined {
    const index = this.find(name, 0)
    return index < 0 ? undefined : this.valueAt(index)
  }

  /** All values, in order. */
  getAll(name: HeaderName): string[] {
    const values: string[] = []
    for (let i = this.find(name, 0); i >= 0; i = this.find(name, i + 1)) values.push(this.valueAt(i))
    return values
  }

  /** As `get`, for names only known as text; understands ':method', ':path', ':authority', ':scheme' and ':status'. */
  lookup(name: string): string | undefined {
    if (name.charCodeAt(0) !== 58) return this.get(HeaderName.of(name))
    switch (name) {
      case ':method':
        return this.method === '' ? undefined : this.method
      case ':path':
        return this.hasPath ? this.path : undefined
      case ':authority':
        return this.method === '' ? undefined : this.get(HOST)
      case ':scheme':
        return this.scheme === '' ? undefined : this.scheme
      case ':status':
        return this.status === 0 ? undefined : String(this.status)
      default:
        return undefined
    }
  }

  joined(name: string): string | undefined {
    if (name.charCodeAt(0) === 58) return this.lookup(name)
    const values = this.getAll(HeaderName.named(name))
    return values.length === 0 ? undefined : values.join(',')
  }

  names(): readonly string[] {
    return namesOf(this)
  }

  /** Calls `visit` for each line in order; pseudo headers are not lines, `host` is. */
  forEach(visit: (name: string, value: string) => void): void {
    for (let i = 0; i < this.length; i++) if (!this.isRemoved(i)) visit(this.nameAt(i), this.valueAt(i))
  }

  /** Bytes of all names and values, pseudo headers included, as Envoy's HeaderMap::byteSize counts them. */
  get byteSize(): number {
    return byteSizeOf(this)
  }

  // ---- request line

  get hasPath(): boolean {
    return this.pathText === null ? this.pathEnd > this.pathStart : this.pathText !== ''
  }

  /** Path with query, '' when there is none. */
  get path(): string {
    return (this.pathText ??= this.bytes.latin1Slice(this.pathStart, this.pathEnd))
  }

  set path(value: string) {
    this.pathText = value
    this.pathStart = this.pathEnd = -1
  }

  get pathIsBytes(): boolean {
    return this.pathStart >= 0
  }

  /** '' when the request has none. */
  get authority(): string {
    return this.get(HOST) ?? ''
  }

  set authority(value: string) {
    this.set(HOST, value)
  }

  // ---- changing

  /** Adds one more line at the end. `value` is latin1 without CR, LF or NUL. */
  append(name: HeaderName, value: string): void {
    const start = this.writeLine(name, value)
    const nameEnd = start + name.bytes.length
    this.addLine(start, nameEnd, this.size - 2)
  }

  /** Adds a line prepared at plan time. */
  appendPrepared({ name, view, bytes, token }: PreparedLine): void {
    this.copyLine(view, 0, bytes.length, name.bytes.length, name.print, name.bit === 0 ? undefined : name, token)
  }

  /** As `set`, with a prepared line: an encoder that knows it need not look at it. */
  setPrepared(line: PreparedLine): void {
    const { name } = line
    const { repeated } = this
    const index = this.find(name, 0)
    this.appendPrepared(line)
    if (index < 0) return
    this.repeated = repeated
    // It takes the place of the first one of its name.
    const last = --this.length * WIDTH
    this.live--
    this.entries.copyWithin(index * WIDTH, last, last + WIDTH)
    for (let i = this.find(name, index + 1); i >= 0; i = this.find(name, i + 1)) this.removeAt(i)
  }

  /** Replaces the first line of that name in place and drops its others; appends when there is none. */
  set(name: HeaderName, value: string): void {
    const index = this.find(name, 0)
    if (index < 0) {
      this.append(name, value)
      return
    }
    const start = this.writeLine(name, value)
    const at = index * WIDTH
    this.entries[at] = start
    this.entries[at + NAME_END] = start + name.bytes.length
    this.entries[at + VALUE_END] = this.size - 2
    this.entries[at + TOKEN] = 0
    for (let i = this.find(name, index + 1); i >= 0; i = this.find(name, i + 1)) this.removeAt(i)
  }

  /** As `set`, for one of few names only known as text. */
  put(name: string, value: string): void {
    this.set(HeaderName.of(name), value)
  }

  /** Changes one byte of the value of entry `index`. */
  setValueByte(index: number, offset: number, byte: number): void {
    const at = index * WIDTH
    this.bytes[this.entries[at + NAME_END]! + 2 + offset] = byte
    this.entries[at + TOKEN] = 0
  }

  /** Removes all lines of that name; true when there was one. */
  remove(name: HeaderName): boolean {
    let index = this.find(name, 0)
    if (index < 0) return false
    for (; index >= 0; index = this.find(name, index + 1)) this.removeAt(index)
    if (name.word === 0) this.known0 &= ~name.bit
    else if (name.word === 1) this.known1 &= ~name.bit
    else this.known2 &= ~name.bit
    return true
  }

  /** Removes one line. The presence bit of its name stays: it only promises that a search may find something. */
  removeAt(index: number): void {
    this.entries[index * WIDTH] = REMOVED
    this.live--
  }

  private writeLine(name: HeaderName, value: string): number {
    this.ensure(name.prefix.length + value.length + 2)
    const start = this.size
    const { bytes } = this
    const { prefix } = name
    for (let i = 0; i < prefix.length; i++) bytes[start + i] = prefix[i]!
    let at = start + prefix.length
    // Short values are cheaper byte by byte than through a call into native code. (bench: h1)
    if (value.length <= 24) for (let i = 0; i < value.length; i++) bytes[at++] = value.charCodeAt(i)
    else at += bytes.latin1Write(value, at)
    bytes[at] = CR
    bytes[at + 1] = LF
    this.size = at + 2
    return start
  }

  /** A copy that outlives this map: path and lines. */
  clone(): HeaderMap {
    const copy = HeaderMap.acquire()
    copy.ensure(this.size)
    this.bytes.copy(copy.bytes, 0, 0, this.size)
    copy.size = this.size
    if (copy.entries.length < this.length * WIDTH) copy.entries = new Int32Array(this.entries.length)
    copy.entries.set(this.entries.subarray(0, this.length * WIDTH))
    copy.length = this.length
    copy.live = this.live
    copy.known0 = this.known0
    copy.known1 = this.known1
    copy.known2 = this.known2
    copy.method = this.method
    copy.scheme = this.scheme
    copy.status = this.status
    copy.pathStart = this.pathStart
    copy.pathEnd = this.pathEnd
    copy.pathText = this.pathText
    return copy
  }

  // ---- encoding

  /** Upper bound of what encodeLines writes. */
  get encodedSize(): number {
    return this.size
  }

  /**
   * Writes all lines to `out` from `at` on, `host` first; returns the position behind them. Lines that stand side by
   * side in `bytes` are copied as one run.
   */
  encodeLines(out: Buffer, at: number): number {
    const { entries, bytes, length } = this
    const hostIndex = this.method === '' ? -1 : this.find(HOST, 0)
    if (hostIndex > 0)
      at = copyRun(bytes, entries[hostIndex * WIDTH]!, entries[hostIndex * WIDTH + VALUE_END]! + 2, out, at)
    let runStart = 0
    let runEnd = 0
    for (let i = 0; i < length; i++) {
      const entry = i * WIDTH
      const start = entries[entry]!
      if (start === REMOVED || (i === hostIndex && i > 0)) continue
      const end = entries[entry + VALUE_END]! + 2
      if (start === runEnd) runEnd = end
      else {
        if (runEnd > runStart) at = copyRun(bytes, runStart, runEnd, out, at)
        runStart = start
        runEnd = end
      }
    }
    return runEnd > runStart ? copyRun(bytes, runStart, runEnd, out, at) : at
  }
}

function copyRun(from: Buffer, start: number, end: number, to: Buffer, at: number): number {
  const size = end - start
  // Below this size a loop beats the call into native code. (bench: h1)
  if (size < 64) for (let i = 0; i < size; i++) to[at + i] = from[start + i]!
  else from.copy(to, at, start, end)
  return at + size
}
