// HOT FILE (docs/hot-path.md): HPACK (RFC 7541) from header block to the lines of a HeaderMap, without strings between.
import type { HeaderName } from '../../../header-name.ts'
import { fingerprint } from '../../../header-name.ts'
import type { HeaderMap } from '../../../headers.ts'
import { knownName } from '../../../known-headers.ts'
import { CR, LF } from '../../http1/characters.ts'
import { DEFAULT_TABLE_BYTES } from '../constants.ts'
import { DecodeTable, ENTRY_OVERHEAD } from './decode-table.ts'
import { Authority, Method, Path, Protocol, Scheme } from './field-kind.ts'
import type { HeadAssembler } from './head-assembler.ts'
import { decodeHuffman } from './huffman.ts'
import { STATIC_ENTRIES, STATIC_TABLE } from './static-table.ts'

const MAX_INTEGER = 0xfffffff

export class HpackDecoder {
  readonly table = new DecodeTable()
  /** What our SETTINGS allow, once the peer has acknowledged them. */
  private tableLimit = DEFAULT_TABLE_BYTES
  /** The limit shrank: the next block must begin by saying so (RFC 7541, 4.2). */
  private mustShrink = false
  private readonly maxFieldBytes: number
  /** Position behind the integer or string read last. */
  private position = 0

  constructor(maxFieldBytes: number) {
    this.maxFieldBytes = maxFieldBytes
  }

  setTableLimit(bytes: number): void {
    this.tableLimit = bytes
    if (this.table.maxSize > bytes) this.mustShrink = true
  }

  /** Decodes a whole block. False: it is broken, and so is the connection (RFC 7541, 2.3.3 and 4.3). */
  decode(block: Buffer, start: number, end: number, head: HeadAssembler): boolean {
    let i = this.readSizeUpdates(block, start, end)
    if (i < 0) return false
    const { table } = this
    while (i < end) {
      const byte = block[i]!
      if (byte < 128) {
        // A size update behind the first field is an error, like a literal that ends too early.
        if ((byte & 0xe0) === 0x20) return false
        i = this.readLiteral(block, i, end, head)
        if (i < 0) return false
        continue
      }
      let index = byte & 127
      if (index === 127) {
        index = this.readInteger(block, i, end, 127)
        i = this.position
      } else i++
      if (index <= STATIC_ENTRIES) {
        if (index <= 0) return false
        head.addStatic(STATIC_TABLE[index]!)
      } else {
        index -= STATIC_ENTRIES + 1
        if (index >= table.count) return false
        head.addEntry(table, table.slot(index))
      }
    }
    return true
  }

  private readSizeUpdates(block: Buffer, i: number, end: number): number {
    while (i < end && (block[i]! & 0xe0) === 0x20) {
      const size = this.readInteger(block, i, end, 31)
      if (size < 0 || size > this.tableLimit) return -1
      this.table.setMaxSize(size)
      this.mustShrink = false
      i = this.position
    }
    return this.mustShrink ? -1 : i
  }

  /** Returns the position behind the field, -1 when it is broken. */
  private readLiteral(block: Buffer, i: number, end: number, head: HeadAssembler): number {
    const { headers } = head
    const indexing = (block[i]! & 0x40) !== 0
    const index = this.readInteger(block, i, end, indexing ? 63 : 15)
    if (index < 0) return -1
    const start = headers.size
    let nameLength: number
    let print: number
    let kind: number
    let header: HeaderName | undefined
    if (index === 0) {
      const nameEnd = this.readString(block, this.position, end, headers, start)
      if (nameEnd < 0) return -1
      nameLength = nameEnd - start
      print = nameLength === 0 ? 0 : fingerprint(headers.bytes, start, nameEnd)
      header = nameLength === 0 ? undefined : knownName(headers.bytes, start, nameEnd, print)
      kind = head.kindOfName(headers.bytes, start, nameEnd, print, header)
      if (kind === Authority) {
        // The authority's line is `host`, whatever its name on the wire.
        const entry = STATIC_TABLE[1]!
        nameLength = putName(headers, start, entry.header)
        print = entry.header.print
        header = entry.header
      }
    } else if (index <= STATIC_ENTRIES) {
      const entry = STATIC_TABLE[index]!
      nameLength = putName(headers, start, entry.header)
      print = entry.header.print
      kind = entry.kind
      header = entry.header.bit === 0 ? undefined : entry.header
    } else {
      const { table } = this
      if (index - STATIC_ENTRIES > table.count) return -1
      const slot = table.slot(index - STATIC_ENTRIES - 1)
      nameLength = table.nameLengthOf(slot)
      print = table.printOf(slot)
      kind = table.kindOf(slot)
      if (kind < 0) kind = ~kind
      header = table.headerOf(slot)
      headers.ensure(nameLength + 2)
      const { bytes } = headers
      const from = table.startOf(slot)
      for (let i = 0; i < nameLength; i++) bytes[start + i] = table.bytes[from + i]!
    }
    return this.readValue(block, end, head, indexing, start, nameLength, print, kind, header)
  }

  private readValue(
    block: Buffer,
    end: number,
    head: HeadAssembler,
    indexing: boolean,
    start: number,
    nameLength: number,
    print: number,
    kind: number,
    header: HeaderName | undefined,
  ): number {
    const { headers } = head
    const valueStart = start + nameLength + 2
    const valueEnd = this.readString(block, this.position, end, headers, valueStart)
    if (valueEnd < 0) return -1
    const next = this.position
    const { bytes } = headers
    bytes[valueStart - 2] = 58
    bytes[valueStart - 1] = 32
    bytes[valueEnd] = CR
    bytes[valueEnd + 1] = LF
    if (!head.checkValue(kind, bytes, valueStart, valueEnd)) kind = ~kind
    const text = isText(kind) ? bytes.latin1Slice(valueStart, valueEnd) : ''
    // `:authority` is six bytes longer than `host`.
    const size = valueEnd - valueStart + (kind === Authority || kind === ~Authority ? 10 : nameLength)
    if (indexing) {
      const length = valueEnd + 2 - start
      this.table.insert(bytes, start, nameLength, length, print, kind, size + ENTRY_OVERHEAD, header, text)
    }
    if (!head.accept(kind, size, bytes, valueStart, valueEnd)) return next
    if (kind >= Method && kind <= Protocol) {
      // A path's bytes stay where they are.
      if (kind === Path) headers.size = valueEnd
      head.setPseudo(kind, bytes, valueStart, valueEnd, text)
    } else {
      headers.size = valueEnd + 2
      headers.addKnownLine(start, start + nameLength, valueEnd, print, header)
    }
    return next
  }

  /** Decodes a string to `headers.bytes` at `at`, with room for a line end behind it; returns its end, or -1. */
  private readString(block: Buffer, i: number, end: number, headers: HeaderMap, at: number): number {
    if (i >= end) return -1
    const huffman = block[i]! >= 128
    const length = this.readInteger(block, i, end, 127)
    const from = this.position
    if (length < 0 || length > end - from || length > this.maxFieldBytes) return -1
    this.position = from + length
    // The shortest code has five bits.
    const room = at - headers.size + (huffman ? ((length * 8) / 5) | 0 : length) + 8
    if (headers.size + room > headers.bytes.length) keepAndGrow(headers, at, room)
    const { bytes } = headers
    if (huffman) return decodeHuffman(block, from, from + length, bytes, at)
    if (length < 40) for (let k = 0; k < length; k++) bytes[at + k] = block[from + k]!
    else block.copy(bytes, at, from, from + length)
    return at + length
  }

  /** RFC 7541, 5.1; -1 when it is cut short or larger than anything that is used here. */
  private readInteger(block: Buffer, i: number, end: number, mask: number): number {
    let value = block[i++]! & mask
    if (value === mask) {
      let shift = 0
      let byte: number
      do {
        if (i >= end || shift > 21) return -1
        byte = block[i++]!
        value += (byte & 127) << shift
        shift += 7
      } while (byte >= 128)
      if (value > MAX_INTEGER) return -1
    }
    this.position = i
    return value
  }
}

const isText = (kind: number): boolean => kind === Method || kind === Scheme || kind === Protocol

function putName(headers: HeaderMap, at: number, name: HeaderName): number {
  const { bytes } = name
  headers.ensure(bytes.length + 2)
  const out = headers.bytes
  for (let i = 0; i < bytes.length; i++) out[at + i] = bytes[i]!
  return bytes.length
}

/** Makes room for `room` bytes behind `headers.size`, keeping those up to `at`. */
function keepAndGrow(headers: HeaderMap, at: number, room: number): void {
  const { size } = headers
  headers.size = at
  headers.ensure(room - (at - size))
  headers.size = size
}
