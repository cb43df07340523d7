// HOT FILE (docs/hot-path.md): pieces of a body that wait for the processor's word, in order.

export interface Chunk {
  data: Buffer
  /** The message ends with it. */
  end: boolean
  /** The processor has it. */
  readonly sent: boolean
}

const EMPTY = Buffer.alloc(0)

export class ChunkQueue {
  private chunks: Chunk[] = []
  /** Bytes of all chunks. */
  bytes = 0

  get length(): number {
    return this.chunks.length
  }

  get first(): Chunk | undefined {
    return this.chunks[0]
  }

  /** Copies the bytes. */
  push(data: Buffer, start: number, end: number, last: boolean, sent: boolean): Buffer {
    const copy = end > start ? (Buffer.copyBytesFrom(data, start, end - start) as Buffer) : EMPTY
    this.chunks.push({ data: copy, end: last, sent })
    this.bytes += copy.length
    return copy
  }

  shift(): Chunk | undefined {
    const chunk = this.chunks.shift()
    if (chunk !== undefined) this.bytes -= chunk.data.length
    return chunk
  }

  /** All chunks become one that is sent. */
  join(): Chunk {
    const data = this.chunks.length === 1 ? this.chunks[0]!.data : Buffer.concat(this.chunks.map(chunk => chunk.data))
    const chunk = { data, end: this.chunks.at(-1)?.end ?? false, sent: true }
    this.chunks = [chunk]
    return chunk
  }

  clear(): void {
    this.chunks = []
    this.bytes = 0
  }
}
