// HOT FILE (docs/hot-path.md): the decoder's dynamic table (RFC 7541, 2.3.2), kept as bytes.
import type { HeaderName } from '../../../header-name.ts'
import { nextToken } from '../../../prepared-line.ts'
import { DEFAULT_TABLE_BYTES } from '../constants.ts'

const START = 0
const NAME_LENGTH = 1
const LINE_LENGTH = 2
const PRINT = 3
const KIND = 4
const SIZE = 5
const TOKEN = 6
const WIDTH = 7

/** What RFC 7541, 4.1 charges for an entry beside its bytes. */
export const ENTRY_OVERHEAD = 32
const INITIAL_BYTES = 512
const INITIAL_SLOTS = 16

/**
 * Entries are whole lines, `name: value\r\n`, ready to be copied into a HeaderMap, with what is known of their names and
 * whether they are valid: an indexed field costs one copy. (bench: http2-codec)
 */
export class DecodeTable {
  bytes: Buffer = Buffer.alloc(0)
  /** The same bytes, for copies in words. */
  view = new DataView(this.bytes.buffer, 0, 0)
  /** Entries in use. */
  count = 0
  /** Bytes as RFC 7541 counts them. */
  size = 0
  /** The size that the peer's encoder has chosen. */
  maxSize = DEFAULT_TABLE_BYTES
  private entries = new Int32Array(0)
  private names: (HeaderName | undefined)[] = []
  private texts: string[] = []
  private mask = -1
  /** Slot of the next entry. */
  private head = 0
  private tail = 0

  /** Slot of dynamic entry `index` (0: the newest), which must be below `count`. */
  slot(index: number): number {
    return (this.head - 1 - index) & this.mask
  }

  startOf(slot: number): number {
    return this.entries[slot * WIDTH + START]!
  }

  nameLengthOf(slot: number): number {
    return this.entries[slot * WIDTH + NAME_LENGTH]!
  }

  /** Of the whole line, its CRLF included. */
  lineLengthOf(slot: number): number {
    return this.entries[slot * WIDTH + LINE_LENGTH]!
  }

  printOf(slot: number): number {
    return this.entries[slot * WIDTH + PRINT]!
  }

  /** A FieldKind; negative when the value is not valid for it. */
  kindOf(slot: number): number {
    return this.entries[slot * WIDTH + KIND]!
  }

  sizeOf(slot: number): number {
    return this.entries[slot * WIDTH + SIZE]!
  }

  tokenOf(slot: number): number {
    return this.entries[slot * WIDTH + TOKEN]!
  }

  headerOf(slot: number): HeaderName | undefined {
    return this.names[slot]
  }

  /** The value as a string, for the few pseudo-headers that are kept as one. */
  textOf(slot: number): string {
    return this.texts[slot] as string
  }

  /** Adds the line [start, start + length) of `from`; `size` as RFC 7541 counts it. */
  insert(
    from: Buffer,
    start: number,
    nameLength: number,
    length: number,
    print: number,
    kind: number,
    size: number,
    header: HeaderName | undefined,
    text: string,
  ): void {
    this.evict(this.maxSize - size)
    // An entry larger than the table empties it, and that is all (RFC 7541, 4.4).
    if (size > this.maxSize) return
    if (this.count > this.mask) this.growSlots()
    if (this.tail + length > this.bytes.length) this.makeRoom(length)
    const slot = this.head
    const at = slot * WIDTH
    const { entries } = this
    entries[at + START] = this.tail
    entries[at + NAME_LENGTH] = nameLength
    entries[at + LINE_LENGTH] = length
    entries[at + PRINT] = print
    entries[at + KIND] = kind
    entries[at + SIZE] = size
    entries[at + TOKEN] = nextToken()
    this.names[slot] = header
    this.texts[slot] = text
    from.copy(this.bytes, this.tail, start, start + length)
    this.tail += length
    this.head = (slot + 1) & this.mask
    this.count++
    this.size += size
  }

  setMaxSize(maxSize: number): void {
    this.maxSize = maxSize
    this.evict(maxSize)
  }

  /** Drops the oldest entries until at most `size` bytes are left. */
  private evict(size: number): void {
    while (this.count > 0 && this.size > size) {
      const slot = (this.head - this.count) & this.mask
      this.size -= this.entries[slot * WIDTH + SIZE]!
      this.names[slot] = undefined
      this.texts[slot] = ''
      this.count--
    }
    if (this.count === 0) this.tail = 0
  }

  /** Moves the lines in use to the front; they stand side by side, oldest first. */
  private makeRoom(length: number): void {
    const oldest = this.count === 0 ? this.tail : this.startOf((this.head - this.count) & this.mask)
    const used = this.tail - oldest
    let capacity = Math.max(this.bytes.length, INITIAL_BYTES)
    // Twice what is in use: then moving costs little for each byte that is added.
    while (capacity < (used + length) * 2) capacity *= 2
    if (capacity > this.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(capacity)
      this.bytes.copy(grown, 0, oldest, this.tail)
      this.bytes = grown
      this.view = new DataView(grown.buffer)
    } else this.bytes.copyWithin(0, oldest, this.tail)
    for (let i = 0; i < this.count; i++) this.entries[this.slot(i) * WIDTH + START]! -= oldest
    this.tail = used
  }

  private growSlots(): void {
    const capacity = this.mask < 0 ? INITIAL_SLOTS : (this.mask + 1) * 2
    const entries = new Int32Array(capacity * WIDTH)
    const names: (HeaderName | undefined)[] = new Array(capacity).fill(undefined)
    const texts: string[] = new Array(capacity).fill('')
    for (let i = 0; i < this.count; i++) {
      const from = (this.head - this.count + i) & this.mask
      entries.set(this.entries.subarray(from * WIDTH, from * WIDTH + WIDTH), i * WIDTH)
      names[i] = this.names[from]
      texts[i] = this.texts[from] as string
    }
    this.entries = entries
    this.names = names
    this.texts = texts
    this.mask = capacity - 1
    this.head = this.count & this.mask
  }
}
