import type { HeaderMap } from '../../headers.ts'

/** What a stream has to send and the peer's windows, or a slow connection, do not let go yet. */
export class PendingSend {
  bytes = 0
  /** The stream ends behind the last byte, or with `trailers`. */
  endStream = false
  trailers: HeaderMap | null = null
  private readonly chunks: Buffer[] = []
  private first = 0
  /** Bytes of the first chunk that have gone out. */
  offset = 0

  push(data: Buffer, start: number, end: number): void {
    this.chunks.push(Buffer.copyBytesFrom(data, start, end - start) as Buffer)
    this.bytes += end - start
  }

  /** The first chunk, which has bytes left from `offset` on; only while `bytes` is not 0. */
  get front(): Buffer {
    return this.chunks[this.first] as Buffer
  }

  consume(bytes: number): void {
    this.bytes -= bytes
    this.offset += bytes
    if (this.offset < this.front.length) return
    this.offset = 0
    this.first++
    // Chunks leave in gulps: shifting the array for each would cost more than it frees.
    if (this.first > 32 && this.first * 2 > this.chunks.length) {
      this.chunks.splice(0, this.first)
      this.first = 0
    } else this.chunks[this.first - 1] = EMPTY
  }
}

const EMPTY = Buffer.alloc(0)
