// Header blocks to lists of fields, just as they stand on the wire.
import { decodeHuffman } from '../../../src/http/codec/http2/hpack/huffman.ts'
import { STATIC_ENTRIES, STATIC_TABLE } from '../../../src/http/codec/http2/hpack/static-table.ts'

type Field = readonly [name: string, value: string]
const TABLE_BYTES = 4096

/** The decoder of one direction of a connection. */
export class HpackFields {
  private readonly table: Field[] = []
  private limit = TABLE_BYTES
  private block: Buffer = Buffer.alloc(0)
  private at = 0

  decode(block: Buffer): readonly Field[] {
    this.block = block
    this.at = 0
    const fields: Field[] = []
    while (this.at < block.length) {
      const byte = block[this.at]!
      if (byte >= 0x80) fields.push(this.entry(this.integer(0x7f)))
      else if ((byte & 0xe0) === 0x20) {
        this.limit = this.integer(0x1f)
        this.evict()
      } else {
        const indexing = (byte & 0x40) !== 0
        const index = this.integer(indexing ? 0x3f : 0x0f)
        const field: Field = [index === 0 ? this.string() : this.entry(index)[0], this.string()]
        fields.push(field)
        if (indexing) {
          this.table.unshift(field)
          this.evict()
        }
      }
    }
    return fields
  }

  private entry(index: number): Field {
    if (index > STATIC_ENTRIES) return this.table[index - STATIC_ENTRIES - 1]!
    const { name, value } = STATIC_TABLE[index]!
    return [name, value]
  }

  private evict(): void {
    const size = (): number => this.table.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0)
    while (size() > this.limit) this.table.pop()
  }

  private integer(mask: number): number {
    let value = this.block[this.at++]! & mask
    if (value < mask) return value
    for (let shift = 0; ; shift += 7) {
      const byte = this.block[this.at++]!
      value += (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }

  private string(): string {
    const huffman = this.block[this.at]! >= 0x80
    const length = this.integer(0x7f)
    const from = this.at
    this.at += length
    if (!huffman) return this.block.toString('latin1', from, this.at)
    const to = Buffer.alloc(length * 2 + 8)
    return to.toString('latin1', 0, decodeHuffman(this.block, from, this.at, to, 0))
  }
}
