// HOT FILE (docs/hot-path.md): HPACK (RFC 7541) from the lines of a HeaderMap to a header block.
import { fingerprint } from '../../../header-name.ts'
import { DEFAULT_TABLE_BYTES } from '../constants.ts'
import { EncodeTable, fieldHash } from './encode-table.ts'
import { encodeHuffman, huffmanLength } from './huffman.ts'
import { STATIC_ENTRIES, STATIC_TABLE } from './static-table.ts'

const INDEXED = 0x80
const WITH_INDEXING = 0x40
const NEVER_INDEXED = 0x10
const SIZE_UPDATE = 0x20

// Static names by their print; a print stands for one name here, and the bytes are compared anyway.
const STATIC_SLOTS = 256
const staticIndices = new Uint8Array(STATIC_SLOTS)
const staticSlot = (print: number): number => Math.imul(print, 0x9e3779b1) >>> 24
for (let index = STATIC_ENTRIES; index > 0; index--) {
  const { header, name } = STATIC_TABLE[index]!
  if (name.charCodeAt(0) === 58) continue
  let slot = staticSlot(header.print)
  while (staticIndices[slot] !== 0 && STATIC_TABLE[staticIndices[slot]!]!.name !== name) {
    slot = (slot + 1) & (STATIC_SLOTS - 1)
  }
  staticIndices[slot] = index
}

/** Names whose values nobody may guess by watching sizes (RFC 7541, 7.1.3). */
const SENSITIVE = ['authorization', 'proxy-authorization'].map(name => {
  const bytes = Buffer.from(name, 'latin1')
  return { bytes, print: fingerprint(bytes, 0, bytes.length) }
})

export class HpackEncoder {
  private readonly table: EncodeTable
  private readonly limitBytes: number
  private readonly huffman: boolean
  /** Smallest size since the last block; -1: no change to tell. */
  private smallest = -1

  constructor(limitBytes: number, huffman: boolean, tokens: number) {
    this.table = new EncodeTable(tokens)
    this.limitBytes = limitBytes
    this.huffman = huffman
    if (limitBytes < DEFAULT_TABLE_BYTES) this.setPeerLimit(limitBytes)
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  setPeerLimit(bytes: number): void {
    const size = Math.min(bytes, this.limitBytes)
    if (size === this.table.maxSize) return
    this.table.setMaxSize(size)
    this.smallest = this.smallest < 0 ? size : Math.min(this.smallest, size)
  }

  /** Begins a block: tells of a new table size (RFC 7541, 4.2). Takes up to 12 bytes. */
  begin(out: Buffer, p: number): number {
    if (this.smallest < 0) return p
    const { maxSize } = this.table
    if (this.smallest < maxSize) p = putInteger(out, p, SIZE_UPDATE, 31, this.smallest)
    this.smallest = -1
    return putInteger(out, p, SIZE_UPDATE, 31, maxSize)
  }

  /**
   * Writes one field. `staticName`: index of the name in the static table, -1 when not known yet; `token`: of the line, or
   * 0. Takes up to 16 bytes more than name and value.
   */
  putField(
    out: Buffer,
    p: number,
    token: number,
    print: number,
    staticName: number,
    name: Uint8Array,
    nameStart: number,
    nameEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): number {
    const { table } = this
    if (token !== 0) {
      const known = table.findToken(token)
      if (known > 0) return putIndexed(out, p, table.wireIndex(known))
    }
    const nameLength = nameEnd - nameStart
    const valueLength = valueEnd - valueStart
    const hash = fieldHash(print, value, valueStart, valueEnd)
    const known = table.findField(hash, print, name, nameStart, nameLength, value, valueStart, valueLength)
    if (known > 0) {
      if (token !== 0) table.rememberToken(token, known)
      return putIndexed(out, p, table.wireIndex(known))
    }
    let nameIndex = staticName < 0 ? staticNameIndexOf(print, name, nameStart, nameEnd) : staticName
    if (nameIndex === 0) {
      const entry = table.findName(print, name, nameStart, nameLength)
      if (entry > 0) nameIndex = table.wireIndex(entry)
    }
    // A new name gets an entry at once, so that it is sent only once.
    const indexing =
      (nameIndex === 0 || table.seenBefore(hash)) &&
      table.worthAdding(nameLength, valueLength) &&
      !isSensitive(print, name, nameStart, nameEnd)
    if (indexing) p = putInteger(out, p, WITH_INDEXING, 63, nameIndex)
    else p = putInteger(out, p, isSensitive(print, name, nameStart, nameEnd) ? NEVER_INDEXED : 0, 15, nameIndex)
    if (nameIndex === 0) p = this.putString(out, p, name, nameStart, nameEnd)
    p = this.putString(out, p, value, valueStart, valueEnd)
    if (indexing) {
      const number = table.insert(hash, print, name, nameStart, nameLength, value, valueStart, valueLength)
      if (token !== 0) table.rememberToken(token, number)
    }
    return p
  }

  private putString(out: Buffer, p: number, bytes: Uint8Array, start: number, end: number): number {
    const length = end - start
    if (this.huffman) {
      const coded = huffmanLength(bytes, start, end)
      if (coded < length) return encodeHuffman(bytes, start, end, out, putInteger(out, p, 0x80, 127, coded))
    }
    p = putInteger(out, p, 0, 127, length)
    if (length < 64) for (let i = 0; i < length; i++) out[p + i] = bytes[start + i]!
    else out.set(bytes.subarray(start, end), p)
    return p + length
  }
}

function putIndexed(out: Buffer, p: number, index: number): number {
  if (index >= 127) return putInteger(out, p, INDEXED, 127, index)
  out[p] = INDEXED | index
  return p + 1
}

/** RFC 7541, 5.1. */
function putInteger(out: Buffer, p: number, bits: number, mask: number, value: number): number {
  if (value < mask) {
    out[p] = bits | value
    return p + 1
  }
  out[p++] = bits | mask
  value -= mask
  while (value >= 128) {
    out[p++] = 128 | (value & 127)
    value >>>= 7
  }
  out[p] = value
  return p + 1
}

function staticNameIndexOf(print: number, name: Uint8Array, start: number, end: number): number {
  let slot = staticSlot(print)
  for (let index = staticIndices[slot]!; index !== 0; index = staticIndices[slot]!) {
    const { header } = STATIC_TABLE[index]!
    if (header.print === print && header.matches(name, start, end)) return index
    slot = (slot + 1) & (STATIC_SLOTS - 1)
  }
  return 0
}

function isSensitive(print: number, name: Uint8Array, start: number, end: number): boolean {
  for (let i = 0; i < SENSITIVE.length; i++) {
    const { bytes, print: own } = SENSITIVE[i]!
    if (own !== print || end - start !== bytes.length) continue
    let k = 0
    while (k < bytes.length && bytes[k] === name[start + k]) k++
    if (k === bytes.length) return true
  }
  return false
}
