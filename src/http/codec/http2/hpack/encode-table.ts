// HOT FILE (docs/hot-path.md): the encoder's dynamic table (RFC 7541, 2.3.2) and two ways to find an entry in it.
import { DEFAULT_TABLE_BYTES } from '../constants.ts'
import { ENTRY_OVERHEAD } from './decode-table.ts'

const START = 0
const NAME_LENGTH = 1
const VALUE_LENGTH = 2
const PRINT = 3
const HASH = 4
const WIDTH = 5

const INITIAL_BYTES = 512
const INITIAL_SLOTS = 16
/** Slots of the hash tables, and how far a search goes in them. They forget: that costs bytes, never a wrong field. */
const HASH_SLOTS = 256
const HASH_MASK = HASH_SLOTS - 1
const WAYS = 4
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
  /** Hash of a name -> number of its last entry. */
  private byName = NONE
  /** Token of a line, and the number of the entry that it is. */
  private byToken = new Int32Array(0)
  private readonly tokenMask: number

  /** `tokens`: how many are remembered, a power of two. */
  constructor(tokens: number) {
    this.tokenMask = tokens - 1
  }

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
    const { entries, byField, mask } = this
    const evicted = this.inserted - this.count
    for (let way = 0; way < WAYS; way++) {
      const number = byField[(hash + way) & HASH_MASK]!
      if (number <= evicted) continue
      const at = (number & mask) * WIDTH
      if (entries[at + HASH] !== hash || entries[at + PRINT] !== print) continue
      if (entries[at + VALUE_LENGTH] !== valueLength || entries[at + NAME_LENGTH] !== nameLength) continue
      const start = entries[at + START]!
      if (!this.equals(start, name, nameStart, nameLength)) continue
      if (this.equals(start + nameLength, value, valueStart, valueLength)) return number
    }
    return 0
  }

  /** Number of an entry of that name, or 0. */
  findName(print: number, name: Uint8Array, nameStart: number, nameLength: number): number {
    const { entries, byName, mask } = this
    const evicted = this.inserted - this.count
    const hash = nameHash(print)
    for (let way = 0; way < WAYS; way++) {
      const number = byName[(hash + way) & HASH_MASK]!
      if (number <= evicted) continue
      const at = (number & mask) * WIDTH
      if (entries[at + PRINT] !== print || entries[at + NAME_LENGTH] !== nameLength) continue
      if (this.equals(entries[at + START]!, name, nameStart, nameLength)) return number
    }
    return 0
  }

  private equals(own: number, other: Uint8Array, start: number, length: number): boolean {
    const { bytes } = this
    for (let i = 0; i < length; i++) if (bytes[own + i] !== other[start + i]) return false
    return true
  }

  /** Number of the entry that `token` went out as last time, or 0. */
  findToken(token: number): number {
    const at = (token & this.tokenMask) << 1
    if (this.byToken[at] !== token) return 0
    const number = this.byToken[at + 1]!
    return number > this.inserted - this.count ? number : 0
  }

  rememberToken(token: number, number: number): void {
    if (this.byToken.length === 0) this.byToken = new Int32Array((this.tokenMask + 1) * 2)
    const at = (token & this.tokenMask) << 1
    this.byToken[at] = token
    this.byToken[at + 1] = number
  }

  /** True when the field went out before: it is worth an entry. Values that never come again never get one. */
  seenBefore(hash: number): boolean {
    if (this.once === NONE) this.once = new Int32Array(HASH_SLOTS)
    const slot = hash & HASH_MASK
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
  ): number {
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
    entries[at + HASH] = hash
    this.place(this.byField, hash, number, at)
    this.place(this.byName, nameHash(print), number, at)
    return number
  }

  /** Puts the entry where nothing lives any more, or in the place of the same name's last one, or of the oldest. */
  private place(table: Int32Array, hash: number, number: number, at: number): void {
    const { entries, mask } = this
    const evicted = this.inserted - this.count
    let slot = hash & HASH_MASK
    for (let way = 0; way < WAYS; way++) {
      const candidate = (hash + way) & HASH_MASK
      const other = table[candidate]!
      if (
        other <= evicted ||
        (table === this.byName && entries[(other & mask) * WIDTH + PRINT] === entries[at + PRINT])
      ) {
        slot = candidate
        break
      }
      if (other < table[slot]!) slot = candidate
    }
    table[slot] = number
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

const nameHash = (print: number): number => Math.imul(print, 0x9e3779b1) >>> 20
