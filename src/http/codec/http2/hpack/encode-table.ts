// HOT FILE (docs/hot-path.md): the encoder's dynamic table (RFC 7541, 2.3.2) and two ways to find an entry in it.
import { DEFAULT_TABLE_BYTES } from '../constants.ts'
import { ENTRY_OVERHEAD } from './decode-table.ts'

const START = 0
const NAME_LENGTH = 1
const VALUE_LENGTH = 2
const PRINT = 3
const WIDTH = 4

const INITIAL_BYTES = 512
const INITIAL_SLOTS = 16
/** Slots of the hash tables. They forget on collision: that costs bytes on the wire, never a wrong field. */
const HASH_SLOTS = 128
const HASH_SHIFT = 25
const NONE = new Int32Array(HASH_SLOTS)

/** Of the name and of some bytes of the value: enough to tell values apart, verified by a comparison anyway. */
export function fieldHash(print: number, value: Uint8Array, start: number, end: number): number {
  const length = end - start
  let hash = Math.imul(print ^ (length << 3), 0x9e3779b1)
  if (length > 0) {
    hash ^= (value[start]! << 24) | (value[start + (length >> 1)]! << 16) | (value[end - 1]! << 8)
    if (length > 3) hash ^= (value[start + (length >> 2)]! << 20) | (value[end - 2]! << 4) | value[end - 3]!
    hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b)
  }
  return (hash ^ (hash >>> 13)) | 1
}

/** Entries are known by a number that counts insertions: the newest is `inserted`, alive are the last `count`. */
export class EncodeTable {
  inserted = 0
  count = 0
  size = 0
  maxSize = DEFAULT_TABLE_BYTES
  private bytes: Buffer = Buffer.alloc(0)
  private tail = 0
  private entries = new Int32Array(0)
  private mask = -1
  /** Field hash -> number of the entry, and the hashes of fields that went out once without an entry. */
  private byField = NONE
  private once = NONE
  /** Print of a name -> number of its last entry. */
  private byName = NONE

  /** Index on the wire of entry `number`. */
  wireIndex(number: number): number {
    return 62 + this.inserted - number
  }

  /** Number of the entry that is exactly this field, or 0. */
  findField(
    hash: number,
    print: number,
    name: Uint8Array,
    nameStart: number,
    nameLength: number,
    value: Uint8Array,
    valueStart: number,
    valueLength: number,
  ): number {
    const number = this.byField[hash >>> HASH_SHIFT]!
    if (number <= this.inserted - this.count) return 0
    const at = (number & this.mask) * WIDTH
    const { entries, bytes } = this
    if (entries[at + PRINT] !== print || entries[at + VALUE_LENGTH] !== valueLength) return 0
    if (entries[at + NAME_LENGTH] !== nameLength) return 0
    const start = entries[at + START]!
    // Values differ in their ends more often than names that share a print do.
    for (let i = valueLength - 1, own = start + nameLength; i >= 0; i--) {
      if (bytes[own + i] !== value[valueStart + i]) return 0
    }
    for (let i = 0; i < nameLength; i++) if (bytes[start + i] !== name[nameStart + i]) return 0
    return number
  }

  /** Number of an entry of that name, or 0. */
  findName(print: number, name: Uint8Array, nameStart: number, nameLength: number): number {
    const number = this.byName[nameSlot(print)]!
    if (number <= this.inserted - this.count) return 0
    const at = (number & this.mask) * WIDTH
    const { entries, bytes } = this
    if (entries[at + PRINT] !== print || entries[at + NAME_LENGTH] !== nameLength) return 0
    const start = entries[at + START]!
    for (let i = 0; i < nameLength; i++) if (bytes[start + i] !== name[nameStart + i]) return 0
    return number
  }

  /** True when the field went out before: it is worth an entry. Values that never come again never get one. */
  seenBefore(hash: number): boolean {
    if (this.once === NONE) this.once = new Int32Array(HASH_SLOTS)
    const slot = hash >>> HASH_SHIFT
    if (this.once[slot] === hash) return true
    this.once[slot] = hash
    return false
  }

  /** Whether an entry of that size fits without emptying most of the table. */
  worthAdding(nameLength: number, valueLength: number): boolean {
    return (nameLength + valueLength + ENTRY_OVERHEAD) * 2 <= this.maxSize
  }

  insert(
    hash: number,
    print: number,
    name: Uint8Array,
    nameStart: number,
    nameLength: number,
    value: Uint8Array,
    valueStart: number,
    valueLength: number,
  ): void {
    const length = nameLength + valueLength
    const size = length + ENTRY_OVERHEAD
    this.evict(this.maxSize - size)
    if (this.count > this.mask) this.growSlots()
    if (this.tail + length > this.bytes.length) this.makeRoom(length)
    const number = ++this.inserted
    this.count++
    this.size += size
    const { entries, bytes } = this
    const at = (number & this.mask) * WIDTH
    let to = this.tail
    entries[at + START] = to
    entries[at + NAME_LENGTH] = nameLength
    entries[at + VALUE_LENGTH] = valueLength
    entries[at + PRINT] = print
    for (let i = 0; i < nameLength; i++) bytes[to++] = name[nameStart + i]!
    for (let i = 0; i < valueLength; i++) bytes[to++] = value[valueStart + i]!
    this.tail = to
    this.byField[hash >>> HASH_SHIFT] = number
    this.byName[nameSlot(print)] = number
  }

  setMaxSize(maxSize: number): void {
    this.maxSize = maxSize
    this.evict(maxSize)
  }

  private evict(size: number): void {
    while (this.count > 0 && this.size > size) {
      const at = ((this.inserted - this.count + 1) & this.mask) * WIDTH
      this.size -= this.entries[at + NAME_LENGTH]! + this.entries[at + VALUE_LENGTH]! + ENTRY_OVERHEAD
      this.count--
    }
    if (this.count === 0) this.tail = 0
  }

  private makeRoom(length: number): void {
    const oldest = (this.inserted - this.count + 1) & this.mask
    const from = this.count === 0 ? this.tail : this.entries[oldest * WIDTH + START]!
    const used = this.tail - from
    let capacity = Math.max(this.bytes.length, INITIAL_BYTES)
    while (capacity < (used + length) * 2) capacity *= 2
    if (capacity > this.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(capacity)
      this.bytes.copy(grown, 0, from, this.tail)
      this.bytes = grown
    } else this.bytes.copyWithin(0, from, this.tail)
    for (let i = 0; i < this.count; i++) this.entries[((oldest + i) & this.mask) * WIDTH + START]! -= from
    this.tail = used
  }

  private growSlots(): void {
    const capacity = this.mask < 0 ? INITIAL_SLOTS : (this.mask + 1) * 2
    if (this.mask < 0) {
      this.byField = new Int32Array(HASH_SLOTS)
      this.byName = new Int32Array(HASH_SLOTS)
    }
    const entries = new Int32Array(capacity * WIDTH)
    for (let i = 0; i < this.count; i++) {
      const number = this.inserted - i
      const from = (number & this.mask) * WIDTH
      entries.set(this.entries.subarray(from, from + WIDTH), (number & (capacity - 1)) * WIDTH)
    }
    this.entries = entries
    this.mask = capacity - 1
  }
}

const nameSlot = (print: number): number => Math.imul(print, 0x9e3779b1) >>> HASH_SHIFT
